/** The demo agent, directive by directive, as a client of Heddle sees it: a real process behind the real adapter. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { assert, describe, it } from "@effect/vitest";
import { Effect } from "effect";
import { isRunning, prompt, start, until } from "./support.ts";

describe("the demo agent", () => {
  it.live("says hello and what it can do when it is told nothing", () =>
    Effect.gen(function* () {
      const { seen, turn } = yield* start();
      assert.strictEqual((yield* turn("Good morning")).status, "completed");
      for (const name of ["say", "write", "shell", "ask", "lorem"]) assert.include(seen.text, `[[${name}: `);
    }).pipe(Effect.scoped),
  );

  it.live("[[say]] streams its text word by word, as one message", () =>
    Effect.gen(function* () {
      const { seen, turn } = yield* start();
      yield* turn("[[say: one two  three]]");
      assert.deepStrictEqual(
        seen.all("message.delta").map(({ text }) => text),
        ["one ", "two  ", "three"],
      );
      const itemIds = new Set(
        [...seen.all("message.delta"), ...seen.all("message.completed")].map(({ itemId }) => itemId),
      );
      assert.strictEqual(itemIds.size, 1);
      assert.lengthOf(seen.all("message.completed"), 1);
    }).pipe(Effect.scoped),
  );

  it.live("says a thing after another in one message, and in a new one after a call", () =>
    Effect.gen(function* () {
      const { seen, turn } = yield* start();
      yield* turn("[[say: a]] ignored [[say: b]] [[shell: true]] [[say: c]]");
      yield* turn("[[say: d]]");
      const messages = Map.groupBy(seen.all("message.delta"), ({ itemId }) => itemId);
      assert.deepStrictEqual(
        [...messages.values()].map((deltas) => deltas.map(({ text }) => text).join("")),
        ["a\n\nb", "c", "d"],
      );
    }).pipe(Effect.scoped),
  );

  it.live("[[lorem]] streams as many words as it is told", () =>
    Effect.gen(function* () {
      const { seen, turn } = yield* start();
      yield* turn("[[lorem: 50]]");
      assert.lengthOf(seen.text.split(" "), 50);
    }).pipe(Effect.scoped),
  );

  it.live("[[think]] gives one thought", () =>
    Effect.gen(function* () {
      const { seen, turn } = yield* start();
      yield* turn(String.raw`[[think: first]] [[think: \nthen]] [[say: done]]`);
      assert.deepStrictEqual(
        seen.all("reasoning").map(({ text }) => text),
        ["first\nthen"],
      );
    }).pipe(Effect.scoped),
  );

  it.live("[[plan]] gives a plan", () =>
    Effect.gen(function* () {
      const { seen, turn } = yield* start();
      yield* turn("[[plan: read ; write]]");
      assert.deepStrictEqual(seen.all("plan.updated")[0]?.entries, [
        { text: "read", status: "pending" },
        { text: "write", status: "pending" },
      ]);
    }).pipe(Effect.scoped),
  );

  it.live("[[write]] makes the file, its folders, and a call that shows the change", () =>
    Effect.gen(function* () {
      const { seen, turn, cwd } = yield* start();
      const path = join(cwd, "notes/today.md");
      yield* turn(String.raw`[[write: notes/today.md | # Today\n\n- a [link] \n]]`);
      assert.strictEqual(readFileSync(path, "utf8"), "# Today\n\n- a [link] \n");
      yield* turn("[[write: notes/today.md | gone]]");

      const calls = seen.all("tool.updated");
      assert.deepStrictEqual(
        calls.map(({ status }) => status),
        ["pending", "running", "completed", "pending", "running", "completed"],
      );
      assert.deepInclude(calls[0], { kind: "edit", title: "Write notes/today.md" });
      assert.deepNestedInclude(calls[0]?.payload, {
        "diffs[0]": { path, newText: "# Today\n\n- a [link] \n" },
      });
      assert.deepNestedInclude(calls[3]?.payload, {
        "diffs[0]": { path, oldText: "# Today\n\n- a [link] \n", newText: "gone" },
      });
    }).pipe(Effect.scoped),
  );

  it.live("[[write]] stays in its folder", () =>
    Effect.gen(function* () {
      const { seen, turn, cwd } = yield* start();
      const outside = `${cwd}-outside.txt`;
      yield* turn(`[[write: ../x.txt | no]] [[write: ${outside} | no]]`);
      assert.strictEqual(seen.text.match(/Skipped: /g)?.length, 2);
      assert.isFalse(existsSync(outside));
      assert.lengthOf(seen.all("tool.updated"), 0);
    }).pipe(Effect.scoped),
  );

  it.live("[[shell]] runs in the folder and shows output and exit code", () =>
    Effect.gen(function* () {
      const { seen, turn, cwd } = yield* start();
      yield* turn("[[shell: pwd; echo oops >&2; exit 3]] [[say: on]]");
      const call = seen.all("tool.updated").at(-1);
      assert.deepInclude(call, { kind: "execute", title: "pwd; echo oops >&2; exit 3", status: "failed" });
      assert.deepStrictEqual(call?.payload, { output: { output: `${cwd}\noops\n`, exitCode: 3 } });
      assert.strictEqual(seen.text, "on");
    }).pipe(Effect.scoped),
  );

  it.live("[[shell]] leaves out what is too much output, and says so", () =>
    Effect.gen(function* () {
      const { seen, turn } = yield* start();
      yield* turn("[[shell: yes | head -c 200000]]");
      const payload = JSON.stringify(seen.all("tool.updated").at(-1)?.payload);
      // 64 Ki characters, half of them line ends, which take two in JSON.
      assert.isAtMost(Buffer.byteLength(payload), 97 * 1024);
      assert.match(payload, /characters left out\]/);
    }).pipe(Effect.scoped),
  );

  it.live("[[ask]] asks, waits for the answer, and repeats it", () =>
    Effect.gen(function* () {
      const { session, seen } = yield* start();
      yield* prompt(session, "[[ask: What is it called?]]");
      const { requestKey, questions } = yield* seen.nextOf("user-input.requested");
      assert.deepStrictEqual(questions, [{ id: "answer", prompt: "What is it called?" }]);
      yield* session.respondUserInput(requestKey, { answer: "Heddle" });
      assert.strictEqual((yield* seen.nextOf("turn.completed")).status, "completed");
      assert.strictEqual(seen.text, "You said: Heddle");
    }).pipe(Effect.scoped),
  );

  it.live("[[ask]] takes no answer for an answer too, but not a wrong one", () =>
    Effect.gen(function* () {
      const { session, seen } = yield* start();
      yield* prompt(session, "[[ask: Well?]]");
      const { requestKey } = yield* seen.nextOf("user-input.requested");
      const wrong = yield* Effect.flip(session.respondUserInput(requestKey, { another: "x" }));
      assert.match(wrong.message, /"answer" needs an answer/);
      yield* session.respondUserInput(requestKey, {});
      yield* seen.nextOf("turn.completed");
      assert.strictEqual(seen.text, "You gave no answer.");
    }).pipe(Effect.scoped),
  );

  it.live("[[slow]] waits between pieces, and a stop does not wait for it", () =>
    Effect.gen(function* () {
      const { session, seen } = yield* start();
      yield* prompt(session, "[[slow: 60000]] [[say: never]]");
      yield* seen.nextOf("turn.started");
      yield* session.interrupt;
      assert.strictEqual((yield* seen.nextOf("turn.completed")).status, "interrupted");
      assert.strictEqual(seen.text, "");
    }).pipe(Effect.scoped),
  );

  it.live("[[fail]] ends the turn with its error, and the next turn goes on", () =>
    Effect.gen(function* () {
      const { seen, turn } = yield* start();
      const failed = yield* turn("[[say: before]] [[fail: out of luck]] [[say: after]]");
      assert.deepStrictEqual(failed, { type: "turn.completed", status: "error", reason: "out of luck" });
      assert.strictEqual((yield* turn("[[say: again]]")).status, "completed");
      assert.strictEqual(seen.text, "beforeagain");
    }).pipe(Effect.scoped),
  );

  it.live("[[crash]] ends the process in the middle of the turn", () =>
    Effect.gen(function* () {
      const { session, seen } = yield* start();
      yield* prompt(session, "[[say: so far]] [[crash]] [[say: never]]");
      const events = yield* seen.ended;
      assert.deepStrictEqual(events.at(-1), {
        type: "session.exited",
        exitCode: 1,
        signal: null,
        detail: "The demo agent was told to crash.\n",
      });
      assert.strictEqual(seen.text, "so far");
      assert.lengthOf(seen.all("turn.completed"), 0);
    }).pipe(Effect.scoped),
  );

  it.live("[[hang]] answers not even a cancel, and is stopped all the same", () =>
    Effect.gen(function* () {
      const { session, seen } = yield* Effect.scoped(
        Effect.gen(function* () {
          const started = yield* start({ deadlines: { closing: "300 millis" } });
          yield* prompt(started.session, "[[say: here]] [[hang]]");
          yield* started.seen.nextOf("message.delta");
          yield* started.session.interrupt;
          return started;
        }),
      );
      yield* seen.ended;
      assert.deepInclude(seen.all("session.exited")[0], { signal: "SIGTERM" });
      assert.lengthOf(seen.all("turn.completed"), 0);
      assert.isFalse(isRunning(session.pid));
    }),
  );

  it.live("says so where it does not understand, and goes on", () =>
    Effect.gen(function* () {
      const { seen, turn } = yield* start();
      yield* turn("[[sing: loud]] [[slow: soon]] [[say: done]]");
      assert.match(seen.text, /I do not understand \[\[sing: loud\]\]: there is no "sing"/);
      assert.match(seen.text, /\[\[slow: soon\]\]: "slow" needs a number/);
      assert.match(seen.text, /done$/);
    }).pipe(Effect.scoped),
  );

  it.live("takes more to do while it works", () =>
    Effect.gen(function* () {
      const { session, seen } = yield* start({ runtimeMode: "approval-required" });
      assert.isTrue((yield* seen.nextOf("session.started")).capabilities.steer);
      yield* prompt(session, "[[shell: true]] [[say: first]]");
      const { requestKey } = yield* seen.nextOf("approval.requested");
      yield* session.steer({ text: "[[say: second]]", attachments: [] });
      yield* session.respondApproval(requestKey, "accept");
      yield* seen.nextOf("turn.completed");
      assert.strictEqual(seen.text, "first\n\nsecond");

      const refused = yield* Effect.flip(session.steer({ text: "[[say: third]]", attachments: [] }));
      assert.strictEqual(refused.operation, "steer");
    }).pipe(Effect.scoped),
  );

  it.live("[[tokens]] counts as used in its turn, and fills the context", () =>
    Effect.gen(function* () {
      const { seen, turn } = yield* start();
      yield* turn("[[tokens: 900 40]] [[say: on]] [[tokens: 100 2]]");
      const used = seen.all("usage.updated");
      assert.deepStrictEqual(
        used.map(({ context }) => context),
        [940, 102, 102].map((usedTokens) => ({ usedTokens, windowTokens: 200_000 })),
      );
      assert.deepStrictEqual(used[2]?.usage, { inputTokens: 1000, cachedInputTokens: 0, outputTokens: 42 });
      yield* turn("[[say: nothing]]");
      assert.lengthOf(seen.all("usage.updated"), 3);
    }).pipe(Effect.scoped),
  );

  it.live("kills a command that runs when the turn is interrupted", () =>
    Effect.gen(function* () {
      const { session, seen, cwd } = yield* start();
      const pidFile = join(cwd, "pid");
      yield* prompt(session, `[[shell: echo $$ > pid.new; mv pid.new pid; sleep 1000]]`);
      yield* until(() => existsSync(pidFile));
      yield* session.interrupt;
      assert.strictEqual((yield* seen.nextOf("turn.completed")).status, "interrupted");
      yield* until(() => !isRunning(Number(readFileSync(pidFile, "utf8"))));
      assert.strictEqual(seen.all("tool.updated").at(-1)?.status, "failed");
    }).pipe(Effect.scoped),
  );
});
