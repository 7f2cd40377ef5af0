import { join } from "node:path";
import { assert, describe, it } from "@effect/vitest";
import { Effect } from "effect";
import {
  atRest,
  beginThread,
  eventsOfType,
  eventually,
  pass,
  promptAgent,
  serverLayer,
  turnsEnded,
  World,
} from "./agents.ts";
import { allSettled, crashBeforeSettling, crashImage } from "./database-files.ts";
import { send, startTurn, temporaryFolder } from "./support.ts";

const ends = Effect.map(eventsOfType("thread.turn-completed"), (events) =>
  events.map(({ payload }) => payload.status),
);

describe("after a crash before the start of a turn was settled", () => {
  it.effect("one that had begun is not begun again, whether or not its prompt was handed over", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder;
      const file = join(folder, "before.db");
      const image = join(folder, "after.db");
      const before = new World();
      before.handshake = Effect.sync(() => {
        const { prompts } = before.agent;
        prompts.push = (prompt) => {
          crashImage(file, image);
          return Array.prototype.push.call(prompts, prompt);
        };
      });
      yield* beginThread.pipe(
        Effect.andThen(send(startTurn("t1", "m1", "first"))),
        Effect.andThen(eventually(Effect.sync(() => before.agents[0]?.prompts.length === 1))),
        Effect.provide(serverLayer(file, before)),
        Effect.scoped,
      );

      const after = new World();
      yield* Effect.gen(function* () {
        yield* allSettled;
        assert.deepStrictEqual(yield* ends, ["interrupted"]);
        assert.isEmpty(after.agents);
        const next = yield* promptAgent(after, "m2", "second");
        assert.include(next.prompts[0]?.text, "second");
      }).pipe(Effect.provide(serverLayer(image, after)), Effect.scoped);
    }).pipe(Effect.scoped),
  );

  it.effect("one that had failed keeps its first reason, and holds nothing up", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder;
      const file = join(folder, "before.db");
      const image = join(folder, "after.db");
      const before = new World();
      before.manners.silent = true;
      before.handshake = Effect.sync(() => before.agent.die());
      yield* crashBeforeSettling(file, image).pipe(
        Effect.andThen(beginThread),
        Effect.andThen(send(startTurn("t1", "m1", "first"))),
        Effect.andThen(allSettled),
        Effect.provide(serverLayer(file, before)),
        Effect.scoped,
      );

      const after = new World();
      after.handshake = Effect.die(new Error("The agent is broken in another way."));
      yield* Effect.gen(function* () {
        yield* atRest;
        yield* pass(10_000, 500);
        yield* allSettled;
        const [ended] = yield* turnsEnded(1);
        assert.match(ended?.payload.reason ?? "", /ended before its session began/);
        after.handshake = Effect.void;
        yield* promptAgent(after, "m2", "second");
      }).pipe(Effect.provide(serverLayer(image, after)), Effect.scoped);
    }).pipe(Effect.scoped),
  );
});
