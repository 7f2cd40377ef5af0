import { join } from "node:path";
import { assert, describe, it } from "@effect/vitest";
import { Effect } from "effect";
import { atRest, beginThread, eventually, runTurn, serverLayer, turnsEnded, World } from "./agents.ts";
import { send, startTurn, temporaryFolder } from "./support.ts";

describe("a prompt to an agent whose process has ended, and whose end is still on its way", () => {
  it.effect("waits for that end, and is given to a new one", () =>
    Effect.gen(function* () {
      const world = new World();
      const file = join(yield* temporaryFolder, "heddle.db");
      yield* Effect.gen(function* () {
        yield* beginThread;
        const first = yield* runTurn(world, "m1", "one");
        first.alive = false;
        yield* send(startTurn("t1", "m2", "two"));
        yield* atRest;
        assert.lengthOf(world.agents, 1);
        assert.lengthOf(first.prompts, 1);

        first.alive = true;
        first.die("SIGKILL");
        yield* eventually(Effect.sync(() => world.agents.length === 2 && world.agent.prompts.length === 1));
        world.agent.complete();
        const ends = yield* turnsEnded(2);
        assert.deepStrictEqual(
          ends.map(({ payload }) => payload.status),
          ["completed", "completed"],
        );
      }).pipe(Effect.provide(serverLayer(file, world)));
    }).pipe(Effect.scoped),
  );
});
