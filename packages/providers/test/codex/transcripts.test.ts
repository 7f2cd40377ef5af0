/** Recorded conversations with the real codex, played back whole and broken, through the adapter as it is. */
import { assert, describe, it } from "@effect/vitest";
import { Effect, Exit } from "effect";
import { prompt, start, type Started, textOf } from "../support.ts";
import { assertWellFormed } from "../well-formed.ts";
import {
  answersIn,
  expectedTurns,
  type ExpectedTurn,
  type Faults,
  INTERRUPT_NOW,
  isMessage,
  type Line,
  resumedIn,
  sessionsOf,
  STEER_NOW,
} from "./recording.ts";
import { playing } from "./support.ts";

const recordings = [
  "basic",
  "approvals",
  "filechange",
  "escalate",
  "codemode",
  "userinput",
  "interrupt",
  "busy",
  "parallel",
  "fail",
  "kill",
  "unanswered-sigkill",
] as const;

/** Does what was done when it was recorded, until the turn is over or codex gone. */
const replayTurn = Effect.fnUntraced(function* (
  { session, seen }: Started,
  turn: ExpectedTurn,
  lines: ReadonlyArray<Line>,
) {
  const recorded = answersIn(lines);
  const questions = [...recorded.values()].find(({ answers }) => answers !== undefined)?.answers;
  const from = seen.events.length;
  yield* prompt(session, turn.prompt);
  for (;;) {
    const event = yield* seen.next(
      (event) =>
        event.type === "turn.completed" ||
        event.type === "session.exited" ||
        event.type === "approval.requested" ||
        event.type === "user-input.requested" ||
        (event.type === "notice" && (event.summary === INTERRUPT_NOW || event.summary === STEER_NOW)),
    );
    if (event.type === "turn.completed" || event.type === "session.exited") return seen.events.slice(from);
    if (event.type === "user-input.requested") {
      yield* session.respondUserInput(event.requestKey, questions ?? {});
    } else if (event.type === "approval.requested") {
      const decision = recorded.get(event.itemId ?? "")?.decision;
      if (decision !== undefined) yield* session.respondApproval(event.requestKey, decision);
    } else if (event.type === "notice") {
      yield* event.summary === INTERRUPT_NOW
        ? session.interrupt
        : session.steer({ text: "[[say: steered]]", attachments: [] });
    }
  }
});

const replay = Effect.fnUntraced(function* (lines: ReadonlyArray<Line>, faults: Faults) {
  const agent = yield* playing(lines, faults);
  const started = yield* start({ ...agent, ...resumedIn(lines), runtimeMode: "approval-required" });
  const turns = expectedTurns(lines);
  for (const turn of turns) {
    const events = yield* replayTurn(started, turn, lines);
    const ends = events.filter((event) => event.type === "turn.completed");
    assert.strictEqual(textOf(events), turn.text);
    const used = events.findLast((event) => event.type === "usage.updated")?.usage;
    assert.strictEqual(used?.inputTokens ?? 0, turn.inputTokens);
    assert.deepStrictEqual(
      ends.map(({ status }) => status),
      turn.status === undefined ? [] : [turn.status],
    );
  }
  return { ...started, turns };
});

const sessionsIn = (names: ReadonlyArray<string>) =>
  names.flatMap((name) => sessionsOf(name).map((lines, index) => ({ name, index, lines })));

const telling = ["basic", "filechange", "interrupt", "busy", "userinput"];

const playbacks = [
  { how: "as recorded", faults: {}, sessions: sessionsIn(recordings) },
  { how: "cut into pieces of 13 bytes", faults: { pieces: 13 }, sessions: sessionsIn(telling) },
  {
    how: "with every notification but text doubled",
    faults: { doubled: true },
    sessions: sessionsIn(telling),
  },
  { how: "out of order", faults: { reordered: true }, sessions: sessionsIn(telling) },
  { how: "with kinds that nobody knows", faults: { unknownKinds: true }, sessions: sessionsIn(telling) },
];

describe.concurrent.each(playbacks)("a recorded session of codex, $how", ({ faults, sessions }) => {
  it.live.each(sessions)("$name $index", ({ lines }) =>
    Effect.gen(function* () {
      const { seen, turns } = yield* Effect.scoped(replay(lines, faults));
      assertWellFormed(yield* seen.ended);

      const { exitCode, signal } = seen.all("session.exited")[0] ?? {};
      const ended = turns.every(({ status }) => status !== undefined);
      const recorded = lines.find((line) => line.dir === "exit")?.msg;
      assert.deepStrictEqual([exitCode, signal], ended ? [0, null] : [null, recorded?.signal]);
    }).pipe(Effect.scoped),
  );
});

describe.concurrent("a session of codex that breaks off", () => {
  const lines = sessionsOf("basic")[0] ?? [];
  const messages = lines.filter(isMessage).filter(({ dir }) => dir === "<");
  const opened = messages.findIndex(({ msg }) => msg.result?.thread !== undefined) + 1;
  const later = messages.slice(opened).map((_, index) => opened + index + 1);

  it.live("is read to its last message, newline or not", () =>
    Effect.gen(function* () {
      const { seen } = yield* replay(lines, { lastNewlineMissing: true });
      const events = yield* seen.ended;
      assertWellFormed(events);
      assert.deepStrictEqual(events.at(-2), { type: "turn.completed", status: "completed" });
    }).pipe(Effect.scoped),
  );

  it.live.each(later)(
    "ends with the exit and nothing open when codex dies instead of message %i",
    (crashAt) =>
      Effect.gen(function* () {
        const { session, seen } = yield* start({
          ...(yield* playing(lines, { crashAt })),
          runtimeMode: "approval-required",
        });
        for (const turn of expectedTurns(lines)) {
          const events = yield* Effect.exit(
            replayTurn({ session, seen, cwd: "", turn: () => Effect.die("") }, turn, lines),
          );
          if (Exit.isFailure(events) || events.value.at(-1)?.type === "session.exited") break;
        }
        assertWellFormed(yield* seen.ended);
        assert.isAtMost(seen.all("turn.completed").length, expectedTurns(lines).length);
        assert.strictEqual(seen.all("session.exited")[0]?.exitCode, 7);
      }).pipe(Effect.scoped),
  );
});
