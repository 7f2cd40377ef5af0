/** The real codex on a scripted model. Skipped where HEDDLE_TEST_AGENTS names no folder with it. */
import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { assert, describe, it } from "@effect/vitest";
import { Effect } from "effect";
import { commandRuns, turnWith } from "../agents/realTurns.ts";
import { prompt, until, workspace } from "../support.ts";
import { assertWellFormed } from "../well-formed.ts";
import { codexBinary, codexHome, startReal } from "./real.ts";

const describeWithCodex = codexBinary === undefined ? describe.skip : describe.concurrent;

describeWithCodex("the real codex", () => {
  it.live(
    "says its words once, thinks, and ends its turn",
    () =>
      Effect.gen(function* () {
        const { seen, turn } = yield* startReal();
        const end = yield* turn("[[think: well then]] [[say: one two three]] [[lorem: 300]]");
        assert.strictEqual(end.status, "completed");
        assert.match(seen.text, /^one two three.{300}/s);
        assert.deepInclude(seen.all("reasoning")[0], { text: "well then" });
      }).pipe(Effect.scoped),
    60_000,
  );

  it.live(
    "runs a command that a person accepts, and not one that a person declines; the turn goes on",
    () =>
      Effect.gen(function* () {
        const started = yield* startReal({ runtimeMode: "approval-required" });
        const { seen, cwd } = started;
        yield* turnWith(started, "accept", "[[shell: echo said; touch yes.txt]] [[say: after]]");
        assert.isTrue(existsSync(join(cwd, "yes.txt")));
        const accepted = seen.all("tool.updated").at(-1);
        assert.deepInclude(accepted, { status: "completed", kind: "execute" });
        assert.deepNestedInclude(accepted?.payload, { output: "said\n", exitCode: 0 });

        const end = yield* turnWith(started, "decline", "[[shell: touch no.txt]] [[say: all the same]]");
        assert.strictEqual(end.status, "completed");
        assert.isFalse(existsSync(join(cwd, "no.txt")));
        assert.strictEqual(seen.all("tool.updated").at(-1)?.status, "failed");
        assert.match(seen.text, /all the same$/);
      }).pipe(Effect.scoped),
    60_000,
  );

  it.live(
    "edits without asking in auto-accept-edits, but not outside of the folder; commands it asks for",
    () =>
      Effect.gen(function* () {
        const started = yield* startReal({ runtimeMode: "auto-accept-edits" });
        const { seen, cwd } = started;
        const outside = join(yield* workspace, "outside.txt");
        writeFileSync(join(cwd, "old.txt"), "one\ntwo\nthree\n");
        const patch = `*** Begin Patch
*** Update File: old.txt
@@
 one
-two
+2
 three
*** End Patch
`;
        yield* turnWith(started, "decline", `[[write: new.txt | new]] [[tool: apply_patch ${patch}]]`);
        assert.deepStrictEqual(seen.all("approval.requested"), []);
        assert.strictEqual(readFileSync(join(cwd, "new.txt"), "utf8"), "new\n");
        assert.strictEqual(readFileSync(join(cwd, "old.txt"), "utf8"), "one\n2\nthree\n");
        assert.deepInclude(seen.all("tool.updated").at(-1), {
          title: "Edit old.txt",
          kind: "edit",
          payload: {
            diffs: [{ path: join(cwd, "old.txt"), oldText: "one\ntwo\nthree", newText: "one\n2\nthree" }],
          },
        });

        yield* turnWith(started, "decline", `[[write: ${outside} | new]] [[shell: touch no.txt]]`);
        assert.deepStrictEqual(
          seen.all("approval.requested").map(({ kind }) => kind),
          ["edit", "execute"],
        );
        assert.isFalse(existsSync(outside));
      }).pipe(Effect.scoped),
    60_000,
  );

  it.live(
    "asks nothing and writes anywhere with full access, from the turn on that begins in that mode",
    () =>
      Effect.gen(function* () {
        const started = yield* startReal({ runtimeMode: "approval-required" });
        const { session, seen } = started;
        const outside = join(yield* workspace, "outside.txt");
        yield* session.setRuntimeMode("full-access");
        yield* turnWith(started, "decline", `[[shell: touch ${outside}]] [[say: done]]`);
        assert.deepStrictEqual(seen.all("approval.requested"), []);
        assert.isTrue(existsSync(outside));

        yield* session.setRuntimeMode("approval-required");
        yield* turnWith(started, "decline", "[[shell: touch no.txt]] [[say: done]]");
        assert.lengthOf(seen.all("approval.requested"), 1);
      }).pipe(Effect.scoped),
    60_000,
  );

  it.live(
    "is not made to trust the folder for good; the person's own settings hold",
    () =>
      Effect.gen(function* () {
        const cwd = yield* workspace;
        execFileSync("git", ["init", "--quiet"], { cwd });
        const started = yield* startReal({ cwd, runtimeMode: "approval-required" });
        // The settings say that the sandbox does not open the folder for temporary files.
        const temporary = join(yield* workspace, "temporary.txt");
        // An accepted command that fails in the sandbox is run again without it, so this one ends well.
        const refusal = join(cwd, "refusal.txt");
        yield* turnWith(
          started,
          "accept",
          `[[shell: touch ${temporary} 2> ${refusal} || true]] [[say: done]]`,
        );
        assert.include(readFileSync(refusal, "utf8"), temporary);
        assert.isFalse(existsSync(temporary));
        assert.notMatch(readFileSync(join(started.home, "config.toml"), "utf8"), /trust/);
      }).pipe(Effect.scoped),
    60_000,
  );

  it.live.each([
    { when: "while a command runs", marker: "sleep 5432.1", isTold: true },
    { when: "in the moment that a command starts", marker: "sleep 5432.2", isTold: false },
  ])(
    "ends its turn, and the command, when it is interrupted $when; the next prompt works",
    ({ marker, isTold }) =>
      Effect.gen(function* () {
        const { session, seen, turn } = yield* startReal();
        yield* prompt(session, `[[shell: ${marker}]] [[say: never said]]`);
        yield* until(() => commandRuns(marker));
        if (isTold) yield* seen.nextOf("tool.updated");
        yield* session.interrupt;
        const end = yield* seen.nextOf("turn.completed");
        assert.strictEqual(end.status, "interrupted");
        if (isTold) assert.strictEqual(seen.all("tool.updated").at(-1)?.status, "failed");
        yield* until(() => !commandRuns(marker));
        assert.strictEqual((yield* turn("[[say: still here]]")).status, "completed");
        assert.match(seen.text, /^still here/);
      }).pipe(Effect.scoped),
    60_000,
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
        assert.strictEqual((yield* turn("[[say: still here]]")).status, "completed");
        assert.isFalse(existsSync(join(cwd, "no.txt")));
      }).pipe(Effect.scoped),
    60_000,
  );

  it.live(
    "takes a prompt into a running turn, and refuses one where none runs",
    () =>
      Effect.gen(function* () {
        const { session, seen } = yield* startReal();
        const steering = { text: "[[say: steered]]", attachments: [] };
        yield* prompt(session, "[[slow: 100]] [[lorem: 2000]]");
        yield* seen.nextOf("message.delta");
        yield* session.steer(steering);
        assert.strictEqual((yield* seen.nextOf("turn.completed")).status, "completed");
        assert.match(seen.text, /steered$/);
        assert.lengthOf(seen.all("turn.completed"), 1);
        assert.match((yield* Effect.flip(session.steer(steering))).message, /no running turn/);
      }).pipe(Effect.scoped),
    60_000,
  );

  it.live(
    "goes on in its thread after kill -9, and leaves no process behind",
    () =>
      Effect.gen(function* () {
        const home = yield* codexHome;
        const cwd = yield* workspace;
        const first = yield* startReal({ home, cwd });
        yield* first.turn("[[say: before]]");
        const marker = "sleep 6543.2";
        yield* prompt(first.session, `[[shell: ${marker}]]`);
        yield* until(() => commandRuns(marker));
        process.kill(first.session.pid, "SIGKILL");
        assertWellFormed(yield* first.seen.ended);
        assert.strictEqual(first.seen.all("session.exited")[0]?.signal, "SIGKILL");
        assert.isFalse(commandRuns(marker));

        const again = yield* startReal({ home, cwd, resume: first.session.resumeCursor });
        const started = yield* again.seen.nextOf("session.started");
        assert.isTrue(started.resumed);
        assert.deepStrictEqual(again.session.resumeCursor, first.session.resumeCursor);
        assert.strictEqual((yield* again.turn("[[say: after]]")).status, "completed");
        // Nothing of what was said before comes again.
        assert.match(again.seen.text, /^after/);
      }).pipe(Effect.scoped),
    60_000,
  );

  it.live(
    "goes on in a copy of a thread, also while that one is at work in another process; both go on",
    () =>
      Effect.gen(function* () {
        const home = yield* codexHome;
        const cwd = yield* workspace;
        const source = yield* startReal({ home, cwd });
        yield* source.turn("[[say: before]]");
        yield* prompt(source.session, "[[slow: 100]] [[lorem: 300]]");
        yield* source.seen.nextOf("message.delta");
        const copy = yield* startReal({ home, cwd, resume: source.session.resumeCursor, fork: true });
        assert.isTrue((yield* copy.seen.nextOf("session.started")).resumed);
        assert.notDeepEqual(copy.session.resumeCursor, source.session.resumeCursor);
        assert.strictEqual((yield* copy.turn("[[say: in the copy]] [[tokens: 100 10]]")).status, "completed");
        assert.strictEqual(copy.seen.text, "in the copy");
        // What the source has used is not the copy's.
        assert.deepInclude(copy.seen.all("usage.updated").at(-1)?.usage, {
          inputTokens: 100,
          outputTokens: 10,
        });
        assert.strictEqual((yield* source.seen.nextOf("turn.completed")).status, "completed");
        assert.strictEqual((yield* source.turn("[[say: in the source]]")).status, "completed");
        assert.match(source.seen.text, /in the source$/);
      }).pipe(Effect.scoped),
    60_000,
  );

  it.live(
    "tells what each turn has used, and none of what its thread used before kill -9",
    () =>
      Effect.gen(function* () {
        const home = yield* codexHome;
        const cwd = yield* workspace;
        const first = yield* startReal({ home, cwd });
        yield* first.turn("[[tokens: 1000 100]] [[shell: true]] [[tokens: 2000 20]] [[say: done]]");
        const usages = first.seen.all("usage.updated");
        assert.deepStrictEqual(
          usages.map(({ usage }) => [usage.inputTokens, usage.outputTokens]),
          [
            [1000, 100],
            [3000, 120],
          ],
        );
        assert.strictEqual(usages[1]?.context?.usedTokens, 2020);
        assert.isAbove(usages[1]?.context?.windowTokens ?? 0, 100_000);
        yield* first.turn("[[tokens: 40 4]] [[say: again]]");
        assert.deepInclude(first.seen.all("usage.updated").at(-1)?.usage, {
          inputTokens: 40,
          outputTokens: 4,
        });
        process.kill(first.session.pid, "SIGKILL");
        yield* first.seen.ended;

        const again = yield* startReal({ home, cwd, resume: first.session.resumeCursor });
        yield* again.turn("[[tokens: 50 5]] [[say: after]]");
        assert.deepStrictEqual(
          again.seen.all("usage.updated").map(({ usage }) => [usage.inputTokens, usage.outputTokens]),
          [[50, 5]],
        );
      }).pipe(Effect.scoped),
    60_000,
  );

  it.live(
    "keeps what was accepted for the session: the same command, and the same file",
    () =>
      Effect.gen(function* () {
        const started = yield* startReal({ runtimeMode: "approval-required" });
        const twice = "[[shell: touch a]] [[shell: touch a]] [[write: b.txt | 1]] [[write: b.txt | 2]]";
        yield* turnWith(started, "acceptForSession", twice);
        yield* turnWith(started, "acceptForSession", "[[shell: touch a]] [[shell: touch c]]");
        assert.deepStrictEqual(
          started.seen.all("approval.requested").map(({ title }) => title.replace(/.*'(.*)'/, "$1")),
          ["touch a", "Write b.txt", "touch c"],
        );
        assert.strictEqual(readFileSync(join(started.cwd, "b.txt"), "utf8"), "2\n");
      }).pipe(Effect.scoped),
    60_000,
  );

  it.live(
    "writes down the id of a prompt beside it",
    () =>
      Effect.gen(function* () {
        const { session, seen, home } = yield* startReal();
        const promptId = randomUUID();
        yield* session.prompt({ promptId, text: "[[say: heard]]", attachments: [] });
        yield* seen.nextOf("turn.completed");
        const records = globSync(join(home, "sessions/**/*.jsonl")).map((file) => readFileSync(file, "utf8"));
        assert.include(records.join(""), promptId);
      }).pipe(Effect.scoped),
    60_000,
  );

  it.live(
    "starts afresh where its record of the thread is gone, and says so",
    () =>
      Effect.gen(function* () {
        const resume = { threadId: "01a1fd44-0000-7551-b767-bfd1b283e736" };
        const { seen, turn } = yield* startReal({ resume });
        assert.isFalse((yield* seen.nextOf("session.started")).resumed);
        assert.match(
          (yield* seen.nextOf("notice")).summary,
          /could not go on with the earlier thread: no rollout/,
        );
        assert.strictEqual((yield* turn("[[say: afresh]]")).status, "completed");
      }).pipe(Effect.scoped),
    60_000,
  );

  it.live(
    "tells of tries again, and ends a turn that fails with the reason",
    () =>
      Effect.gen(function* () {
        const { seen, turn } = yield* startReal();
        const end = yield* turn("[[fail: 401 always]]");
        assert.strictEqual(end.status, "error");
        assert.match(end.reason ?? "", /401 Unauthorized.*codex wants a login.*codex login/s);
        assert.match(seen.all("notice")[0]?.summary ?? "", /Reconnecting/);
        assert.strictEqual((yield* turn("[[say: well again]]")).status, "completed");
      }).pipe(Effect.scoped),
    60_000,
  );

  it.live(
    "takes images, texts and an effort, and refuses what it cannot read",
    () =>
      Effect.gen(function* () {
        const { session, seen } = yield* startReal();
        const pixel =
          "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
        const image = { name: "dot.png", mimeType: "image/png", data: pixel };
        const text = { name: "a.txt", mimeType: "text/plain", data: btoa("some words") };
        yield* session.prompt({ text: "[[say: seen]]", attachments: [image, text], effort: "high" });
        assert.strictEqual((yield* seen.nextOf("turn.completed")).status, "completed");
        const archive = { name: "a.zip", mimeType: "application/zip", data: "" };
        const refused = yield* Effect.flip(session.prompt({ text: "", attachments: [archive] }));
        assert.match(refused.message, /takes no application\/zip \(a\.zip\)/);
      }).pipe(Effect.scoped),
    60_000,
  );
});
