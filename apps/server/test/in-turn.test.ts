import { setImmediate } from "node:timers/promises";
import { Effect, Fiber } from "effect";
import { assert, describe, it } from "vitest";
import { makeInTurn } from "../src/InTurn.ts";

describe("reads that are asked for at once", () => {
  it("are done one at a time, and others have their turn in between", () =>
    Effect.runPromise(
      Effect.gen(function* () {
        const inTurn = yield* makeInTurn;
        const done: Array<string> = [];
        const reads = yield* Effect.forEach([1, 2, 3], (index) =>
          Effect.forkChild(inTurn(Effect.sync(() => done.push(`read ${index}`)))),
        );
        // As what comes in over a socket does, which the event loop looks at once in each round.
        const other = (async () => {
          for (let round = 1; round <= 20; round += 1) {
            await setImmediate();
            done.push("other");
          }
        })();
        yield* Effect.forEach(reads, Fiber.join);
        yield* Effect.promise(() => other);
        const places = [1, 2, 3].map((index) => done.indexOf(`read ${index}`));
        for (const [index, place] of places.slice(1).entries()) {
          assert.include(done.slice(places[index], place), "other");
        }
      }),
    ));
});
