/** How turns and sessions of the real claude end and go on. Skipped where HEDDLE_TEST_AGENTS names no folder with it. */
import { randomUUID } from "node:crypto";
import { existsSync, globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { assert, describe, it } from "@effect/vitest";
import { Effect } from "effect";
import { commandRuns } from "../agents/realTurns.ts";
import { isRunning, prompt, type Started, until, workspace } from "../support.ts";
import { assertWellFormed } from "../well-formed.ts";
import { claudeBinary, type ClaudeHome, claudeHome, startReal, usageOf } from "./real.ts";

const TIME = 60_000;

/** What claude has written down of a session. */
const recordOf = ({ resumeCursor }: Started["session"], { folder }: ClaudeHome): string => {
  const { sessionId } = resumeCursor as { readonly sessionId: string };
  const [file] = globSync(join(folder, "projects/*", `${sessionId}.jsonl`));
  return file === undefined ? "" : readFileSync(file, "utf8");
};

const describeWithClaude = claudeBinary === undefined ? describe.skip : describe;

describeWithClaude("a session of the real claude", () => {
  it.live.each([
    { when: "while a command runs", marker: "sleep 5432.3", shell: true },
    { when: "while it speaks", marker: "", shell: false },
  ])(
    "ends its turn when it is interrupted $when; the next prompt works",
    ({ marker, shell }) =>
      Effect.gen(function* () {
        const { session, seen, turn } = yield* startReal();
        yield* prompt(
          session,
          shell ? `[[shell: touch begun.txt; ${marker}]] [[say: never]]` : "[[slow: 100]] [[lorem: 2000]]",
        );
        if (shell) yield* until(() => commandRuns(marker));
        else yield* seen.nextOf("message.delta");
        yield* session.interrupt;
        assert.deepStrictEqual(yield* seen.nextOf("turn.completed"), {
          type: "turn.completed",
          status: "interrupted",
        });
        if (shell) assert.strictEqual(seen.all("tool.updated").at(-1)?.status, "failed");
        yield* until(() => !shell || !commandRuns(marker));
        assert.strictEqual((yield* turn("[[say: still here]]")).status, "completed");
        assert.match(seen.text, /still here$/);
      }).pipe(Effect.scoped),
    TIME,
  );

  it.live(
    "ends its turn when it is interrupted in the moment that it gets the prompt",
    () =>
      Effect.gen(function* () {
        const { session, seen, turn } = yield* startReal();
        for (let round = 0; round < 5; round += 1) {
          yield* prompt(session, "[[slow: 100]] [[lorem: 2000]]");
          yield* session.interrupt;
          assert.strictEqual((yield* seen.nextOf("turn.completed")).status, "interrupted");
        }
        assert.strictEqual((yield* turn("[[say: still here]]")).status, "completed");
        assert.match(seen.text, /still here$/);
      }).pipe(Effect.scoped),
    TIME,
  );

  it.live(
    "takes back what it asked when it is interrupted",
    () =>
      Effect.gen(function* () {
        const { session, seen, turn, cwd } = yield* startReal({ runtimeMode: "approval-required" });
        yield* prompt(session, "[[shell: touch no.txt]]");
        const { requestKey } = yield* seen.nextOf("approval.requested");
        yield* session.interrupt;
        assert.deepInclude(yield* seen.nextOf("request.withdrawn"), { requestKey });
        assert.strictEqual((yield* seen.nextOf("turn.completed")).status, "interrupted");

        yield* prompt(session, "[[shell: touch no.txt]]");
        const again = yield* seen.nextOf("approval.requested");
        yield* session.respondApproval(again.requestKey, "cancel");
        assert.strictEqual((yield* seen.nextOf("turn.completed")).status, "interrupted");
        assert.strictEqual((yield* turn("[[say: still here]]")).status, "completed");
        assert.isFalse(existsSync(join(cwd, "no.txt")));
      }).pipe(Effect.scoped),
    TIME,
  );

  it.live.each([
    {
      how: "in the same breath",
      first: "[[shell: until [ -e gate ]; do sleep 0.05; done]] [[say: first end]]",
      wait: "tool.updated" as const,
      text: /^steered$/,
    },
    {
      how: "behind it",
      first: "[[slow: 50]] [[lorem: 300]]",
      wait: "message.delta" as const,
      text: /^.{300}\s*steered$/s,
    },
  ])(
    "takes a prompt into a running turn and answers it $how; one turn, one end",
    ({ first, wait, text }) =>
      Effect.gen(function* () {
        const { session, seen, turn, cwd, home } = yield* startReal();
        yield* prompt(session, first);
        yield* seen.nextOf(wait);
        yield* session.steer({ text: "[[say: steered]]", attachments: [] });
        // Claude has it when it has written it down.
        yield* until(() => /steered/.test(recordOf(session, home)));
        writeFileSync(join(cwd, "gate"), "");
        assert.strictEqual((yield* seen.nextOf("turn.completed")).status, "completed");
        assert.match(seen.text, text);
        assert.lengthOf(seen.all("turn.started"), 1);
        const late = yield* Effect.flip(session.steer({ text: "[[say: late]]", attachments: [] }));
        assert.match(late.message, /no running turn/);
        assert.strictEqual((yield* turn("[[say: after]]")).status, "completed");
        assert.lengthOf(seen.all("turn.completed"), 2);
        assert.match(seen.text, /after$/);
      }).pipe(Effect.scoped),
    TIME,
  );

  it.live(
    "begins nothing of what waited when it is interrupted",
    () =>
      Effect.gen(function* () {
        const { session, seen, turn } = yield* startReal();
        yield* prompt(session, "[[slow: 100]] [[lorem: 2000]]");
        yield* seen.nextOf("message.delta");
        yield* session.steer({ text: "[[say: steered]]", attachments: [] });
        yield* session.interrupt;
        assert.strictEqual((yield* seen.nextOf("turn.completed")).status, "interrupted");
        yield* turn("[[say: after]]");
        assert.notMatch(seen.text, /steered/);
        assert.lengthOf(seen.all("turn.completed"), 2);
      }).pipe(Effect.scoped),
    TIME,
  );

  it.live(
    "goes on in its session after kill -9, with its own count of what it used, and leaves no process behind",
    () =>
      Effect.gen(function* () {
        const home = yield* claudeHome;
        const cwd = yield* workspace;
        const first = yield* startReal({ home, cwd });
        yield* first.turn("[[say: before]]");
        const before = usageOf(first.seen).inputTokens;
        const marker = "sleep 6543.3";
        const promptId = randomUUID();
        yield* first.session.prompt({
          promptId,
          text: `[[shell: touch begun.txt; ${marker}]]`,
          attachments: [],
        });
        yield* until(() => commandRuns(marker));
        process.kill(first.session.pid, "SIGKILL");
        assertWellFormed(yield* first.seen.ended);
        assert.strictEqual(first.seen.all("session.exited")[0]?.signal, "SIGKILL");
        assert.isFalse(commandRuns(marker));

        const again = yield* startReal({ home, cwd, resume: first.session.resumeCursor });
        assert.isTrue((yield* again.seen.nextOf("session.started")).resumed);
        assert.deepStrictEqual(again.session.resumeCursor, first.session.resumeCursor);
        // A prompt that it had already is not taken twice, and leaves no turn open.
        yield* again.session.prompt({
          promptId,
          text: `[[shell: touch begun.txt; ${marker}]]`,
          attachments: [],
        });
        const twice = yield* again.seen.nextOf("turn.completed");
        assert.strictEqual(twice.status, "interrupted");
        assert.match(twice.reason ?? "", /had this prompt already/);
        assert.strictEqual((yield* again.turn("[[say: after]]")).status, "completed");
        // Nothing of what was said before comes again.
        assert.strictEqual(again.seen.text.trim(), "after");
        const after = usageOf(again.seen).inputTokens;
        assert.isAbove(after, before * 0.5);
        assert.isBelow(after, before * 1.5);
      }).pipe(Effect.scoped),
    TIME,
  );

  it.live(
    "goes on in a copy of another session, and leaves that as it was",
    () =>
      Effect.gen(function* () {
        const home = yield* claudeHome;
        const cwd = yield* workspace;
        const first = yield* startReal({ home, cwd });
        // What each session knows is told by how full its context is.
        yield* first.turn("[[lorem: 8000]]");
        const before = usageOf(first.seen).usedTokens;
        const copy = yield* startReal({ home, cwd, resume: first.session.resumeCursor, fork: true });
        assert.isTrue((yield* copy.seen.nextOf("session.started")).resumed);
        assert.notDeepEqual(copy.session.resumeCursor, first.session.resumeCursor);
        yield* copy.turn("[[lorem: 8000]]");
        yield* first.turn("[[say: in the first]]");
        assert.isAbove(usageOf(copy.seen).usedTokens, before + 1500);
        assert.isBelow(usageOf(first.seen).usedTokens, before + 1000);
        const later = yield* startReal({ home, cwd, resume: copy.session.resumeCursor });
        assert.isTrue((yield* later.seen.nextOf("session.started")).resumed);
      }).pipe(Effect.scoped),
    TIME,
  );

  it.live(
    "starts afresh where its record of the session is gone, and says so",
    () =>
      Effect.gen(function* () {
        const resume = { sessionId: randomUUID() };
        const { session, seen, turn } = yield* startReal({ resume });
        assert.isFalse((yield* seen.nextOf("session.started")).resumed);
        assert.notDeepEqual(session.resumeCursor, resume);
        assert.match(
          (yield* seen.nextOf("notice")).summary,
          /could not go on with the earlier session: No conv/,
        );
        assert.strictEqual((yield* turn("[[say: afresh]]")).status, "completed");
      }).pipe(Effect.scoped),
    TIME,
  );

  it.live(
    "ends with its session while it waits for an answer, with all that it started",
    () =>
      Effect.gen(function* () {
        const { session, seen } = yield* Effect.scoped(
          Effect.gen(function* () {
            const started = yield* startReal({ runtimeMode: "approval-required" });
            yield* prompt(started.session, "[[shell: touch no.txt]]");
            yield* started.seen.nextOf("approval.requested");
            return started;
          }),
        );
        assertWellFormed(yield* seen.ended);
        assert.lengthOf(seen.all("request.withdrawn"), 1);
        assert.isFalse(isRunning(session.pid));
      }),
    TIME,
  );
});
