/** The real claude on a scripted model. Skipped where HEDDLE_TEST_AGENTS names no folder with it. */
import { existsSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { assert, describe, it } from "@effect/vitest";
import { Effect } from "effect";
import { turnWith } from "../agents/realTurns.ts";
import { prompt, workspace } from "../support.ts";
import { claudeBinary, startReal, usageOf } from "./real.ts";

const TIME = 60_000;

const describeWithClaude = claudeBinary === undefined ? describe.skip : describe;

describeWithClaude("the real claude", () => {
  it.live(
    "says its words once, thinks, tells what it used, and ends its turn",
    () =>
      Effect.gen(function* () {
        const { seen, turn } = yield* startReal();
        const end = yield* turn("[[think: well then]] [[say: one two three]] [[lorem: 300]]");
        assert.deepStrictEqual(end, { type: "turn.completed", status: "completed" });
        assert.match(seen.text, /^one two three.{300}/s);
        assert.deepInclude(seen.all("reasoning")[0], { text: "well then" });
        const first = usageOf(seen);
        assert.isAbove(first.inputTokens, 1000);
        assert.isAbove(first.costUsd, 0);
        assert.strictEqual(first.windowTokens, 200_000);

        // The second turn's own, not what both have used.
        const told = seen.all("usage.updated").length;
        yield* turn("[[say: again]]");
        assert.isAbove(seen.all("usage.updated").length, told);
        const second = usageOf(seen);
        assert.isAbove(second.costUsd, 0);
        assert.isBelow(second.costUsd, first.costUsd * 1.5);
        assert.isAbove(second.inputTokens, 1000);
        assert.isBelow(second.inputTokens, first.inputTokens * 1.5);
      }).pipe(Effect.scoped),
    TIME,
  );

  it.live(
    "does what a person accepts, and not what a person declines; the turn goes on",
    () =>
      Effect.gen(function* () {
        const started = yield* startReal({ runtimeMode: "approval-required" });
        const { seen, cwd } = started;
        const done = "[[shell: echo said; touch yes.txt]] [[write: new.txt | new]] [[say: after]]";
        yield* turnWith(started, "accept", done);
        assert.isTrue(existsSync(join(cwd, "yes.txt")));
        assert.strictEqual(readFileSync(join(cwd, "new.txt"), "utf8"), "new");
        const [command, edit] = seen.all("tool.updated").filter(({ status }) => status === "completed");
        assert.deepInclude(command, { kind: "execute", title: "echo said; touch yes.txt" });
        assert.deepNestedInclude(command?.payload, { output: "said" });
        const diffs = [{ path: join(cwd, "new.txt"), newText: "new" }];
        assert.deepInclude(edit, { kind: "edit", title: "Write new.txt", payload: { diffs } });
        assert.deepInclude(seen.all("approval.requested")[1], { kind: "edit", payload: { diffs } });

        const end = yield* turnWith(started, "decline", "[[shell: touch no.txt]] [[say: all the same]]");
        assert.strictEqual(end.status, "completed");
        assert.isFalse(existsSync(join(cwd, "no.txt")));
        assert.strictEqual(seen.all("tool.updated").at(-1)?.status, "failed");
        assert.match(seen.text, /all the same$/);
      }).pipe(Effect.scoped),
    TIME,
  );

  it.live(
    "asks once for what a person accepts for the session, and for everything else as before",
    () =>
      Effect.gen(function* () {
        const started = yield* startReal({ runtimeMode: "approval-required" });
        const { seen, cwd } = started;
        yield* turnWith(started, "acceptForSession", "[[shell: touch a.txt]] [[write: b.txt | one]]");
        assert.lengthOf(seen.all("approval.requested"), 2);
        yield* turnWith(started, "decline", "[[shell: touch a.txt]] [[write: b.txt | two]] [[say: done]]");
        assert.lengthOf(seen.all("approval.requested"), 2);
        assert.strictEqual(readFileSync(join(cwd, "b.txt"), "utf8"), "two");
        assert.deepStrictEqual(
          seen.all("notice").map(({ summary }) => summary),
          [
            "Accepted (accepted before for this session): touch a.txt",
            "Accepted (accepted before for this session): Write b.txt",
          ],
        );

        yield* turnWith(started, "decline", "[[write: c.txt | three]] [[shell: touch d.txt]] [[say: done]]");
        assert.lengthOf(seen.all("approval.requested"), 4);
        assert.isFalse(existsSync(join(cwd, "c.txt")));
        assert.isFalse(existsSync(join(cwd, ".claude")));
      }).pipe(Effect.scoped),
    TIME,
  );

  it.live(
    "edits without asking in auto-accept-edits, but not outside of the folder; commands it asks for",
    () =>
      Effect.gen(function* () {
        const started = yield* startReal({ runtimeMode: "auto-accept-edits" });
        const { seen, cwd } = started;
        const elsewhere = yield* workspace;
        const old = join(cwd, "old.txt");
        writeFileSync(old, "one\ntwo\n");
        symlinkSync(elsewhere, join(cwd, "link"));
        const edit = JSON.stringify({ file_path: old, old_string: "two", new_string: "2" });
        yield* turnWith(
          started,
          "decline",
          `[[read: old.txt]] [[tool: Edit ${edit}]] [[write: new.txt | new]]`,
        );
        assert.deepStrictEqual(seen.all("approval.requested"), []);
        assert.strictEqual(readFileSync(old, "utf8"), "one\n2\n");
        const edited = seen
          .all("tool.updated")
          .find(({ title, status }) => title === "Edit old.txt" && status === "completed");
        assert.deepStrictEqual(edited?.payload, { diffs: [{ path: old, oldText: "two", newText: "2" }] });
        assert.deepInclude(
          seen.all("notice").find(({ kind }) => kind === "accepted-automatically"),
          {
            summary: "Accepted (runtime mode auto-accept-edits): Edit old.txt",
          },
        );

        const out = join(elsewhere, "out.txt");
        yield* turnWith(
          started,
          "decline",
          `[[write: ${out} | x]] [[write: link/out.txt | x]] [[shell: touch no.txt]]`,
        );
        assert.deepStrictEqual(
          seen.all("approval.requested").map(({ kind }) => kind),
          ["edit", "edit", "execute"],
        );
        assert.isFalse(existsSync(out));
        assert.isFalse(existsSync(join(cwd, "no.txt")));
      }).pipe(Effect.scoped),
    TIME,
  );

  it.live(
    "asks nothing with full access, also in the middle of a turn",
    () =>
      Effect.gen(function* () {
        const { session, seen, cwd } = yield* startReal({ runtimeMode: "approval-required" });
        yield* prompt(session, "[[shell: touch one.txt]] [[shell: touch two.txt]] [[say: done]]");
        yield* seen.nextOf("approval.requested");
        yield* session.setRuntimeMode("full-access");
        yield* seen.nextOf("request.withdrawn");
        assert.strictEqual((yield* seen.nextOf("turn.completed")).status, "completed");
        assert.isTrue(existsSync(join(cwd, "one.txt")));
        assert.isTrue(existsSync(join(cwd, "two.txt")));
        assert.lengthOf(seen.all("approval.requested"), 1);
      }).pipe(Effect.scoped),
    TIME,
  );

  it.live(
    "asks a question, and goes on with the answer; and asks before it leaves its plan",
    () =>
      Effect.gen(function* () {
        const { session, seen } = yield* startReal();
        const options = [
          { label: "Red", description: "like fire" },
          { label: "Blue", description: "like water" },
        ];
        const asked = {
          questions: [{ question: "Which colour?", header: "Colour", multiSelect: false, options }],
        };
        yield* prompt(session, `[[tool: AskUserQuestion ${JSON.stringify(asked)}]] [[say: thanks]]`);
        const request = yield* seen.nextOf("user-input.requested");
        assert.deepStrictEqual(request.questions, [
          {
            id: "question-1",
            prompt: "Colour\nWhich colour?",
            options: [
              { value: "Red", label: "Red: like fire" },
              { value: "Blue", label: "Blue: like water" },
            ],
          },
        ]);
        yield* session.respondUserInput(request.requestKey, { "question-1": "Blue" });
        assert.strictEqual((yield* seen.nextOf("turn.completed")).status, "completed");
        assert.match(seen.text, /thanks$/);

        yield* session.setRuntimeMode("approval-required");
        const plan = JSON.stringify({ plan: "# Plan\n- one" });
        yield* prompt(session, `[[tool: EnterPlanMode {}]] [[tool: ExitPlanMode ${plan}]] [[say: planned]]`);
        for (;;) {
          const event = yield* seen.next(
            ({ type }) => type === "approval.requested" || type === "turn.completed",
          );
          if (event.type !== "approval.requested") break;
          yield* session.respondApproval(event.requestKey, "accept");
        }
        const leaves = seen.all("approval.requested").at(-1);
        assert.deepInclude(leaves, { kind: "switch_mode", title: "Go on with the plan" });
        assert.deepNestedInclude(leaves?.payload, { input: { plan: "# Plan\n- one" } });
        assert.match(seen.text, /planned$/);
      }).pipe(Effect.scoped),
    TIME,
  );

  it.live(
    "shows its tasks as a plan, and a subagent as one call",
    () =>
      Effect.gen(function* () {
        const { seen, turn } = yield* startReal();
        const task = JSON.stringify({ subject: "first", description: "what to do first" });
        yield* turn(
          `[[tool: TaskCreate ${task}]] [[tool: TaskUpdate {"taskId":"1","status":"in_progress"}]] [[say: planned]]`,
        );
        assert.deepStrictEqual(
          seen.all("plan.updated").map(({ entries }) => entries),
          [[{ text: "first", status: "pending" }], [{ text: "first", status: "in_progress" }]],
        );
        assert.deepStrictEqual(seen.all("tool.updated"), []);

        const sub = JSON.stringify({
          description: "look around",
          prompt: "hello there",
          subagent_type: "general-purpose",
          run_in_background: false,
        });
        yield* turn(`[[tool: Task ${sub}]] [[say: all done]]`);
        assert.deepStrictEqual(
          [...new Set(seen.all("tool.updated").map(({ title }) => title))],
          ["Subagent: look around"],
        );
        assert.match(seen.text, /^planned\s*all done$/);
      }).pipe(Effect.scoped),
    TIME,
  );

  it.live(
    "tells of tries again, and ends a turn that fails with the reason",
    () =>
      Effect.gen(function* () {
        const { seen, turn } = yield* startReal();
        const failed = yield* turn("[[fail: 500 always]]");
        assert.strictEqual(failed.status, "error");
        assert.match(failed.reason ?? "", /500/);
        assert.match(seen.all("notice")[0]?.summary ?? "", /Trying again, 1 of 1/);
        const refused = yield* turn("[[fail: 401 always]]");
        assert.match(refused.reason ?? "", /401.*claude wants a login.*ANTHROPIC_API_KEY/s);
        assert.strictEqual((yield* turn("[[say: well again]]")).status, "completed");
        assert.strictEqual(seen.text.trim(), "well again");
      }).pipe(Effect.scoped),
    TIME,
  );

  it.live(
    "says what to do where nobody is logged in",
    () =>
      Effect.gen(function* () {
        const { turn } = yield* startReal({ env: { ANTHROPIC_API_KEY: "" } });
        const end = yield* turn("[[say: hello]]");
        assert.strictEqual(end.status, "error");
        assert.match(end.reason ?? "", /Not logged in.*claude wants a login\. .*claude auth login/s);
      }).pipe(Effect.scoped),
    TIME,
  );

  it.live(
    "takes another model and an effort, images and texts, and refuses what it cannot read",
    () =>
      Effect.gen(function* () {
        const { session, seen } = yield* startReal({
          model: {
            provider: "claude",
            model: "claude-sonnet-4-5",
            options: { effort: "low", permissionMode: "plan" },
          },
        });
        const ignored = yield* seen.nextOf("notice");
        assert.match(ignored.summary, /permissionMode was ignored/);
        const pixel =
          "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
        yield* session.prompt({
          text: "[[say: seen]]",
          attachments: [
            { name: "dot.png", mimeType: "image/png", data: pixel },
            { name: "a.txt", mimeType: "text/plain", data: btoa("some words") },
          ],
          model: {
            provider: "claude",
            model: "claude-opus-4-5",
            options: { effort: "low", permissionMode: "plan" },
          },
          effort: "high",
        });
        assert.strictEqual((yield* seen.nextOf("turn.completed")).status, "completed");
        // The model's own words about what it was sent last.
        assert.match(seen.text, /^Stub reply to: \[Image/);
        yield* session.prompt({ text: "[[say: more]]", attachments: [], effort: "utmost" });
        assert.match((yield* seen.nextOf("notice")).summary, /effort was ignored: "utmost" is none of low/);
        yield* seen.nextOf("turn.completed");
        const archive = { name: "a.zip", mimeType: "application/zip", data: "" };
        const refused = yield* Effect.flip(session.prompt({ text: "", attachments: [archive] }));
        assert.match(refused.message, /takes no application\/zip \(a\.zip\)/);
      }).pipe(Effect.scoped),
    TIME,
  );
});
