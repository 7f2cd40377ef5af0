/** What codex says and does, as events: words once, tools that end once, and nothing of what concerns others. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { assert, describe, it } from "@effect/vitest";
import { Effect } from "effect";
import { diffsOf } from "../../src/codex/Diffs.ts";
import { type EventOf, prompt, start, startOnly, Recorder, until, workspace } from "../support.ts";
import type { Line } from "./recording.ts";
import { fromCodex, oneTurn, playing, script } from "./support.ts";

/** What a turn in which codex does this looks like. */
const turnOf = Effect.fnUntraced(function* (...lines: ReadonlyArray<Line>) {
  const started = yield* start(yield* oneTurn(...lines));
  yield* started.turn("go");
  return started.seen;
});

const message = (id: string, text: string) => script.completes({ type: "agentMessage", id, text });

const messagesIn = (seen: Recorder): Record<string, string> => {
  const messages: Record<string, string> = {};
  for (const { itemId, text } of seen.all("message.delta"))
    messages[itemId] = (messages[itemId] ?? "") + text;
  return messages;
};

describe("what codex says", () => {
  it.live("is filled up by what it says a message is in the end, and nothing is said twice", () =>
    Effect.gen(function* () {
      const seen = yield* turnOf(
        script.says("cut", "one "),
        message("cut", "one two"),
        message("never-streamed", "all at once"),
        script.says("whole", "as it was"),
        message("whole", "as it was\n"),
        message("whole", "as it was"),
        script.says("whole", " and more, too late"),
      );
      assert.deepStrictEqual(messagesIn(seen), {
        cut: "one two",
        "never-streamed": "all at once",
        whole: "as it was\n",
      });
      assert.lengthOf(seen.all("message.completed"), 3);
    }).pipe(Effect.scoped),
  );

  it.live("comes again as another message where it turns out to be something else", () =>
    Effect.gen(function* () {
      const seen = yield* turnOf(script.says("m", "draft"), message("m", "final words"));
      assert.deepStrictEqual(messagesIn(seen), { m: "draft", "m-final": "final words" });
    }).pipe(Effect.scoped),
  );

  it.live("ends with the turn at the latest, of which the last message may be told only then", () =>
    Effect.gen(function* () {
      const items = [{ type: "agentMessage", id: "last", text: "told in the end" }];
      const agent = yield* playing([
        ...script.opens(),
        ...script.begins(),
        script.says("open", "broken o"),
        script.ends("completed", { items }),
        script.exits,
      ]);
      const { seen, turn } = yield* start(agent);
      yield* turn("go");
      assert.deepStrictEqual(messagesIn(seen), { open: "broken o", last: "told in the end" });
      assert.lengthOf(seen.all("message.completed"), 2);
      assert.strictEqual(seen.events.at(-1)?.type, "turn.completed");
    }).pipe(Effect.scoped),
  );

  it.live("of its reasoning is told whole, with a paragraph for each part", () =>
    Effect.gen(function* () {
      const seen = yield* turnOf(
        script.tells("item/reasoning/summaryTextDelta", { itemId: "r", delta: "first", summaryIndex: 0 }),
        script.tells("item/reasoning/summaryTextDelta", { itemId: "r", delta: "second", summaryIndex: 1 }),
        script.completes({ type: "reasoning", id: "r", summary: ["first", "second"], content: [] }),
        script.completes({ type: "reasoning", id: "r", summary: ["first", "second"], content: [] }),
        script.tells("item/reasoning/textDelta", { itemId: "raw", delta: "never ended" }),
      );
      assert.deepStrictEqual(
        seen.all("reasoning").map(({ text }) => text),
        ["first\n\nsecond", "never ended"],
      );
    }).pipe(Effect.scoped),
  );

  it.live("in threads of its own is left out", () =>
    Effect.gen(function* () {
      const seen = yield* turnOf(
        script.tells("item/agentMessage/delta", { threadId: "another", itemId: "x", delta: "not for us" }),
        script.tells("turn/completed", { threadId: "another", turn: { id: "turn-1", status: "failed" } }),
        script.says("m", "for us"),
      );
      assert.deepStrictEqual(messagesIn(seen), { m: "for us" });
      assert.strictEqual(seen.all("turn.completed")[0]?.status, "completed");
    }).pipe(Effect.scoped),
  );

  it.live("waits in its pipe while nobody reads the events, and all of it arrives", () =>
    Effect.gen(function* () {
      const folder = yield* workspace;
      const [begun, file] = [join(folder, "begun"), join(folder, "all-written")];
      const flood = Array.from({ length: 4000 }, (_, index) =>
        script.says("m", `${index} `.padEnd(500, ".")),
      );
      const agent = yield* oneTurn({ dir: "touch", msg: begun }, ...flood, { dir: "touch", msg: file });
      const { session } = yield* startOnly(agent);
      yield* prompt(session, "go");
      yield* until(() => existsSync(begun));
      // Longer than the whole takes when it is read.
      yield* Effect.sleep("500 millis");
      assert.isFalse(existsSync(file));
      const seen = new Recorder();
      yield* Effect.forkDetach(seen.record(session));
      yield* until(() => existsSync(file));
      yield* seen.nextOf("turn.completed");
      assert.lengthOf(seen.text, 4000 * 500);
    }).pipe(Effect.scoped),
  );
});

describe("what codex does", () => {
  const command = { type: "commandExecution", id: "c", command: "ls", cwd: "/x", commandActions: [] };

  it.live("is a tool call that begins once and ends once, with what it printed", () =>
    Effect.gen(function* () {
      const seen = yield* turnOf(
        script.begun({ ...command, status: "inProgress" }),
        script.begun({ ...command, status: "inProgress" }),
        script.tells("item/commandExecution/outputDelta", { itemId: "c", delta: "a.txt\n" }),
        script.completes({ ...command, status: "completed", exitCode: 0, aggregatedOutput: null }),
        script.completes({ ...command, status: "failed", exitCode: 1 }),
        script.begun({ ...command, status: "inProgress" }),
      );
      assert.deepStrictEqual(
        seen.all("tool.updated").map(({ status }) => status),
        ["running", "completed"],
      );
      assert.deepNestedInclude(seen.all("tool.updated")[1]?.payload, { output: "a.txt\n", exitCode: 0 });
    }).pipe(Effect.scoped),
  );

  it.live("and leaves open ends with the turn; what it does not know is shown as it came", () =>
    Effect.gen(function* () {
      const agent = yield* playing([
        ...script.opens(),
        ...script.begins(),
        script.begun({ ...command, status: "inProgress" }),
        script.begun({ type: "mcpToolCall", id: "m", server: "files", tool: "find", status: "inProgress" }),
        script.completes({ type: "mcpToolCall", id: "m", server: "files", tool: "find", status: "failed" }),
        script.completes({ type: "webSearch", id: "w", query: "weather" }),
        script.completes({ type: "hologram", id: "h", light: true, dark: null }),
        script.ends("interrupted"),
        script.completes({ ...command, status: "completed" }),
        script.exits,
      ]);
      const { seen, turn } = yield* start(agent);
      yield* turn("go");
      assert.deepStrictEqual(
        seen.all("tool.updated").map(({ title, kind, status }) => [title, kind, status]),
        [
          ["ls", "execute", "running"],
          ["files find", "other", "running"],
          ["files find", "other", "failed"],
          ["Search the web: weather", "search", "completed"],
          ["hologram", "other", "completed"],
          ["ls", "execute", "failed"],
        ],
      );
      assert.deepStrictEqual(seen.all("tool.updated")[4]?.payload, {
        input: { type: "hologram", id: "h", light: true },
      });
    }).pipe(Effect.scoped),
  );

  it.live("by a plan is told with each step's state", () =>
    Effect.gen(function* () {
      const plan = [
        { step: "look", status: "completed" },
        { step: "think", status: "inProgress" },
        { step: "act", status: "someday" },
      ];
      const seen = yield* turnOf(script.tells("turn/plan/updated", { plan }));
      assert.deepStrictEqual(seen.all("plan.updated")[0]?.entries, [
        { text: "look", status: "completed" },
        { text: "think", status: "in_progress" },
        { text: "act", status: "pending" },
      ]);
    }).pipe(Effect.scoped),
  );

  it.live(
    "when something is wrong is told: warnings, tries again, and another model than was asked for",
    () =>
      Effect.gen(function* () {
        const error = { message: "Reconnecting... 1/5", additionalDetails: "reset by peer" };
        const seen = yield* turnOf(
          script.tells("warning", { threadId: null, message: "careful" }),
          script.tells("error", { error, willRetry: true }),
          script.tells("error", { error: { message: "told by the turn's end" }, willRetry: false }),
          script.tells("model/rerouted", { fromModel: "big", toModel: "small" }),
          script.tells("configWarning", { summary: "of the settings" }),
        );
        const notices: ReadonlyArray<EventOf<"notice">> = seen.all("notice").filter(fromCodex);
        assert.deepStrictEqual(
          notices.map(({ summary }) => summary),
          ["careful", "Reconnecting... 1/5: reset by peer", "Codex uses small in place of big."],
        );
      }).pipe(Effect.scoped),
  );
});

describe("a changed file", () => {
  it("is shown by the pieces that change, before and after", () => {
    const diff =
      "@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n@@ -9 +9,2 @@\n nine\n+ten\n\\ No newline at end of file\n";
    assert.deepStrictEqual(diffsOf({ path: "/a", kind: { type: "update", move_path: null }, diff }), [
      { path: "/a", oldText: "one\ntwo\nthree", newText: "one\n2\nthree" },
      { path: "/a", oldText: "nine", newText: "nine\nten" },
    ]);
  });

  it("that is new, gone or merely moved is shown as that", () => {
    assert.deepStrictEqual(diffsOf({ path: "/a", kind: { type: "add" }, diff: "x\n" }), [
      { path: "/a", newText: "x\n" },
    ]);
    assert.deepStrictEqual(diffsOf({ path: "/a", kind: { type: "delete" }, diff: "x\n" }), [
      { path: "/a", oldText: "x\n", newText: "" },
    ]);
    assert.deepStrictEqual(diffsOf({ path: "/a", kind: { type: "update", move_path: "/b" }, diff: "" }), [
      { path: "/a", movedTo: "/b", oldText: "", newText: "" },
    ]);
  });
});
