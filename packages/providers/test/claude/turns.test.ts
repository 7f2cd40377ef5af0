/** How turns begin and end, whatever claude does: scripted, through the adapter and the SDK as they are. */
import { assert, describe, it } from "@effect/vitest";
import { Effect } from "effect";
import { prompt, start, textOf } from "../support.ts";
import { INTERRUPT_NOW, STEER_NOW } from "./recording.ts";
import { echoOf, isEcho, oneTurn, playing, PROMPT, script, started, STEER } from "./support.ts";

const {
  answers,
  asks,
  becomes,
  calls,
  echoes,
  ends,
  exits,
  hears,
  hearsAnswerTo,
  hearsPrompt,
  idle,
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
      const { agents, model } = yield* playing([
        ...started,
        hearsPrompt(),
        tells(trouble),
        ends({ is_error: true, result: "Not logged in" }),
        exits,
      ]);
      const login = "claude auth login";
      const { turn, seen } = yield* start({ agents: { claude: { ...agents.claude, login } }, model });
      assert.match(
        (yield* turn("hello")).reason ?? "",
        /^Not logged in\. claude wants a login\. Log in as the user that runs Heddle: claude auth login\./,
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
