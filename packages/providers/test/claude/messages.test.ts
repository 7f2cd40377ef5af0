/** What claude says and does, as events: scripted, through the adapter and the SDK as they are. */
import { assert, describe, it } from "@effect/vitest";
import { Effect } from "effect";
import { prompt, start } from "../support.ts";
import { assertWellFormed } from "../well-formed.ts";
import type { Line } from "./recording.ts";
import { fromClaude, oneTurn, script } from "./support.ts";

const { begins, calls, gives, opens, says, streams, tells, whole } = script;
const text = (words: string) => ({ type: "text", text: words });

/** The events of one turn in which claude says all this. */
const eventsOf = Effect.fnUntraced(function* (...lines: ReadonlyArray<Line>) {
  const { seen } = yield* Effect.scoped(
    Effect.gen(function* () {
      const started = yield* start(yield* oneTurn(...lines));
      yield* started.turn("hello");
      return started;
    }),
  );
  assertWellFormed(yield* seen.ended);
  return seen;
});

describe("what claude says", () => {
  it.live("is one message that streams and is not repeated as a whole", () =>
    Effect.gen(function* () {
      const seen = yield* eventsOf(
        begins("m"),
        opens(0),
        says(0, "one "),
        says(0, "two"),
        whole("m", text("one two")),
      );
      assert.strictEqual(seen.text, "one two");
      assert.lengthOf(seen.all("message.completed"), 1);
    }).pipe(Effect.scoped),
  );

  it.live("is whole where it did not stream, or not to its end", () =>
    Effect.gen(function* () {
      const seen = yield* eventsOf(
        whole("a", text("at once. ")),
        begins("b"),
        opens(0),
        says(0, "half "),
        whole("b", text("half of it")),
      );
      assert.strictEqual(seen.text, "at once. half of it");
      assert.lengthOf(seen.all("message.completed"), 2);
    }).pipe(Effect.scoped),
  );

  it.live("is another message where it turns out otherwise", () =>
    Effect.gen(function* () {
      const seen = yield* eventsOf(begins("m"), opens(0), says(0, "black"), whole("m", text("white")));
      assert.strictEqual(seen.text, "blackwhite");
      assert.lengthOf(seen.all("message.completed"), 2);
    }).pipe(Effect.scoped),
  );

  it.live("keeps what a broken off answer said, also where the next try has the same name", () =>
    Effect.gen(function* () {
      const seen = yield* eventsOf(
        begins("m"),
        opens(0),
        says(0, "broken "),
        begins("m"),
        opens(0),
        says(0, "whole"),
        whole("m", text("whole")),
      );
      assert.strictEqual(seen.text, "broken whole");
      assert.lengthOf(new Set(seen.all("message.delta").map(({ itemId }) => itemId)), 2);
    }).pipe(Effect.scoped),
  );

  it.live("shows thoughts as a whole, also where they broke off", () =>
    Effect.gen(function* () {
      const thinks = (index: number, thinking: string) =>
        streams({ type: "content_block_delta", index, delta: { type: "thinking_delta", thinking } });
      const seen = yield* eventsOf(
        begins("a"),
        opens(0, "thinking"),
        thinks(0, "well "),
        thinks(0, "then"),
        whole("a", { type: "thinking", thinking: "well then" }),
        begins("b"),
        opens(0, "thinking"),
        thinks(0, "and so"),
      );
      assert.deepStrictEqual(
        seen.all("reasoning").map(({ text }) => text),
        ["well then", "and so"],
      );
      assert.strictEqual(seen.text, "");
    }).pipe(Effect.scoped),
  );

  it.live("shows what its own commands print", () =>
    Effect.gen(function* () {
      const seen = yield* eventsOf(
        tells({ type: "system", subtype: "local_command_output", content: "It cost nothing." }),
      );
      assert.strictEqual(seen.text, "It cost nothing.");
    }).pipe(Effect.scoped),
  );

  it.live("leaves what a person and what a subagent said out of its words", () =>
    Effect.gen(function* () {
      const ofSub = { parent_tool_use_id: "task" };
      const seen = yield* eventsOf(
        tells({ type: "user", message: { content: "what a person said" } }),
        tells({ type: "user", message: { content: [text("[Request interrupted by user]")] } }),
        calls("task", "Task", { description: "look around", prompt: "go" }),
        tells({ type: "assistant", message: { id: "s", content: [text("I look")] }, ...ofSub }),
        tells({ type: "stream_event", event: { type: "message_start", message: { id: "s" } }, ...ofSub }),
        tells({
          type: "assistant",
          message: {
            id: "s",
            content: [{ type: "tool_use", id: "inner", name: "Read", input: { file_path: "/x/a.txt" } }],
          },
          ...ofSub,
        }),
        tells({
          type: "user",
          message: { content: [{ type: "tool_result", tool_use_id: "inner", content: "words" }] },
          ...ofSub,
        }),
        gives("task", "I looked around"),
      );
      assert.strictEqual(seen.text, "");
      assert.deepStrictEqual(
        seen
          .all("tool.updated")
          .map(({ itemId, status, title, payload }) => [itemId, status, title, payload]),
        [
          [
            "task",
            "running",
            "Subagent: look around",
            { input: { description: "look around", prompt: "go" } },
          ],
          ["task", "running", "Subagent: look around", { doing: "Read a.txt" }],
          [
            "task",
            "completed",
            "Subagent: look around",
            { input: { description: "look around", prompt: "go" }, output: "I looked around" },
          ],
        ],
      );
    }).pipe(Effect.scoped),
  );
});

describe("what claude does", () => {
  it.live("is told as it begins and once as it ends, with what came of it", () =>
    Effect.gen(function* () {
      const seen = yield* eventsOf(
        calls("a", "Bash", { command: "make" }),
        gives("a", "Exit code 2\nno rule", { is_error: true }),
        gives("a", "again"),
        calls("b", "mcp__maps__find", { where: "here" }),
        gives("b", [{ type: "text", text: "there" }, { type: "image" }]),
        calls("c", "constructor", {}),
      );
      assert.deepStrictEqual(
        seen
          .all("tool.updated")
          .map(({ itemId, kind, status, title, payload }) => [itemId, kind, status, title, payload]),
        [
          ["a", "execute", "running", "make", { input: { command: "make" } }],
          ["a", "execute", "failed", "make", { input: { command: "make" }, output: "Exit code 2\nno rule" }],
          ["b", "other", "running", "maps find", { input: { where: "here" } }],
          ["b", "other", "completed", "maps find", { input: { where: "here" }, output: "there\n[image]" }],
          ["c", "other", "running", "constructor", { input: {} }],
          [
            "c",
            "other",
            "completed",
            "constructor",
            { note: "The turn ended before claude told how this call ended." },
          ],
        ],
      );
    }).pipe(Effect.scoped),
  );

  it.live.each([
    {
      tool: "Edit",
      input: { file_path: "/x/a.txt", old_string: "1", new_string: "2", replace_all: false },
      diffs: [{ path: "/x/a.txt", oldText: "1", newText: "2" }],
    },
    {
      tool: "MultiEdit",
      input: { file_path: "/x/a.txt", edits: [{ old_string: "1", new_string: "2" }] },
      diffs: [{ path: "/x/a.txt", oldText: "1", newText: "2" }],
    },
    {
      tool: "Write",
      input: { file_path: "/x/a.txt", content: "2" },
      diffs: [{ path: "/x/a.txt", oldText: "1", newText: "2" }],
    },
    {
      tool: "NotebookEdit",
      input: { notebook_path: "/x/a.ipynb", new_source: "2" },
      diffs: [{ path: "/x/a.ipynb", newText: "2" }],
    },
  ])("shows what $tool changes in a file as a diff", ({ tool, input, diffs }) =>
    Effect.gen(function* () {
      const outcome = { tool_use_result: { originalFile: "1" } };
      const seen = yield* eventsOf(
        calls("a", tool, input),
        tells({
          type: "user",
          message: { content: [{ type: "tool_result", tool_use_id: "a", content: "done" }] },
          ...outcome,
        }),
      );
      assert.deepInclude(seen.all("tool.updated").at(-1), {
        kind: "edit",
        status: "completed",
        payload: { diffs },
      });
    }).pipe(Effect.scoped),
  );

  it.live("shows its list of what is to do as a plan, in either form", () =>
    Effect.gen(function* () {
      const todos = [
        { content: "one", status: "completed" },
        { content: "two", status: "in_progress" },
      ];
      const done = (tool_use_id: string, tool_use_result: object) =>
        tells({
          type: "user",
          message: { content: [{ type: "tool_result", tool_use_id, content: "ok" }] },
          tool_use_result,
        });
      const seen = yield* eventsOf(
        calls("a", "TodoWrite", { todos }),
        done("a", {}),
        calls("b", "TaskCreate", { subject: "three" }),
        done("b", { task: { id: "7", subject: "three" } }),
        calls("c", "TaskUpdate", { taskId: "7", status: "in_progress" }),
        gives("c", "no", { is_error: true }),
        calls("d", "TaskUpdate", { taskId: "7", status: "completed" }),
        done("d", { success: true }),
        calls("e", "TaskList", {}),
        done("e", { tasks: [{ id: "7", subject: "three", status: "completed" }] }),
        calls("f", "TaskUpdate", { taskId: "7", status: "deleted" }),
        done("f", { success: true }),
      );
      assert.deepStrictEqual(
        seen.all("plan.updated").map(({ entries }) => entries),
        [
          [
            { text: "one", status: "completed" },
            { text: "two", status: "in_progress" },
          ],
          [{ text: "three", status: "pending" }],
          [{ text: "three", status: "completed" }],
          [],
        ],
      );
      assert.deepStrictEqual(seen.all("tool.updated"), []);
    }).pipe(Effect.scoped),
  );

  it.live("shows so much of a list without end: of what is done, the oldest is forgotten first", () =>
    Effect.gen(function* () {
      const done = (id: string, tool_use_result: object) =>
        tells({
          type: "user",
          message: { content: [{ type: "tool_result", tool_use_id: id, content: "ok" }] },
          tool_use_result,
        });
      const creates = (id: number) => [
        calls(`create-${id}`, "TaskCreate", { subject: `task ${id}` }),
        done(`create-${id}`, { task: { id: `${id}`, subject: `task ${id}` } }),
      ];
      const first = Array.from({ length: 200 }, (_, index) => creates(index + 1)).flat();
      const seen = yield* eventsOf(
        ...first,
        calls("update", "TaskUpdate", { taskId: "2", status: "completed" }),
        done("update", {}),
        ...creates(201),
        ...creates(202),
      );
      const names = seen.all("plan.updated").map(({ entries }) => entries.map(({ text }) => text));
      const all = Array.from({ length: 202 }, (_, index) => `task ${index + 1}`);
      assert.deepStrictEqual(
        names.at(-2),
        all.slice(0, 201).filter((name) => name !== "task 2"),
      );
      assert.deepStrictEqual(
        names.at(-1),
        all.slice(1).filter((name) => name !== "task 2"),
      );
    }).pipe(Effect.scoped),
  );
});

describe("what claude tells beside its work", () => {
  it.live("is shown where it concerns a person", () =>
    Effect.gen(function* () {
      const system = (subtype: string, more: object) => tells({ type: "system", subtype, ...more });
      const seen = yield* eventsOf(
        system("api_retry", { attempt: 1, max_retries: 10, error_status: 529, error: "overloaded" }),
        system("compact_boundary", { compact_metadata: { trigger: "auto", pre_tokens: 150_000 } }),
        system("permission_denied", {
          tool_name: "Bash",
          tool_use_id: "a",
          message: "no",
          decision_reason: "a rule",
        }),
        system("session_writes_lost", { error_code: "ENOSPC", lost: ["transcript"] }),
        tells({
          type: "rate_limit_event",
          rate_limit_info: { status: "rejected", rateLimitType: "five_hour", resetsAt: 1_800_000_000 },
        }),
        tells({ type: "rate_limit_event", rate_limit_info: { status: "allowed" } }),
        system("informational", { level: "info", content: "for nobody" }),
        system("status", { status: "requesting" }),
      );
      assert.deepStrictEqual(
        seen.events.filter(fromClaude).map(({ tone, summary }) => [tone, summary]),
        [
          ["info", "The model did not answer (529 overloaded). Trying again, 1 of 10."],
          ["info", "Claude made its context of 150000 tokens shorter."],
          ["info", "Claude's own rules denied Bash: a rule"],
          [
            "error",
            "Claude could not write down part of this conversation (ENOSPC): a later session may not know of it. Make room on the disk.",
          ],
          [
            "error",
            "The limit of the account (five hour) is reached. It is lifted at 2027-01-15T08:00:00.000Z.",
          ],
        ],
      );
    }).pipe(Effect.scoped),
  );

  it.live("is no message of claude's where the model could not be asked: it is why the turn failed", () =>
    Effect.gen(function* () {
      const trouble = tells({
        type: "assistant",
        message: { id: "e", content: [text("API Error: 500")] },
        error: "server_error",
      });
      const overcome = yield* eventsOf(trouble, whole("m", text("well again")));
      assert.strictEqual(overcome.text, "well again");
      assert.deepInclude(overcome.all("notice")[0], { tone: "error", summary: "API Error: 500" });
    }).pipe(Effect.scoped),
  );
});

describe("a message of claude's", () => {
  it.live("that is too long to read is left out, and said to be", () =>
    Effect.gen(function* () {
      const { session, seen } = yield* start(
        yield* oneTurn(whole("m", text("x".repeat(33 * 1024 * 1024))), whole("n", text("after"))),
      );
      yield* prompt(session, "hello");
      yield* seen.nextOf("turn.completed");
      assert.strictEqual(seen.text, "after");
      assert.match(seen.all("notice")[0]?.summary ?? "", /too long to read/);
    }).pipe(Effect.scoped),
  );
});
