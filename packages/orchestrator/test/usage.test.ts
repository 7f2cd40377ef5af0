import { join } from "node:path";
import { assert, describe, it } from "@effect/vitest";
import { Effect } from "effect";
import { TestClock } from "effect/testing";
import {
  atRest,
  beginThread,
  eventsOf,
  eventsOfType,
  promptAgent,
  serverLayer,
  type TestAgent,
  threadOf,
  turnsEnded,
  World,
} from "./agents.ts";
import { temporaryFolder } from "./support.ts";

const onServer = <A, E, R>(test: (world: World) => Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const world = new World();
    const folder = yield* temporaryFolder;
    return yield* test(world).pipe(Effect.provide(serverLayer(join(folder, "heddle.db"), world)));
  }).pipe(Effect.scoped);

const uses = (agent: TestAgent, outputTokens: number) =>
  agent.say({ type: "usage.updated", usage: { inputTokens: 100, cachedInputTokens: 10, outputTokens } });

const recorded = Effect.map(eventsOfType("thread.turn-usage-recorded"), (events) =>
  events.map(({ payload }) => payload.usage.outputTokens),
);

describe("what a turn uses", () => {
  it.effect("is recorded once in a short turn, as the agent said it last, right before its end", () =>
    onServer((world) =>
      Effect.gen(function* () {
        yield* beginThread;
        const agent = yield* promptAgent(world, "m1");
        for (const tokens of [1, 2, 3]) uses(agent, tokens);
        agent.complete();
        yield* turnsEnded(1);
        assert.deepStrictEqual(yield* recorded, [3]);
        const types = (yield* eventsOf()).map(({ eventType }) => eventType);
        assert.isBelow(types.indexOf("thread.turn-usage-recorded"), types.indexOf("thread.turn-completed"));
        assert.deepInclude((yield* threadOf()).usage, { inputTokens: 100, outputTokens: 3 });
      }),
    ),
  );

  it.effect("is recorded at most every 15 seconds in a long one, and not again where nothing changed", () =>
    onServer((world) =>
      Effect.gen(function* () {
        yield* beginThread;
        const agent = yield* promptAgent(world, "m1");
        for (let second = 0; second < 40; second += 1) {
          uses(agent, second);
          yield* atRest;
          yield* TestClock.adjust("1 second");
        }
        assert.deepStrictEqual(yield* recorded, [15, 30]);
        uses(agent, 30);
        agent.complete();
        yield* turnsEnded(1);
        assert.deepStrictEqual(yield* recorded, [15, 30]);
      }),
    ),
  );

  it.effect("is recorded where the agent's process ends in mid-turn", () =>
    onServer((world) =>
      Effect.gen(function* () {
        yield* beginThread;
        const agent = yield* promptAgent(world, "m1");
        uses(agent, 7);
        agent.die();
        yield* turnsEnded(1);
        assert.deepStrictEqual(yield* recorded, [7]);
      }),
    ),
  );

  it.effect("is of its own turn: the next begins anew, and the thread has the sum", () =>
    onServer((world) =>
      Effect.gen(function* () {
        yield* beginThread;
        for (const [index, messageId] of ["m1", "m2"].entries()) {
          const agent = yield* promptAgent(world, messageId);
          uses(agent, 5);
          agent.complete();
          yield* turnsEnded(index + 1);
        }
        assert.deepStrictEqual(yield* recorded, [5, 5]);
        assert.deepInclude((yield* threadOf()).usage, { inputTokens: 200, outputTokens: 10 });
      }),
    ),
  );

  it.effect("is nobody's outside of a turn", () =>
    onServer((world) =>
      Effect.gen(function* () {
        yield* beginThread;
        const agent = yield* promptAgent(world, "m1");
        agent.complete();
        yield* turnsEnded(1);
        uses(agent, 9);
        yield* atRest;
        assert.deepStrictEqual(yield* recorded, []);
      }),
    ),
  );
});
