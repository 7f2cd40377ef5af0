/** How sessions and turns begin and end, whatever claude does: scripted, through the adapter and the SDK as they are. */
import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { assert, describe, it } from "@effect/vitest";
import { Effect } from "effect";
import { isRunning, prompt, start, startOnly, textOf, until } from "../support.ts";
import { assertWellFormed } from "../well-formed.ts";
import { INTERRUPT_NOW, type Line, STEER_NOW } from "./recording.ts";
import { echoOf, fromClaude, isEcho, oneTurn, playing, PROMPT, script, started, STEER } from "./support.ts";

const {
  answers,
  asks,
  becomes,
  begins,
  calls,
  echoes,
  ends,
  exits,
  hears,
  hearsAnswerTo,
  hearsPrompt,
  idle,
  opens,
  refuses,
  says,
  streams,
  tells,
  whole,
} = script;

const usage = (inputTokens: number, costUSD: number) => ({
  "claude-x": { inputTokens, outputTokens: 5, cacheReadInputTokens: 7, costUSD, contextWindow: 1000 },
});

const between = whole("between", { type: "text", text: "between" });
const ended = { type: "turn.completed", status: "completed" } as const;

describe("a turn of claude", () => {
  it.live("ends with the result of its prompt, and with no other", () =>
    Effect.gen(function* () {
      const { seen, turn } = yield* start(
        yield* playing([
          ...started,
          hearsPrompt(),
          becomes("queued"),
          // Of a turn that claude began by itself, as when a command in the background has ended.
          whole("a", { type: "text", text: "by itself. " }),
          calls("c", "Bash", { command: "make" }),
          ends({}, "somebody-else"),
          ends({ user_message_uuids: undefined }),
          becomes("started"),
          whole("b", { type: "text", text: "asked" }),
          ends(),
          becomes("completed"),
          idle(),
          exits,
        ]),
      );
      assert.deepStrictEqual(yield* turn("hello"), ended);
      assert.strictEqual(seen.text, "by itself. asked");
      assert.lengthOf(seen.all("turn.completed"), 1);
      assert.strictEqual(seen.all("turn.started")[0]?.providerTurnId?.length, PROMPT.length);
    }).pipe(Effect.scoped),
  );

  it.live("ends with the next result of a claude that does not say what it answers", () =>
    Effect.gen(function* () {
      const { turn } = yield* start(
        yield* playing([...started, hearsPrompt(), ends({ user_message_uuids: undefined }), exits]),
      );
      assert.deepStrictEqual(yield* turn("hello"), ended);
    }).pipe(Effect.scoped),
  );

  it.live.each([
    { how: "in one result", lines: [becomes("completed", STEER), between, ends({}, PROMPT, STEER)] },
    { how: "in two", lines: [ends({}, PROMPT), between, ends({}, STEER), becomes("completed", STEER)] },
    { how: "and the second is given up", lines: [ends({}, PROMPT), between, becomes("discarded", STEER)] },
    {
      how: "and the second is forgotten",
      lines: [ends({}, PROMPT), becomes("started", STEER), between, idle()],
    },
  ])("that takes a second prompt ends once, when both are accounted for, $how", ({ lines }) =>
    Effect.gen(function* () {
      const { session, seen } = yield* start(
        yield* playing([
          ...started,
          hearsPrompt(),
          becomes("queued"),
          becomes("started"),
          hearsPrompt(STEER, true),
          echoes,
          becomes("queued", STEER),
          ...lines,
          whole("m", { type: "text", text: "over" }),
          exits,
        ]),
      );
      yield* prompt(session, "hello");
      yield* seen.next((event) => event.type === "notice" && event.summary === STEER_NOW);
      yield* session.steer({ text: "and", attachments: [] });
      assert.deepInclude(echoOf(yield* seen.next(isEcho)), { priority: "next" });
      assert.deepStrictEqual(yield* seen.nextOf("turn.completed"), ended);
      const end = seen.events.findIndex(({ type }) => type === "turn.completed");
      assert.strictEqual(textOf(seen.events.slice(0, end)), "between");
      yield* seen.next((event) => event.type === "message.delta" && event.text === "over");
      assert.lengthOf(seen.all("turn.completed"), 1);
      const late = yield* Effect.flip(session.steer({ text: "and", attachments: [] }));
      assert.match(late.message, /no running turn/);
    }).pipe(Effect.scoped),
  );

  it.live.each([
    {
      what: "has it already",
      lines: [becomes("completed")],
      status: "interrupted",
      reason: /had this prompt already/,
    },
    {
      what: "refuses it",
      lines: [becomes("queued"), becomes("refused")],
      status: "error",
      reason: /did not take/,
    },
    {
      what: "says nothing of how it went",
      lines: [becomes("queued"), idle(), becomes("started"), idle()],
      status: "error",
      reason: /without saying how/,
    },
  ])("does not stay open where claude $what", ({ lines, status, reason }) =>
    Effect.gen(function* () {
      const { turn, seen } = yield* start(yield* playing([...started, hearsPrompt(), ...lines, exits]));
      const end = yield* turn("hello");
      assert.strictEqual(end.status, status);
      assert.match(end.reason ?? "", reason);
      assert.lengthOf(seen.all("turn.completed"), 1);
    }).pipe(Effect.scoped),
  );

  it.live.each([
    { result: { stop_reason: "max_tokens" }, end: { status: "completed" as const, reason: "max_tokens" } },
    {
      result: { is_error: true, result: "API Error: 500" },
      end: { status: "error" as const, reason: "API Error: 500" },
    },
    {
      result: { subtype: "error_max_turns", is_error: true, errors: ["too many", " "] },
      end: { status: "error" as const, reason: "too many" },
    },
    {
      result: {
        subtype: "error_during_execution",
        is_error: true,
        errors: [],
        terminal_reason: "aborted_tools",
      },
      end: { status: "error" as const, reason: "aborted_tools" },
    },
  ])("ends as its result says: $end.status, $end.reason", ({ result, end }) =>
    Effect.gen(function* () {
      const { turn } = yield* start(yield* playing([...started, hearsPrompt(), ends(result), exits]));
      assert.deepStrictEqual(yield* turn("hello"), { type: "turn.completed", ...end });
    }).pipe(Effect.scoped),
  );

  it.live("that nobody is logged in for says what to do", () =>
    Effect.gen(function* () {
      const trouble = {
        type: "assistant",
        message: { id: "e", content: [{ type: "text", text: "Not logged in" }] },
        error: "authentication_failed",
      };
      const { turn, seen } = yield* start(
        yield* playing([
          ...started,
          hearsPrompt(),
          tells(trouble),
          ends({ is_error: true, result: "Not logged in" }),
          exits,
        ]),
      );
      assert.match(
        (yield* turn("hello")).reason ?? "",
        /^Not logged in\. claude wants a login\. Run "claude" once/,
      );
      assert.strictEqual(seen.text, "");
    }).pipe(Effect.scoped),
  );

  it.live("tells what it used: as it goes, and at its end all of it and only its own", () =>
    Effect.gen(function* () {
      const message = { id: "m", model: "claude-x", usage: { input_tokens: 10, output_tokens: 1 } };
      const { session, seen } = yield* start(
        yield* playing([
          ...started,
          hearsPrompt(),
          becomes("started"),
          streams({ type: "message_start", message }),
          streams({ type: "message_delta", usage: { output_tokens: 4 } }),
          hearsPrompt(STEER, true),
          becomes("queued", STEER),
          ends({ model_usage_since_last_result: usage(20, 0.5), modelUsage: usage(920, 9.5) }),
          ends({ model_usage_since_last_result: usage(1, 0.25), modelUsage: usage(921, 9.75) }, STEER),
          hearsPrompt(),
          ends({ model_usage_since_last_result: usage(2, 0.125), modelUsage: usage(923, 9.875) }),
          exits,
        ]),
      );
      yield* prompt(session, "hello");
      yield* seen.next((event) => event.type === "notice" && event.summary === STEER_NOW);
      yield* session.steer({ text: "and", attachments: [] });
      yield* seen.nextOf("turn.completed");
      yield* prompt(session, "again");
      yield* seen.nextOf("turn.completed");
      assert.deepStrictEqual(
        seen.all("usage.updated").map(({ usage, context }) => [usage, context]),
        [
          [
            { inputTokens: 10, cachedInputTokens: 0, outputTokens: 4 },
            { usedTokens: 14, windowTokens: null },
          ],
          [
            { inputTokens: 27, cachedInputTokens: 7, outputTokens: 5, costUsd: 0.5 },
            { usedTokens: 14, windowTokens: 1000 },
          ],
          [
            { inputTokens: 35, cachedInputTokens: 14, outputTokens: 10, costUsd: 0.75 },
            { usedTokens: 14, windowTokens: 1000 },
          ],
          [
            { inputTokens: 9, cachedInputTokens: 7, outputTokens: 5, costUsd: 0.125 },
            { usedTokens: 14, windowTokens: 1000 },
          ],
        ],
      );
    }).pipe(Effect.scoped),
  );
});

describe("an interrupt", () => {
  it.live(
    "ends the turn as interrupted, takes its requests back, and asks claude to begin nothing that waits",
    () =>
      Effect.gen(function* () {
        const { session, seen } = yield* start({
          ...(yield* playing([
            ...started,
            hearsPrompt(),
            asks("r", "Bash", { command: "make" }),
            hears("interrupt"),
            echoes,
            answers("interrupt", { still_queued: [] }),
            // Asked in the moment of the interrupt.
            asks("late", "Bash", { command: "make" }),
            hearsAnswerTo("late"),
            ends({ subtype: "error_during_execution", is_error: true, errors: [] }),
            exits,
          ])),
          runtimeMode: "approval-required",
        });
        yield* prompt(session, "hello");
        yield* seen.nextOf("approval.requested");
        yield* seen.next((event) => event.type === "notice" && event.summary === INTERRUPT_NOW);
        yield* session.interrupt;
        yield* session.interrupt;
        yield* seen.nextOf("request.withdrawn");
        assert.deepInclude(echoOf(yield* seen.next(isEcho))["request"], { cancel_queued: true });
        assert.deepStrictEqual(yield* seen.nextOf("turn.completed"), { ...ended, status: "interrupted" });
        assert.lengthOf(seen.all("approval.requested"), 1);
        // Nothing runs: nothing is asked.
        yield* session.interrupt;
      }).pipe(Effect.scoped),
  );

  it.live("ends a turn whose prompt claude had not begun with", () =>
    Effect.gen(function* () {
      const { session, seen } = yield* start(
        yield* playing([
          ...started,
          hearsPrompt(),
          becomes("queued"),
          hears("interrupt"),
          becomes("cancelled"),
          answers("interrupt", { still_queued: [], cancelled: [PROMPT] }),
          exits,
        ]),
      );
      yield* prompt(session, "hello");
      yield* seen.next((event) => event.type === "notice" && event.summary === INTERRUPT_NOW);
      yield* session.interrupt;
      assert.deepStrictEqual(yield* seen.nextOf("turn.completed"), { ...ended, status: "interrupted" });
    }).pipe(Effect.scoped),
  );

  it.live("does not undo what was done already", () =>
    Effect.gen(function* () {
      const { session, seen } = yield* start(
        yield* playing([...started, hearsPrompt(), hears("interrupt"), ends(), answers("interrupt"), exits]),
      );
      yield* prompt(session, "hello");
      yield* seen.next((event) => event.type === "notice" && event.summary === INTERRUPT_NOW);
      yield* session.interrupt;
      assert.deepStrictEqual(yield* seen.nextOf("turn.completed"), ended);
    }).pipe(Effect.scoped),
  );
});

describe("a session of claude", () => {
  it.live("begins before the first prompt, under an id of its own, with what claude can", () =>
    Effect.gen(function* () {
      const { session, seen } = yield* start(yield* playing([...started, exits]));
      const first = yield* seen.nextOf("session.started");
      assert.deepInclude(first, { capabilities: { steer: true, resume: true, fork: true }, resumed: false });
      assert.deepStrictEqual(session.resumeCursor, { sessionId: first.providerSessionId });
    }).pipe(Effect.scoped),
  );

  it.live.each([{ fork: true as const }, {}])(
    "goes on in a new session where claude cannot go on with the earlier one, and says so",
    (how) =>
      Effect.gen(function* () {
        const resume = { sessionId: randomUUID() };
        const agent = yield* playing([...started, exits], { noSuchSession: true });
        const { session, seen } = yield* start({ ...agent, ...how, resume });
        assert.isFalse((yield* seen.nextOf("session.started")).resumed);
        assert.notDeepEqual(session.resumeCursor, resume);
        assert.match((yield* seen.next(fromClaude)).summary, /could not go on .*: No conversation found/);
      }).pipe(Effect.scoped),
  );

  it.live("goes on in the session that was asked for, or in a copy of it under another id", () =>
    Effect.gen(function* () {
      const resume = { sessionId: randomUUID() };
      const agent = yield* playing([...started, exits]);
      const same = yield* start({ ...agent, resume });
      assert.isTrue((yield* same.seen.nextOf("session.started")).resumed);
      assert.deepStrictEqual(same.session.resumeCursor, resume);
      const copy = yield* start({ ...agent, resume, fork: true });
      assert.isTrue((yield* copy.seen.nextOf("session.started")).resumed);
      assert.notDeepEqual(copy.session.resumeCursor, resume);
    }).pipe(Effect.scoped),
  );

  it.live("that does not begin says why, and leaves nothing behind", () =>
    Effect.gen(function* () {
      const failure = {
        subtype: "error_during_execution",
        is_error: true,
        errors: ["the settings are broken"],
      };
      const broken = yield* playing([
        ...started.slice(0, 1),
        ends(failure),
        { dir: "exit", msg: { code: 1, signal: null } },
      ]);
      const why = yield* Effect.flip(
        startOnly({ ...broken, deadlines: { closing: "200 millis", handshake: "5 seconds" } }),
      );
      assert.match(why.message, /claude would not start: the settings are broken|did not answer in time/);

      const command = "/nowhere/claude";
      const missing = { claude: { protocol: "claude", command, args: [], env: {} } } as const;
      const none = yield* Effect.flip(startOnly({ agents: missing, model: { provider: "claude" } }));
      assert.match(none.message, /Command not found: \/nowhere\/claude/);

      const silent = yield* playing([script.hears("initialize"), script.hears("what nobody says")]);
      const late = yield* Effect.flip(startOnly({ ...silent, deadlines: { handshake: "300 millis" } }));
      assert.match(late.message, /did not answer in time/);
    }).pipe(Effect.scoped),
  );

  it.live("ends with its process, and its turn is not completed by that", () =>
    Effect.gen(function* () {
      const lines: ReadonlyArray<Line> = [
        ...started,
        hearsPrompt(),
        begins("m"),
        opens(0),
        says(0, "half"),
        { dir: "exit", msg: { code: null, signal: "SIGKILL" } },
      ];
      const { session, seen } = yield* start(yield* playing(lines));
      yield* prompt(session, "hello");
      assertWellFormed(yield* seen.ended);
      assert.deepStrictEqual(seen.all("turn.completed"), []);
      assert.strictEqual(seen.text, "half");
      assert.strictEqual(seen.all("session.exited")[0]?.signal, "SIGKILL");
      assert.match((yield* Effect.flip(session.prompt({ text: "", attachments: [] }))).message, /has ended/);
    }).pipe(Effect.scoped),
  );

  it.live("ends with what the SDK cannot read, so that its turn is not left open", () =>
    Effect.gen(function* () {
      const unreadable = ends({ subtype: "error_during_execution", is_error: true, errors: undefined });
      const { session, seen } = yield* start({
        ...(yield* playing([...started, hearsPrompt(), unreadable, hears("nothing")])),
        deadlines: { closing: "100 millis" },
      });
      yield* prompt(session, "hello");
      assertWellFormed(yield* seen.ended);
      assert.match(seen.all("session.exited")[0]?.detail ?? "", /TypeError/);
      assert.isFalse(isRunning(session.pid));
    }).pipe(Effect.scoped),
  );

  it.live("does not keep a turn open whose prompt claude does not read", () =>
    Effect.gen(function* () {
      const unread = `process.stdin.once("data", (data) => {
        process.stdin.pause();
        const { request_id } = JSON.parse(data);
        const response = { subtype: "success", request_id, response: {} };
        console.log(JSON.stringify({ type: "control_response", response }));
        setInterval(() => {}, 1000);
      });`;
      const args = ["--eval", unread, "--"];
      const claude = { protocol: "claude", command: process.execPath, args, env: {} } as const;
      const { session, seen } = yield* start({
        agents: { claude },
        model: { provider: "claude" },
        deadlines: { handOver: "200 millis", closing: "100 millis" },
      });
      const lost = yield* Effect.flip(prompt(session, "x".repeat(1024 * 1024)));
      assert.match(lost.message, /does not read what it is sent/);
      assert.deepInclude(yield* seen.nextOf("turn.completed"), { status: "error" });
    }).pipe(Effect.scoped),
  );

  it.live("ends a claude that does not listen when it is asked to", () =>
    Effect.gen(function* () {
      const deaf = "setInterval(() => {}, 1000); process.on('SIGTERM', () => {});";
      const play = [...started, hearsPrompt(), asks("r", "Bash", { command: "make" }), hears("nothing")];
      const { agents, model } = yield* playing(play);
      const args = ["--import", `data:text/javascript,${encodeURIComponent(deaf)}`, ...agents.claude.args];
      const { session, seen } = yield* Effect.scoped(
        Effect.gen(function* () {
          const started = yield* start({
            agents: { claude: { ...agents.claude, args } },
            model,
            runtimeMode: "approval-required",
            deadlines: { closing: "100 millis" },
          });
          yield* prompt(started.session, "hello");
          yield* started.seen.nextOf("approval.requested");
          return started;
        }),
      );
      assertWellFormed(yield* seen.ended);
      yield* until(() => !isRunning(session.pid));
      assert.lengthOf(seen.all("request.withdrawn"), 1);
    }).pipe(Effect.scoped),
  );

  it.live("keeps the model that it has where claude refuses another, and says so", () =>
    Effect.gen(function* () {
      const { session, seen } = yield* start(
        yield* playing([
          ...started,
          hears("set_model"),
          refuses("set_model", "no such model"),
          hears("apply_flag_settings"),
          echoes,
          answers("apply_flag_settings"),
          hearsPrompt(),
          ends(),
          exits,
        ]),
      );
      const model = { provider: "claude", model: "nonsense" };
      yield* session.prompt({ text: "hello", attachments: [], model, effort: "max" });
      assert.deepStrictEqual(yield* seen.nextOf("turn.completed"), ended);
      assert.match(seen.all("notice")[0]?.summary ?? "", /model was ignored: .*no such model/);
      const effort = seen.events.find(isEcho);
      assert.deepInclude(effort && echoOf(effort)["request"], { settings: { effortLevel: "max" } });
    }).pipe(Effect.scoped),
  );

  it.live("takes one turn at a time", () =>
    Effect.gen(function* () {
      const { session, seen } = yield* start(yield* oneTurn(hears("interrupt")));
      yield* prompt(session, "hello");
      const second = yield* Effect.flip(session.prompt({ text: "again", attachments: [] }));
      assert.match(second.message, /still at work/);
      yield* session.interrupt;
      yield* seen.nextOf("turn.completed");
    }).pipe(Effect.scoped),
  );
});

describe("the Claude Agent SDK", () => {
  it("is not loaded before the first session of claude", () => {
    const registry = new URL("../../src/shared/ProviderRegistry.ts", import.meta.url);
    const program = `
      import { registerHooks } from "node:module";
      const seen = [];
      registerHooks({ resolve: (name, context, next) => { seen.push(name); return next(name, context); } });
      await import(${JSON.stringify(registry.href)});
      console.log(JSON.stringify(seen));`;
    const output = execFileSync(process.execPath, ["--input-type=module", "--eval", program], {
      encoding: "utf8",
    });
    const loaded = JSON.parse(output) as ReadonlyArray<string>;
    assert.include(loaded, "../acp/Adapter.ts");
    assert.notInclude(loaded, "@anthropic-ai/claude-agent-sdk");
  });
});
