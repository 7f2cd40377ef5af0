/** Two real agents behind ACP on a scripted model. Skipped where HEDDLE_TEST_AGENTS names no folder with them. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { assert, describe, it } from "@effect/vitest";
import { Effect } from "effect";
import { commandRuns, turnWith } from "../agents/realTurns.ts";
import { prompt, until, workspace } from "../support.ts";
import { assertWellFormed } from "../well-formed.ts";
import { claudeAcp, codexAcp, isThere, startWrapper, type Wrapper } from "./wrappers.ts";

const supervised = { runtimeMode: "approval-required" } as const;

/** A command that the agent asks for: behind codex's sandbox it has to say that it wants out. */
const commandIn = (wrapper: Wrapper, command: string): string =>
  wrapper === claudeAcp
    ? `[[shell: ${command}]]`
    : `[[tool: exec_command ${JSON.stringify({
        cmd: command,
        sandbox_permissions: "require_escalated",
        justification: "to see whether I may",
      })}]]`;

/** Claude refuses to sleep alone. */
const lasting = (marker: string): string => `[[shell: touch begun.txt; ${marker}]]`;

const TIMEOUT = 120_000;

const describeReal = (wrapper: Wrapper, tests: () => void): void =>
  void (isThere(wrapper) ? describe.concurrent : describe.skip)(`the real ${wrapper.name}`, tests);

for (const wrapper of [claudeAcp, codexAcp]) {
  describeReal(wrapper, () => {
    it.live(
      "says its words once, thinks, edits, runs a command, and tells what that used",
      () =>
        Effect.gen(function* () {
          const started = yield* startWrapper(wrapper, { runtimeMode: "full-access" });
          const { seen, cwd } = started;
          const end = yield* turnWith(
            started,
            "accept",
            "[[think: well then]] [[say: one two]] [[write: new.txt | new]] [[shell: echo made > made.txt]] [[tokens: 100 10]] [[say:  three]]",
          );
          assert.deepInclude(end, { type: "turn.completed", status: "completed" });
          assert.match(seen.text, /^one two\s*three$/);
          assert.deepInclude(seen.all("reasoning")[0], { text: "well then" });
          assert.strictEqual(readFileSync(join(cwd, "new.txt"), "utf8").trim(), "new");
          assert.strictEqual(readFileSync(join(cwd, "made.txt"), "utf8"), "made\n");
          const over = seen.all("tool.updated").filter(({ status }) => status === "completed");
          assert.sameMembers([...new Set(over.map(({ kind }) => kind))], ["edit", "execute"]);

          const used = seen.all("usage.updated").at(-1);
          assert.isAbove(used?.usage.inputTokens ?? 0, 100);
          assert.strictEqual(used?.context?.usedTokens, 110);
          yield* turnWith(started, "accept", "[[tokens: 300 30]] [[say: again]]");
          assert.deepInclude(seen.all("usage.updated").at(-1)?.usage, { inputTokens: 300, outputTokens: 30 });
        }).pipe(Effect.scoped),
      TIMEOUT,
    );

    it.live(
      "does what a person accepts, and not what a person declines; the session goes on",
      () =>
        Effect.gen(function* () {
          const started = yield* startWrapper(wrapper, supervised);
          const { seen, cwd } = started;
          yield* turnWith(
            started,
            "accept",
            `${commandIn(wrapper, "touch yes.txt")} [[write: yes.md | yes]]`,
          );
          assert.deepStrictEqual(
            seen.all("approval.requested").map(({ kind }) => kind),
            ["execute", "edit"],
          );
          assert.isTrue(existsSync(join(cwd, "yes.txt")));
          assert.isTrue(existsSync(join(cwd, "yes.md")));

          yield* turnWith(started, "decline", commandIn(wrapper, "touch no.txt"));
          yield* turnWith(started, "decline", "[[write: no.md | no]]");
          assert.isFalse(existsSync(join(cwd, "no.txt")));
          assert.isFalse(existsSync(join(cwd, "no.md")));
          assert.strictEqual(seen.all("tool.updated").at(-1)?.status, "failed");
          assert.strictEqual((yield* started.turn("[[say: still here]]")).status, "completed");
          assert.match(seen.text, /still here$/);
        }).pipe(Effect.scoped),
      TIMEOUT,
    );

    it.live(
      "is asked once for what was accepted for the session",
      () =>
        Effect.gen(function* () {
          const started = yield* startWrapper(wrapper, supervised);
          const { seen, cwd } = started;
          const command = commandIn(wrapper, "echo x >> a.txt");
          yield* turnWith(started, "acceptForSession", `${command} ${command}`);
          yield* turnWith(started, "decline", command);
          assert.lengthOf(seen.all("approval.requested"), 1);
          assert.match(readFileSync(join(cwd, "a.txt"), "utf8"), /^x\nx\nx\n/);
          yield* turnWith(started, "decline", commandIn(wrapper, "echo y >> b.txt"));
          assert.lengthOf(seen.all("approval.requested"), 2);
          assert.isFalse(existsSync(join(cwd, "b.txt")));
        }).pipe(Effect.scoped),
      TIMEOUT,
    );

    it.live(
      "ends its turn when it is interrupted while a command runs; the next prompt works, and no process is left",
      () =>
        Effect.gen(function* () {
          const marker = wrapper === claudeAcp ? "sleep 7411.1" : "sleep 7411.2";
          yield* Effect.scoped(
            Effect.gen(function* () {
              const { session, seen, turn } = yield* startWrapper(wrapper, { runtimeMode: "full-access" });
              yield* prompt(session, `${lasting(marker)} [[say: never said]]`);
              yield* until(() => commandRuns(marker));
              yield* session.interrupt;
              assert.strictEqual((yield* seen.nextOf("turn.completed")).status, "interrupted");
              assert.notMatch(seen.text, /never said/);
              assert.strictEqual((yield* turn("[[say: still here]]")).status, "completed");
              assert.match(seen.text, /still here$/);
            }),
          );
          assert.isFalse(commandRuns(marker));
        }).pipe(Effect.scoped),
      TIMEOUT,
    );

    it.live(
      "takes back what it asked when it is interrupted",
      () =>
        Effect.gen(function* () {
          const { session, seen, turn, cwd } = yield* startWrapper(wrapper, supervised);
          yield* prompt(session, commandIn(wrapper, "touch no.txt"));
          const { requestKey } = yield* seen.nextOf("approval.requested");
          yield* session.interrupt;
          assert.deepInclude(yield* seen.nextOf("request.withdrawn"), { requestKey });
          assert.strictEqual((yield* seen.nextOf("turn.completed")).status, "interrupted");
          assert.strictEqual((yield* turn("[[say: still here]]")).status, "completed");
          assert.isFalse(existsSync(join(cwd, "no.txt")));
        }).pipe(Effect.scoped),
      TIMEOUT,
    );

    it.live(
      "goes on in its session after kill -9, and leaves no process behind",
      () =>
        Effect.gen(function* () {
          const env = yield* wrapper.env;
          const cwd = yield* workspace;
          const options = { env, cwd, runtimeMode: "full-access" } as const;
          const first = yield* startWrapper(wrapper, options);
          yield* first.turn("[[say: before]]");
          const marker = wrapper === claudeAcp ? "sleep 7411.3" : "sleep 7411.4";
          yield* prompt(first.session, lasting(marker));
          yield* until(() => commandRuns(marker));
          process.kill(first.session.pid, "SIGKILL");
          assertWellFormed(yield* first.seen.ended);
          assert.strictEqual(first.seen.all("session.exited")[0]?.signal, "SIGKILL");
          assert.isFalse(commandRuns(marker));

          const again = yield* startWrapper(wrapper, { ...options, resume: first.session.resumeCursor });
          assert.isTrue((yield* again.seen.nextOf("session.started")).resumed);
          assert.deepStrictEqual(again.session.resumeCursor, first.session.resumeCursor);
          assert.strictEqual((yield* again.turn("[[tokens: 50 5]] [[say: after]]")).status, "completed");
          // Nothing of what was said before comes again, and nothing of what it used.
          assert.strictEqual(again.seen.text, "after");
          const used = again.seen.all("usage.updated").at(-1)?.usage;
          assert.deepStrictEqual(used, { inputTokens: 50, cachedInputTokens: 0, outputTokens: 5 });
        }).pipe(Effect.scoped),
      TIMEOUT,
    );

    it.live(
      "goes on in a copy of a session while that one lives on",
      () =>
        Effect.gen(function* () {
          const env = yield* wrapper.env;
          const cwd = yield* workspace;
          const source = yield* startWrapper(wrapper, { env, cwd, ...supervised });
          yield* source.turn("[[say: before]]");
          const resume = source.session.resumeCursor;
          const copy = yield* startWrapper(wrapper, { env, cwd, resume, fork: true, ...supervised });
          const started = yield* copy.seen.nextOf("session.started");
          assert.deepInclude(started, {
            resumed: true,
            capabilities: { steer: true, resume: true, fork: true },
          });
          assert.notDeepEqual(copy.session.resumeCursor, resume);
          assert.strictEqual((yield* copy.turn("[[say: in the copy]]")).status, "completed");
          assert.strictEqual(copy.seen.text, "in the copy");
          assert.strictEqual((yield* source.turn("[[say:  in the source]]")).status, "completed");
          assert.match(source.seen.text, /^before\s*in the source$/);
        }).pipe(Effect.scoped),
      TIMEOUT,
    );

    it.live(
      "ends a turn that it has no login for with the plain reason, and starts afresh where it knows no session",
      () =>
        Effect.gen(function* () {
          const resume = { sessionId: "01a1fd44-0000-7551-b767-bfd1b283e736" };
          const { seen, turn } = yield* startWrapper(wrapper, { ...supervised, resume });
          assert.isFalse((yield* seen.nextOf("session.started")).resumed);
          assert.match((yield* seen.nextOf("notice")).summary, /could not go on with the earlier session/);
          const end = yield* turn("[[fail: 401 always]]");
          assert.strictEqual(end.status, "error");
          assert.match(end.reason ?? "", /Authentication required.*wants a login/);
          assert.strictEqual((yield* turn("[[say: well again]]")).status, "completed");
        }).pipe(Effect.scoped),
      TIMEOUT,
    );
  });
}

describeReal(claudeAcp, () => {
  it.live(
    "asks a person a question, and has the answer",
    () =>
      Effect.gen(function* () {
        const { session, seen } = yield* startWrapper(claudeAcp, supervised);
        const options = ["Red", "Blue"].map((label) => ({ label, description: `${label}, then` }));
        const questions = [{ question: "Which?", header: "Colour", multiSelect: false, options }];
        yield* prompt(session, `[[tool: AskUserQuestion ${JSON.stringify({ questions })}]] [[say: thanks]]`);
        const asked = yield* seen.nextOf("user-input.requested");
        assert.strictEqual(asked.questions[0]?.prompt, "Which?\nColour");
        yield* session.respondUserInput(asked.requestKey, { [asked.questions[0]?.id ?? ""]: "Blue" });
        assert.strictEqual((yield* seen.nextOf("turn.completed")).status, "completed");
        assert.match(JSON.stringify(seen.all("tool.updated")), /Blue/);
        assert.match(seen.text, /thanks$/);
      }).pipe(Effect.scoped),
    TIMEOUT,
  );
});
