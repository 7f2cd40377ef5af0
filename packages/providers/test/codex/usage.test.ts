/** What a turn of codex's has used, told from the counts that codex keeps of its whole thread. */
import { assert, describe, it } from "@effect/vitest";
import { Effect } from "effect";
import { type EventOf, start } from "../support.ts";
import type { Line } from "./recording.ts";
import { playing, script, THREAD } from "./support.ts";

interface Count {
  readonly input: number;
  readonly output: number;
  readonly cached?: number;
}

const countOf = ({ input, output, cached = 0 }: Count) => ({
  totalTokens: input + output,
  inputTokens: input,
  cachedInputTokens: cached,
  cacheWriteInputTokens: 0,
  outputTokens: output,
  reasoningOutputTokens: 0,
});

const counts = (turnId: string, total: Count, last: Count): Line =>
  script.tells("thread/tokenUsage/updated", {
    turnId,
    tokenUsage: { total: countOf(total), last: countOf(last), modelContextWindow: 1000 },
  });

const turnWith = (id: number, ...lines: ReadonlyArray<Line>): ReadonlyArray<Line> => [
  ...script.begins(id, `turn-${id}`),
  ...lines,
  script.ends("completed", {}, `turn-${id}`),
];

const used = (
  inputTokens: number,
  outputTokens: number,
  usedTokens: number,
  cachedInputTokens = 0,
): EventOf<"usage.updated"> => ({
  type: "usage.updated",
  usage: { inputTokens, cachedInputTokens, outputTokens },
  context: { usedTokens, windowTokens: 1000 },
});

const isTold = ({ type }: { type: string }): boolean => type === "usage.updated" || type === "turn.completed";

describe("what a turn has used", () => {
  it.live("grows with each answer of the model, and begins again with the next turn", () =>
    Effect.gen(function* () {
      const agent = yield* playing([
        ...script.opens(),
        ...turnWith(
          10,
          counts("turn-10", { input: 100, output: 10 }, { input: 100, output: 10 }),
          counts("turn-10", { input: 250, output: 15, cached: 80 }, { input: 150, output: 5, cached: 80 }),
        ),
        ...turnWith(11, counts("turn-11", { input: 450, output: 22, cached: 80 }, { input: 200, output: 7 })),
        script.exits,
      ]);
      const { seen, turn } = yield* start(agent);
      yield* turn("one");
      yield* turn("two");
      assert.deepStrictEqual(seen.events.filter(isTold), [
        used(100, 10, 110),
        used(250, 15, 155, 80),
        { type: "turn.completed", status: "completed" },
        used(200, 7, 207),
        { type: "turn.completed", status: "completed" },
      ]);
    }).pipe(Effect.scoped),
  );

  it.live("is told once, however often codex tells it, and also where codex told it before it answered", () =>
    Effect.gen(function* () {
      const count = counts("turn-10", { input: 100, output: 10 }, { input: 100, output: 10 });
      const agent = yield* playing([
        ...script.opens(),
        script.hears("turn/start", 10),
        count,
        count,
        script.answers(10, { turn: { id: "turn-10" } }),
        script.ends("completed", {}, "turn-10"),
        script.exits,
      ]);
      const { seen, turn } = yield* start(agent);
      yield* turn("one");
      assert.deepStrictEqual(seen.all("usage.updated"), [used(100, 10, 110)]);
      assert.strictEqual(seen.events.at(-1)?.type, "turn.completed");
    }).pipe(Effect.scoped),
  );

  it.live.each(["thread/resume", "thread/fork"])(
    "leaves out what its thread used before this process: %s",
    (method) =>
      Effect.gen(function* () {
        const before = { input: 5000, output: 500 };
        const agent = yield* playing([
          script.hears("initialize", 1),
          script.answers(1, {}),
          script.hears(method, 2),
          script.answers(2, { thread: { id: THREAD } }),
          // Told of the turn that was the last one then.
          counts("turn-of-long-ago", before, { input: 900, output: 50 }),
          ...turnWith(10, counts("turn-10", { input: 5100, output: 510 }, { input: 100, output: 10 })),
          script.exits,
        ]);
        const fork = method === "thread/fork" ? ({ fork: true } as const) : {};
        const { seen, turn } = yield* start({ ...agent, resume: { threadId: "earlier" }, ...fork });
        yield* turn("go on");
        assert.deepStrictEqual(seen.all("usage.updated"), [used(100, 10, 110)]);
      }).pipe(Effect.scoped),
  );

  it.live("is what came last where codex does not say what its thread had used before", () =>
    Effect.gen(function* () {
      const agent = yield* playing([
        ...script.opens(),
        ...turnWith(10, counts("turn-10", { input: 5100, output: 510 }, { input: 100, output: 10 })),
        script.exits,
      ]);
      const { seen, turn } = yield* start(agent);
      yield* turn("go on");
      assert.deepStrictEqual(seen.all("usage.updated"), [used(100, 10, 110)]);
    }).pipe(Effect.scoped),
  );

  it.live("is never less than nothing, also where turns were taken out of the thread", () =>
    Effect.gen(function* () {
      const agent = yield* playing([
        ...script.opens(),
        ...turnWith(10, counts("turn-10", { input: 900, output: 90 }, { input: 900, output: 90 })),
        ...turnWith(
          11,
          counts("turn-11", { input: 300, output: 30 }, { input: 300, output: 30 }),
          counts("turn-11", { input: 400, output: 35 }, { input: 100, output: 5 }),
        ),
        script.exits,
      ]);
      const { seen, turn } = yield* start(agent);
      yield* turn("one");
      yield* turn("two");
      assert.deepStrictEqual(
        seen.all("usage.updated").map(({ usage }) => [usage.inputTokens, usage.outputTokens]),
        [
          [900, 90],
          [0, 0],
          [100, 5],
        ],
      );
    }).pipe(Effect.scoped),
  );
});
