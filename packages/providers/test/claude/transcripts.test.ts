/** Recorded conversations with the real claude, played back whole and broken, through the adapter and the SDK as they are. */
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
  isFromClaude,
  type Line,
  recording,
  STEER_NOW,
} from "./recording.ts";
import { playing } from "./support.ts";

const recordings = ["basic", "approvals", "question", "tasks", "steer", "interrupt", "fail", "kill"] as const;

/** Does what was done when it was recorded, until the turn is over or claude gone. */
const replayTurn = Effect.fnUntraced(function* (
  { session, seen }: Pick<Started, "session" | "seen">,
  turn: ExpectedTurn,
  lines: ReadonlyArray<Line>,
) {
  const recorded = answersIn(lines);
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
      const given = [...recorded.values()].find(({ answers }) => answers !== undefined)?.answers ?? [];
      const answers = Object.fromEntries(given.map((answer, index) => [`question-${index + 1}`, answer]));
      yield* session.respondUserInput(event.requestKey, answers);
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
  const started = yield* start({ ...agent, runtimeMode: "approval-required" });
  const turns = expectedTurns(lines);
  for (const turn of turns) {
    const events = yield* replayTurn(started, turn, lines);
    const ends = events.filter((event) => event.type === "turn.completed");
    assert.strictEqual(textOf(events), turn.text);
    assert.deepStrictEqual(
      ends.map(({ status }) => status),
      turn.status === undefined ? [] : [turn.status],
    );
  }
  return { ...started, turns };
});

const telling = ["basic", "approvals", "question", "steer", "interrupt"] as const;

const playbacks = [
  { how: "as recorded", faults: {}, names: recordings },
  { how: "cut into pieces of 13 bytes", faults: { pieces: 13 }, names: telling },
  { how: "with everything that claude says doubled", faults: { doubled: true }, names: telling },
  { how: "with kinds that nobody knows", faults: { unknownKinds: true }, names: telling },
];

describe.concurrent.each(playbacks)("a recorded session of claude, $how", ({ faults, names }) => {
  it.live.each(names)("%s", (name) =>
    Effect.gen(function* () {
      const lines = recording(name);
      const { seen, turns } = yield* Effect.scoped(replay(lines, faults));
      assertWellFormed(yield* seen.ended);

      const { exitCode, signal } = seen.all("session.exited")[0] ?? {};
      const ended = turns.every(({ status }) => status !== undefined);
      const recorded = lines.find((line) => line.dir === "exit")?.msg;
      assert.deepStrictEqual([exitCode, signal], ended ? [0, null] : [null, recorded?.signal]);
      assert.lengthOf(seen.all("turn.started"), turns.length);
    }).pipe(Effect.scoped),
  );
});

describe.concurrent("a session of claude that breaks off", () => {
  const lines = recording("approvals");
  const messages = lines.filter(isFromClaude);
  const later = messages.slice(1).map((_, index) => index + 2);

  it.live("is read to its last message, newline or not", () =>
    Effect.gen(function* () {
      const { seen } = yield* replay(lines, { lastNewlineMissing: true });
      const events = yield* seen.ended;
      assertWellFormed(events);
      assert.deepStrictEqual(events.at(-2), { type: "turn.completed", status: "completed" });
    }).pipe(Effect.scoped),
  );

  it.live.each(later)(
    "ends with the exit and nothing open when claude dies instead of message %i",
    (crashAt) =>
      Effect.gen(function* () {
        const started = yield* start({
          ...(yield* playing(lines, { crashAt })),
          runtimeMode: "approval-required",
        });
        const { seen } = started;
        for (const turn of expectedTurns(lines)) {
          const events = yield* Effect.exit(replayTurn(started, turn, lines));
          if (Exit.isFailure(events) || events.value.at(-1)?.type === "session.exited") break;
        }
        assertWellFormed(yield* seen.ended);
        assert.isAtMost(seen.all("turn.completed").length, expectedTurns(lines).length);
        assert.strictEqual(seen.all("session.exited")[0]?.exitCode, 7);
      }).pipe(Effect.scoped),
  );
});
