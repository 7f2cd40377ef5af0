/** What an agent says and does in a turn, as events: scripts for the player, where the demo is too well-behaved. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { assert, describe, it } from "@effect/vitest";
import { Effect, Stream } from "effect";
import {
  type Line,
  oneTurn,
  playing,
  prompt,
  script,
  start,
  startOnly,
  textOf,
  workspace,
} from "./support.ts";

const runTurn = Effect.fnUntraced(function* (lines: ReadonlyArray<Line>) {
  const { seen, turn } = yield* start(yield* oneTurn(...lines));
  yield* turn("go");
  return seen;
});

describe("messages", () => {
  it.live("are told apart by the agent's ids", () =>
    Effect.gen(function* () {
      const seen = yield* runTurn([script.says("a", "m1"), script.says("b", "m1"), script.says("c", "m2")]);
      assert.deepStrictEqual(
        seen.events.filter(({ type }) => type.startsWith("message.")) as ReadonlyArray<unknown>,
        [
          { type: "message.delta", itemId: "m1", text: "a" },
          { type: "message.delta", itemId: "m1", text: "b" },
          { type: "message.completed", itemId: "m1" },
          { type: "message.delta", itemId: "m2", text: "c" },
          { type: "message.completed", itemId: "m2" },
        ],
      );
    }).pipe(Effect.scoped),
  );

  it.live(
    "that go on after a call do so as another, so that both stand in the order in which they came",
    () =>
      Effect.gen(function* () {
        const seen = yield* runTurn([
          script.says("before", "m1"),
          script.tells("tool_call", { toolCallId: "t1", title: "T", status: "completed" }),
          script.says("after", "m1"),
        ]);
        const itemIds = seen.all("message.delta").map(({ itemId }) => itemId);
        assert.strictEqual(itemIds[0], "m1");
        assert.notStrictEqual(itemIds[1], "m1");
        assert.lengthOf(seen.all("message.completed"), 2);
      }).pipe(Effect.scoped),
  );

  it.live("that come in pieces and then again in full are told once", () =>
    Effect.gen(function* () {
      const [head, tail] = ["Text that was streamed in pieces, ", "and then once more as a whole."];
      const seen = yield* runTurn([
        script.says(head),
        script.says(tail),
        script.says(head + tail),
        script.says("!"),
      ]);
      assert.strictEqual(seen.text, `${head}${tail}!`);
    }).pipe(Effect.scoped),
  );

  it.live("keep short words that repeat what was said", () =>
    Effect.gen(function* () {
      const seen = yield* runTurn([script.says("ha"), script.says("ha"), script.says("haha")]);
      assert.strictEqual(seen.text, "hahahaha");
    }).pipe(Effect.scoped),
  );

  it.live("never contain half a character", () =>
    Effect.gen(function* () {
      const [high = "", low = ""] = "🧵".split("");
      const seen = yield* runTurn([script.says(`a${high}`), script.says(`${low}b`)]);
      assert.deepStrictEqual(
        seen.all("message.delta").map(({ text }) => text),
        ["a", "🧵b"],
      );
    }).pipe(Effect.scoped),
  );

  it.live("that come all at once come in pieces", () =>
    Effect.gen(function* () {
      const text = "🧵".repeat(40_000);
      const seen = yield* runTurn([script.says(`a${text}`)]);
      assert.strictEqual(seen.text, `a${text}`);
      for (const delta of seen.all("message.delta")) {
        assert.isAtMost(delta.text.length, 20_000);
        assert.isTrue(delta.text.isWellFormed());
      }
    }).pipe(Effect.scoped),
  );

  it.live("of other sessions of the agent are left out", () =>
    Effect.gen(function* () {
      const update = { sessionUpdate: "agent_message_chunk", content: { type: "text", text: "not ours" } };
      const seen = yield* runTurn([
        script.notifies("session/update", { sessionId: "a subagent", update }),
        script.says("ours"),
      ]);
      assert.strictEqual(seen.text, "ours");
    }).pipe(Effect.scoped),
  );

  it.live("that come before there is a session follow its start", () =>
    Effect.gen(function* () {
      const [hears, answers, asked, opened] = script.opens();
      const lines = [
        hears,
        answers,
        asked,
        script.says("early"),
        opened,
        ...script.turn([script.says("late")]),
        script.exits,
      ];
      const { seen, turn } = yield* start(yield* playing(lines.filter((line) => line !== undefined)));
      yield* turn("go");
      assert.deepStrictEqual(
        seen.events.map(({ type }) => type),
        [
          "session.started",
          "message.delta",
          "message.completed",
          "turn.started",
          "message.delta",
          "message.completed",
          "turn.completed",
        ],
      );
    }).pipe(Effect.scoped),
  );

  it.live("wait in the agent while nobody reads them, and all arrive", () =>
    Effect.gen(function* () {
      const folder = yield* workspace;
      const [begun, done] = [join(folder, "begun"), join(folder, "done")];
      const words = Array.from({ length: 20_000 }, (_, index) => `${index} `);
      const agent = yield* oneTurn({ dir: "touch", msg: begun }, ...words.map((word) => script.says(word)), {
        dir: "touch",
        msg: done,
      });
      const { session } = yield* startOnly(agent);
      yield* prompt(session, "go");
      // Far longer than the whole takes when it is read.
      yield* Effect.sleep("700 millis");
      assert.isTrue(existsSync(begun));
      assert.isFalse(existsSync(done));

      const events = yield* session.events.pipe(
        Stream.takeUntil(({ type }) => type === "turn.completed"),
        Stream.runCollect,
      );
      assert.strictEqual(textOf(events), words.join(""));
    }).pipe(Effect.scoped),
  );
});

describe("tool calls", () => {
  it.live("may begin with an update, and repeat themselves without an event", () =>
    Effect.gen(function* () {
      const update = script.tells("tool_call_update", { toolCallId: "t1", kind: "fetch", title: "Look" });
      const seen = yield* runTurn([
        update,
        update,
        script.tells("tool_call_update", { toolCallId: "t1", _meta: { vendor: true } }),
        script.tells("tool_call_update", { toolCallId: "t1", status: "completed", rawOutput: "found" }),
      ]);
      const known = { type: "tool.updated", itemId: "t1", kind: "fetch", title: "Look" };
      assert.deepStrictEqual(seen.all("tool.updated") as ReadonlyArray<unknown>, [
        { ...known, status: "running", payload: {} },
        { ...known, status: "completed", payload: { output: "found" } },
      ]);
    }).pipe(Effect.scoped),
  );

  it.live("that the agent leaves open end with the turn", () =>
    Effect.gen(function* () {
      const seen = yield* runTurn([
        script.tells("tool_call", { toolCallId: "t1", title: "T", status: "in_progress" }),
      ]);
      assert.deepStrictEqual(
        seen.all("tool.updated").map(({ status }) => status),
        ["running", "completed"],
      );
      assert.isBelow(
        seen.events.findLastIndex(({ type }) => type === "tool.updated"),
        seen.events.findIndex(({ type }) => type === "turn.completed"),
      );
    }).pipe(Effect.scoped),
  );

  it.live("show the output of commands that comes as the agents' extension of the protocol", () =>
    Effect.gen(function* () {
      const seen = yield* runTurn([
        script.tells("tool_call_update", {
          toolCallId: "t1",
          status: "completed",
          _meta: { terminal_output_delta: { data: "hi\n" }, terminal_exit: { exit_code: 0, signal: null } },
        }),
      ]);
      assert.deepStrictEqual(seen.all("tool.updated")[0]?.payload, { terminalOutput: "hi\n", exitCode: 0 });
    }).pipe(Effect.scoped),
  );

  it.live("show a terminal of the agent's own by its name", () =>
    Effect.gen(function* () {
      const content = [{ type: "terminal", terminalId: "t-7" }];
      const seen = yield* runTurn([script.tells("tool_call", { toolCallId: "t1", title: "Run", content })]);
      assert.deepStrictEqual(seen.all("tool.updated")[0]?.payload, { text: "[terminal t-7]" });
    }).pipe(Effect.scoped),
  );
});

describe("what an agent tells of itself", () => {
  const compacts = (status: string, error?: string): Line =>
    script.tells("compaction_update", { compactionId: "c", status, ...(error ? { error } : {}) });
  const info = (update: object): Line => script.tells("session_info_update", update);

  it.live("is shown where it says why it waits or what it forgot, once, and else left out", () =>
    Effect.gen(function* () {
      const seen = yield* runTurn([
        compacts("in_progress"),
        compacts("in_progress"),
        script.tells("compaction_summary_chunk", { compactionId: "c", content: { type: "text", text: "s" } }),
        compacts("completed"),
        compacts("failed", "too short"),
        compacts("some day"),
        info({ title: "A title of its own" }),
        info({ _meta: { vendor: { error: { message: "Reconnecting... 1/5" } }, other: { error: null } } }),
        info({ _meta: { vendor: { threadStatus: { type: "idle" } } } }),
        script.tells("notice", { severity: "warning", title: "Nearly full" }),
        script.tells("available_commands_update", { availableCommands: [] }),
        script.tells("plan_removed", { planId: "p" }),
      ]);
      assert.deepStrictEqual(
        seen.all("notice").map(({ tone, summary }) => [tone, summary]),
        [
          ["info", "The agent shortens what it remembers of the conversation."],
          ["info", "The agent has shortened what it remembers of the conversation."],
          ["error", "The agent could not shorten what it remembers: too short"],
          ["info", "Reconnecting... 1/5"],
          ["info", "Nearly full"],
        ],
      );
    }).pipe(Effect.scoped),
  );
});
