/** Recorded conversations of two real agents, played back whole and broken, through the adapter as it is. */
import { assert, describe, it } from "@effect/vitest";
import { Effect, Exit } from "effect";
import { playing, prompt, start, type Started, textOf } from "./support.ts";
import {
  CANCEL_NOW,
  decisionsOf,
  expectedTurns,
  type ExpectedTurn,
  type Faults,
  isMessage,
  type Line,
  methodOf,
  sessionsOf,
} from "./transcript.ts";
import { assertWellFormed } from "./well-formed.ts";

const recordings = [
  "acp-claude-basic",
  "acp-claude-cancel",
  "acp-claude-permissions",
  "acp-claude-unanswered",
  "acp-claude-kill",
  "acp-claude-fail",
  "acp-codex-basic",
  "acp-codex-cancel",
  "acp-codex-permissions",
  "acp-codex-unanswered",
  "acp-codex-kill",
  "acp-codex-fail",
] as const;

/** Where a load or resume is recorded, the session that it named. */
const resumed = (lines: ReadonlyArray<Line>) => {
  const opening = lines.find((line) => /^session\/(load|resume)$/.test(methodOf(line)));
  return opening === undefined || !isMessage(opening)
    ? {}
    : { resume: { sessionId: opening.msg.params.sessionId } };
};

/** Does what the recording's driver did, until the turn is over or the agent gone. */
const replayTurn = Effect.fnUntraced(function* (
  { session, seen }: Started,
  turn: ExpectedTurn,
  lines: ReadonlyArray<Line>,
) {
  const decisions = decisionsOf(lines);
  const from = seen.events.length;
  yield* prompt(session, turn.prompt);
  for (;;) {
    const event = yield* seen.next(
      (event) =>
        event.type === "turn.completed" ||
        event.type === "session.exited" ||
        event.type === "approval.requested" ||
        (event.type === "notice" && event.summary === CANCEL_NOW),
    );
    if (event.type === "notice") yield* session.interrupt;
    else if (event.type === "approval.requested") {
      const decision = decisions.get(event.itemId ?? "");
      if (decision !== undefined) yield* session.respondApproval(event.requestKey, decision);
    } else return seen.events.slice(from);
  }
});

const replay = Effect.fnUntraced(function* (lines: ReadonlyArray<Line>, faults: Faults) {
  const agent = yield* playing(lines, faults);
  const started = yield* start({ ...agent, ...resumed(lines), runtimeMode: "approval-required" });
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

const sessionsIn = (names: ReadonlyArray<string>) =>
  names.flatMap((name) => sessionsOf(name).map((lines, index) => ({ name, index, lines })));

const telling = recordings.filter((name) => /basic|cancel|permissions/.test(name));

const playbacks = [
  { how: "as recorded", faults: {}, sessions: sessionsIn(recordings) },
  { how: "cut into pieces of 13 bytes", faults: { pieces: 13 }, sessions: sessionsIn(telling) },
  { how: "with every repeatable message doubled", faults: { doubled: true }, sessions: sessionsIn(telling) },
  { how: "with kinds that nobody knows", faults: { unknownKinds: true }, sessions: sessionsIn(telling) },
];

describe.concurrent.each(playbacks)("a recorded session, $how", ({ faults, sessions }) => {
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

describe.concurrent("a session that breaks off", () => {
  const lines = sessionsOf("acp-claude-basic")[0] ?? [];
  const messages = lines.filter(isMessage).filter(({ dir }) => dir === "<");
  const opened = messages.findIndex(({ msg }) => msg.result?.sessionId !== undefined) + 1;
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
    "ends with the exit and nothing open when the agent dies instead of message %i",
    (crashAt) =>
      Effect.gen(function* () {
        const { session, seen } = yield* start(yield* playing(lines, { crashAt }));
        for (const turn of expectedTurns(lines)) {
          if (Exit.isFailure(yield* Effect.exit(prompt(session, turn.prompt)))) break;
          const end = yield* seen.next(({ type }) => type === "turn.completed" || type === "session.exited");
          if (end.type === "session.exited") break;
        }
        assertWellFormed(yield* seen.ended);
        assert.strictEqual(seen.all("session.exited")[0]?.exitCode, 7);
      }).pipe(Effect.scoped),
  );
});
