import { assert, describe, it } from "@effect/vitest";
import { CommandRejected } from "@heddle/contracts/Errors";
import { CommandId, EventId } from "@heddle/contracts/Ids";
import { type ChainNode, type EventChain, GetChainInput } from "@heddle/contracts/InspectionRpc";
import { Effects } from "@heddle/event-store/Effects";
import { Receipts } from "@heddle/event-store/Receipts";
import { Effect, Schema } from "effect";
import { SqlClient } from "effect/sql";
import { eventChain } from "../src/inspect/Chain.ts";
import { type ChainBounds, usualChainBounds } from "../src/inspect/ChainReads.ts";
import { freshStore, logged, type Made } from "./inspection-support.ts";

const decode = Schema.decodeUnknownSync(GetChainInput);

const chain = (input: (typeof GetChainInput)["Encoded"], bounds: ChainBounds = usualChainBounds) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) => eventChain(sql, bounds)(decode(input)));

const words = (node: ChainNode): string => {
  switch (node.kind) {
    case "command":
      return `command ${node.commandId}${node.receipt?.error ? ` ${node.receipt.error.code}` : ""}`;
    case "event":
      return `${node.sequence} ${node.event.eventType}`;
    case "unreadable":
      return `${node.sequence} unreadable`;
    case "segments":
      return `${node.sequence} to ${node.lastSequence} ${node.count} segments of ${node.messageId}`;
    case "effect":
      return `effect ${node.effect.kind} ${node.effect.status}`;
  }
};

/** The tree as lines: what was asked for with `*`, the way to it with `+`. */
const drawn = ({ nodes }: EventChain): ReadonlyArray<string> => {
  const depth = new Map<string, number>();
  return nodes.map((node) => {
    const level = node.parent === null ? 0 : (depth.get(node.parent) ?? Number.NaN) + 1;
    depth.set(node.id, level);
    return `${node.asked ? "*" : node.onPath ? "+" : " "}${". ".repeat(level)}${words(node)}`;
  });
};

const receipt = (commandId: string, sequence: number, rejected = false) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient;
    const error = new CommandRejected({
      commandId: CommandId.make(commandId),
      commandType: "thread.turn.start",
      code: "turn-in-progress",
      message: "A turn is in progress.",
    });
    const row = {
      commandId: CommandId.make(commandId),
      aggregateKind: "thread" as const,
      aggregateId: "t1",
      acceptedAt: "2026-02-03T04:05:06.000Z",
      resultSequence: sequence,
      error: rejected ? error : null,
      fingerprint: "f",
    };
    yield* sql.withTransaction((yield* Receipts).insert([row]));
  });

const PROMPT: ReadonlyArray<Made> = [
  { type: "thread.message-sent", command: "ask", correlation: "ask", payload: { text: "do it" } },
  { type: "thread.turn-start-requested", command: "ask", place: 2, correlation: "ask", cause: "ask#1" },
  { type: "thread.turn-started", command: "begin", correlation: "ask", cause: "ask#2", actor: "server" },
];

const byAgent = (type: Made["type"], command: string, payload: Record<string, unknown> = {}): Made => ({
  type,
  command,
  correlation: "ask",
  cause: "begin#1",
  actor: "provider",
  payload,
});

const segment = (command: string, messageId: string, text: string): Made =>
  byAgent("thread.message-sent", command, { messageId, role: "assistant", text, streaming: true });

describe("a chain of causes and consequences", () => {
  it.effect("goes from the command over its events and what they asked for to the end of the turn", () =>
    Effect.gen(function* () {
      yield* logged(
        { type: "thread.created", correlation: "other" },
        ...PROMPT,
        byAgent("thread.activity-appended", "act"),
        byAgent("thread.turn-completed", "end"),
        { type: "thread.archived", correlation: "other-2" },
      );
      yield* receipt("ask", 3);
      const sql = yield* SqlClient.SqlClient;
      const effect = {
        eventSequence: 3,
        eventId: EventId.make("ask#2"),
        correlationId: "ask",
        kind: "turn.start",
        lane: "thread/t1",
        payload: {},
        dueAt: 0,
      };
      yield* sql.withTransaction((yield* Effects).insert([effect]));
      const expected = (asked: string) => [
        ...(asked === "ask" ? ["*command ask"] : ["+command ask"]),
        `${asked === "ask" ? " " : "+"}. 2 thread.message-sent`,
        `${asked === "ask" ? " " : "+"}. . 3 thread.turn-start-requested`,
        " . . . effect turn.start pending",
        `${asked === "ask" ? " " : "+"}. . . 4 thread.turn-started`,
        `${asked === "ask" ? " " : "*"}. . . . 5 thread.activity-appended`,
        " . . . . 6 thread.turn-completed",
      ];
      assert.deepStrictEqual(drawn(yield* chain({ commandId: "ask" })), expected("ask"));
      assert.deepStrictEqual(drawn(yield* chain({ sequence: 5 })), expected("act"));
      assert.deepStrictEqual(drawn(yield* chain({ eventId: "act#1" })), expected("act"));
      // A command of the server leads to the chain that it is part of.
      const whole = yield* chain({ commandId: "act" });
      assert.deepStrictEqual(drawn(whole), expected("act"));
      assert.deepInclude(whole, { correlationId: "ask", events: 5, firstSequence: 2, lastSequence: 6 });
    }).pipe(Effect.provide(freshStore)),
  );

  it.effect("tells the segments of one message as one, as long as nothing comes between them", () =>
    Effect.gen(function* () {
      yield* logged(
        ...PROMPT,
        segment("s1", "m2", "Once "),
        segment("s2", "m2", "upon "),
        byAgent("thread.activity-appended", "act"),
        segment("s3", "m2", "a time."),
        segment("s4", "m3", "The "),
        segment("s5", "m3", "end."),
      );
      const given = yield* chain({ commandId: "ask" });
      assert.deepStrictEqual(drawn(given).slice(4), [
        " . . . . 4 to 5 2 segments of m2",
        " . . . . 6 thread.activity-appended",
        " . . . . 7 thread.message-sent",
        " . . . . 8 to 9 2 segments of m3",
      ]);
      const run = given.nodes.find(({ kind }) => kind === "segments");
      assert.deepInclude(run, { characters: 10, text: "Once " });
      assert.include(drawn(yield* chain({ sequence: 9 })), "*. . . . 8 to 9 2 segments of m3");
    }).pipe(Effect.provide(freshStore)),
  );

  it.effect("shows what people answered below what was asked, though it is a chain of its own", () =>
    Effect.gen(function* () {
      yield* logged(
        ...PROMPT,
        byAgent("thread.approval-requested", "may"),
        { type: "thread.approval-response-requested", command: "yes", correlation: "yes" },
        { type: "thread.turn-interrupt-requested", command: "stop", correlation: "stop" },
        {
          type: "thread.approval-response-requested",
          command: "else",
          correlation: "else",
          payload: { requestId: "request-of-another-turn" },
        },
        byAgent("thread.turn-completed", "end"),
      );
      const given = yield* chain({ commandId: "ask" });
      assert.deepStrictEqual(drawn(given).slice(4), [
        " . . . . 4 thread.approval-requested",
        " . . . . . 5 thread.approval-response-requested",
        " . . . . 6 thread.turn-interrupt-requested",
        " . . . . 8 thread.turn-completed",
      ]);
      assert.strictEqual(given.events, 5);
      assert.deepStrictEqual(drawn(yield* chain({ sequence: 5 })), [
        "+command yes",
        "*. 5 thread.approval-response-requested",
      ]);
    }).pipe(Effect.provide(freshStore)),
  );

  it.effect(
    "shows commands that were rejected in its thread meanwhile, and one that was asked for alone",
    () =>
      Effect.gen(function* () {
        yield* logged(...PROMPT, byAgent("thread.turn-completed", "end"));
        yield* receipt("ask", 2);
        yield* receipt("again", 3, true);
        // The log stood at the end of the chain.
        yield* receipt("later", 4, true);
        assert.deepStrictEqual(drawn(yield* chain({ commandId: "ask" })).slice(3), [
          " . . . 3 thread.turn-started",
          " . command again turn-in-progress",
          " . . . . 4 thread.turn-completed",
        ]);
        const alone = yield* chain({ commandId: "again" });
        assert.deepStrictEqual(drawn(alone), ["*command again turn-in-progress"]);
        assert.strictEqual(alone.events, 0);
        assert.deepInclude(yield* Effect.flip(chain({ commandId: "never" })), {
          _tag: "NotFound",
          kind: "command",
        });
      }).pipe(Effect.provide(freshStore)),
  );

  it.effect(
    "that is too long shows its beginning, its end and the way to what was asked for, and goes on from there",
    () =>
      Effect.gen(function* () {
        yield* logged(
          ...PROMPT,
          ...Array.from({ length: 100 }, (_, index) => byAgent("thread.activity-appended", `act-${index}`)),
          byAgent("thread.turn-completed", "end"),
        );
        const given = yield* chain({ sequence: 50, limit: 8 });
        assert.deepStrictEqual(drawn(given), [
          "+command ask",
          "+. 1 thread.message-sent",
          "+. . 2 thread.turn-start-requested",
          "+. . . 3 thread.turn-started",
          " . . . . 4 thread.activity-appended",
          "*. . . . 50 thread.activity-appended",
          " . . . . 101 thread.activity-appended",
          " . . . . 102 thread.activity-appended",
          " . . . . 103 thread.activity-appended",
          " . . . . 104 thread.turn-completed",
        ]);
        assert.deepStrictEqual(given.leftOut, { events: 95, afterSequence: 4, beforeSequence: 101 });

        // Page by page, each event of the chain comes, and what is left out gets less.
        const seen = new Set<number>();
        let from = 0;
        for (;;) {
          const page = yield* chain({ commandId: "ask", limit: 20, fromSequenceExclusive: from });
          for (const node of page.nodes) if (node.kind === "event") seen.add(node.sequence);
          if (page.leftOut === null) break;
          assert.isAbove(page.leftOut.afterSequence, from);
          assert.isAbove(page.leftOut.events, 0);
          from = page.leftOut.afterSequence;
        }
        assert.deepStrictEqual(
          [...seen].toSorted((left, right) => left - right),
          Array.from({ length: 104 }, (_, index) => index + 1),
        );
      }).pipe(Effect.provide(freshStore)),
  );

  it.effect("that is too long to be looked at whole still has its root, its end, and the way", () =>
    Effect.gen(function* () {
      yield* logged(
        ...PROMPT,
        ...Array.from({ length: 200 }, (_, index) => byAgent("thread.activity-appended", `act-${index}`)),
        byAgent("thread.turn-completed", "end"),
      );
      const given = yield* chain({ sequence: 100, limit: 6 }, { rows: 10, batch: 3 });
      assert.deepStrictEqual(drawn(given), [
        "+command ask",
        "+. 1 thread.message-sent",
        "+. . 2 thread.turn-start-requested",
        "+. . . 3 thread.turn-started",
        "*. . . . 100 thread.activity-appended",
        " . . . . 202 thread.activity-appended",
        " . . . . 203 thread.activity-appended",
        " . . . . 204 thread.turn-completed",
      ]);
      assert.deepStrictEqual(given.leftOut, { events: 197, afterSequence: 3, beforeSequence: 202 });
    }).pipe(Effect.provide(freshStore)),
  );

  it.effect("cuts long texts, and leaves details to those who ask for the event", () =>
    Effect.gen(function* () {
      yield* logged(
        { ...PROMPT[0], type: "thread.message-sent", payload: { text: "x".repeat(1000) } },
        byAgent("thread.activity-appended", "act", { detail: { output: "y".repeat(1000) } }),
      );
      const { nodes } = yield* chain({ commandId: "ask" });
      assert.isBelow(JSON.stringify(nodes).length, 3000);
      const [, message, activity] = nodes;
      assert.isTrue(message?.kind === "event" && message.event.eventType === "thread.message-sent");
      assert.isTrue(activity?.kind === "event" && "detail" in activity.event.payload);
    }).pipe(Effect.provide(freshStore)),
  );

  it.effect("shows an event that cannot be read, and what came of it", () =>
    Effect.gen(function* () {
      yield* logged(...PROMPT, byAgent("thread.turn-completed", "end"));
      const sql = yield* SqlClient.SqlClient;
      yield* sql`UPDATE orchestration_events SET payload_json = '{' WHERE sequence = 3`;
      assert.deepStrictEqual(drawn(yield* chain({ sequence: 4 })).slice(3), [
        "+. . . 3 unreadable",
        "*. . . . 4 thread.turn-completed",
      ]);
    }).pipe(Effect.provide(freshStore)),
  );
});
