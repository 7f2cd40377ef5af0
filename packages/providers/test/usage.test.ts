/** What a turn of an ACP agent has used, told from whatever of it the agent says. */
import { assert, describe, it } from "@effect/vitest";
import { Effect } from "effect";
import { type Line, playing, script, start } from "./support.ts";

const fills = (used: number, cost?: number, currency = "USD"): Line =>
  script.tells("usage_update", {
    used,
    size: 1000,
    ...(cost === undefined ? {} : { cost: { amount: cost, currency } }),
  });

const turnThatUsed = (
  id: number,
  usage: object | null,
  ...lines: ReadonlyArray<Line>
): ReadonlyArray<Line> => [
  script.hears("session/prompt", id),
  ...lines,
  script.answers(id, { stopReason: "end_turn", usage }),
];

const context = (usedTokens: number) => ({ usedTokens, windowTokens: 1000 });
const tokens = (inputTokens: number, cachedInputTokens: number, outputTokens: number) => ({
  inputTokens,
  cachedInputTokens,
  outputTokens,
});

describe("what a turn has used", () => {
  it.live("is how full the context is as it works, and its tokens in the end", () =>
    Effect.gen(function* () {
      const usage = { totalTokens: 300, inputTokens: 270, outputTokens: 30 };
      const agent = yield* playing([
        ...script.opens(),
        ...turnThatUsed(10, usage, fills(100), fills(100), fills(200)),
        ...turnThatUsed(11, { ...usage, totalTokens: 40, inputTokens: 35, outputTokens: 5 }),
        script.exits,
      ]);
      const { seen, turn } = yield* start(agent);
      yield* turn("one");
      yield* turn("two");
      assert.deepStrictEqual(
        seen.all("usage.updated").map(({ usage, context }) => ({ usage, context })),
        [
          { usage: tokens(0, 0, 0), context: context(100) },
          { usage: tokens(0, 0, 0), context: context(200) },
          { usage: tokens(270, 0, 30), context: context(200) },
          { usage: tokens(35, 0, 5), context: context(200) },
        ],
      );
      assert.strictEqual(seen.events.at(-2)?.type, "usage.updated");
    }).pipe(Effect.scoped),
  );

  it.live.each([
    {
      how: "beside the input, as some agents count",
      usage: {
        totalTokens: 175,
        inputTokens: 20,
        outputTokens: 25,
        cachedReadTokens: 100,
        cachedWriteTokens: 30,
      },
      said: tokens(150, 100, 25),
    },
    {
      how: "within the input, as others do",
      usage: {
        totalTokens: 175,
        inputTokens: 150,
        outputTokens: 25,
        cachedReadTokens: 100,
        thoughtTokens: 10,
      },
      said: tokens(150, 100, 25),
    },
    {
      how: "beside the input, with thoughts beside the output",
      usage: {
        totalTokens: 185,
        inputTokens: 50,
        outputTokens: 25,
        cachedReadTokens: 100,
        thoughtTokens: 10,
      },
      said: tokens(150, 100, 35),
    },
  ])("counts cached tokens among those of the input: $how", ({ usage, said }) =>
    Effect.gen(function* () {
      const agent = yield* playing([...script.opens(), ...turnThatUsed(10, usage), script.exits]);
      const { seen, turn } = yield* start(agent);
      yield* turn("go");
      assert.deepStrictEqual(
        seen.all("usage.updated").map(({ usage }) => usage),
        [said],
      );
    }).pipe(Effect.scoped),
  );

  it.live("costs what the session has cost since the turn began, in dollars only", () =>
    Effect.gen(function* () {
      const agent = yield* playing([
        ...script.opens(),
        ...turnThatUsed(10, null, fills(1, 0.25), fills(2, 0.5)),
        ...turnThatUsed(11, null, fills(3, 1.5), fills(4, 7, "EUR")),
        // It counts anew.
        ...turnThatUsed(12, null, fills(5, 0.125)),
        script.exits,
      ]);
      const { seen, turn } = yield* start(agent);
      yield* turn("one");
      yield* turn("two");
      yield* turn("three");
      assert.deepStrictEqual(
        seen.all("usage.updated").map(({ usage }) => usage.costUsd),
        [0.25, 0.5, 1, 1, 0.125],
      );
    }).pipe(Effect.scoped),
  );

  it.live("costs nothing that can be told in the first turn of an earlier session, whose cost is in it", () =>
    Effect.gen(function* () {
      const agent = yield* playing([
        script.hears("initialize", 0),
        script.answers(0, {
          protocolVersion: 1,
          agentCapabilities: { sessionCapabilities: { resume: {} } },
        }),
        script.hears("session/resume", 1),
        script.answers(1, {}),
        ...turnThatUsed(10, null, fills(1, 7.25), fills(2, 7.5)),
        ...turnThatUsed(11, null, fills(3, 8)),
        script.exits,
      ]);
      const { seen, turn } = yield* start({ ...agent, resume: { sessionId: script.sessionId } });
      yield* turn("one");
      yield* turn("two");
      assert.deepStrictEqual(
        seen.all("usage.updated").map(({ usage }) => usage.costUsd),
        [undefined, undefined, 0.5],
      );
    }).pipe(Effect.scoped),
  );

  it.live("is nothing where the agent says nothing of it, or nothing that can be read", () =>
    Effect.gen(function* () {
      const agent = yield* playing([
        ...script.opens(),
        ...turnThatUsed(10, { inputTokens: -1 }, script.tells("usage_update", { used: "much", size: 0 })),
        script.exits,
      ]);
      const { seen, turn } = yield* start(agent);
      yield* turn("go");
      assert.deepStrictEqual(seen.all("usage.updated"), []);
    }).pipe(Effect.scoped),
  );
});
