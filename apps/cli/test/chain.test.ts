/** A chain as people see it, on terminals of several widths. */
import { EventChain } from "@heddle/contracts/InspectionRpc";
import { Schema } from "effect";
import { describe, expect, it } from "vitest";
import { chainText } from "../src/render/Chain.ts";
import { withoutMarks } from "../src/render/Colour.ts";
import { width } from "../src/render/Table.ts";

const AT = "2026-02-03T04:05:06.000Z";
const later = (seconds: number): string => new Date(Date.parse(AT) + seconds * 1000).toISOString();

const envelope = (sequence: number, eventType: string, payload: object, actorKind: string) => ({
  sequence,
  eventId: `e${sequence}#1`,
  aggregateKind: "thread",
  streamId: "t1",
  streamVersion: sequence,
  eventType,
  eventVersion: 1,
  occurredAt: AT,
  commandId: `e${sequence}`,
  causationEventId: null,
  correlationId: "ask",
  actorKind,
  payload: { threadId: "t1", ...payload },
  metadata: {},
});

const node = (id: string, parent: string | null, sequence: number, fields: object) => ({
  id,
  parent,
  sequence,
  at: later(sequence),
  onPath: false,
  asked: false,
  ...fields,
});

const receipt = {
  commandId: "ask",
  aggregateKind: "thread",
  aggregateId: "t1",
  acceptedAt: AT,
  resultSequence: 2,
  status: "accepted",
  error: null,
};

const chain = Schema.decodeUnknownSync(EventChain)({
  correlationId: "ask",
  events: 12,
  firstSequence: 1,
  lastSequence: 120,
  startedAt: AT,
  endedAt: later(120),
  nodes: [
    node("command:ask", null, 1, { kind: "command", commandId: "ask", receipt, onPath: true }),
    node("a", "command:ask", 1, {
      kind: "event",
      onPath: true,
      event: envelope(
        1,
        "thread.message-sent",
        {
          messageId: "m1",
          turnId: null,
          role: "user",
          text: "a prompt\nof several lines \u001B[31mthat is longer than any terminal is wide, and goes on",
          offset: 0,
          streaming: false,
          attachments: [],
          createdAt: AT,
        },
        "client",
      ),
    }),
    node("b", "a", 2, {
      kind: "event",
      asked: true,
      onPath: true,
      event: envelope(
        2,
        "thread.turn-started",
        { turnId: "u1", turnCount: 1, messageId: "m1", startedAt: AT },
        "server",
      ),
    }),
    node("effect:1", "b", 2, {
      kind: "effect",
      effect: {
        effectId: 1,
        eventSequence: 2,
        kind: "turn.start",
        lane: "thread/t1",
        status: "dead",
        attempts: 5,
        dueAt: AT,
        outcome: "The agent could not be started: no such file",
        payload: {},
        createdAt: AT,
        updatedAt: AT,
      },
    }),
    node("c", "b", 3, {
      kind: "segments",
      messageId: "m2",
      count: 1200,
      lastSequence: 1300,
      lastAt: later(9),
      characters: 48_000,
      text: "Once upon a time",
    }),
    node("command:again", "command:ask", 3, {
      kind: "command",
      commandId: "again",
      receipt: {
        ...receipt,
        commandId: "again",
        status: "rejected",
        error: {
          _tag: "CommandRejected",
          commandId: "again",
          commandType: "thread.turn.start",
          code: "turn-in-progress",
          message: "m",
        },
      },
    }),
    node("lost", "no-longer-there", 119, {
      kind: "event",
      event: envelope(119, "thread.archived", {}, "client"),
    }),
    node("d", "b", 120, {
      kind: "event",
      event: envelope(
        120,
        "thread.turn-completed",
        { turnId: "u1", status: "completed", reason: null, completedAt: AT },
        "provider",
      ),
    }),
  ],
  leftOut: { events: 8, afterSequence: 3, beforeSequence: 119 },
});

const drawn = (columns: number): ReadonlyArray<string> =>
  withoutMarks(chainText(chain, { columns, more: (after) => `heddle events chain b --after ${after}` }))
    .trimEnd()
    .split("\n");

describe("a chain of events", () => {
  it("is a tree: each node below its cause, with its time since the root and who acted", () => {
    expect(drawn(200)).toEqual([
      "›           1.0 s  client   command ask  accepted",
      "›   1       1.0 s  client   ├ message-sent  user: a prompt⏎of several lines ^[[31mthat is longer than any terminal is wide, and goes on",
      "▶   2       2.0 s  server   │ └ turn-started  turn 1",
      "            2.0 s  server   │   ├ effect  turn.start dead after 5 tries: The agent could not be started: no such file",
      "    3       3.0 s  provider │   ├ message-sent  assistant ×1200: Once upon a time (48,000 characters)",
      "     … 8 events more between 3 and 119: heddle events chain b --after 3",
      "  120   2 min 0 s  provider │   └ turn-completed  completed",
      "            3.0 s  client   ├ command refused: turn-in-progress  again",
      "  119  1 min 59 s  client   └ archived",
    ]);
  });

  it.each([60, 80, 120])("fits a terminal of %i columns, but for the command that shows more", (columns) => {
    const rows = drawn(columns).filter((line) => !line.includes("--after"));
    expect(Math.max(...rows.map(width))).toBeLessThan(columns);
  });
});
