import { assert, describe, it } from "@effect/vitest";
import { play, randomSteps } from "@heddle/domain/testing/Steps";
import { commit, readModel } from "@heddle/projections/testing/support";
import { Effect } from "effect";
import fc from "fast-check";
import { changesBetween, corrupt, corruptions } from "./Corruption.ts";
import { catchUp, freshRebuilds, inWords, run } from "./rebuild-support.ts";

describe("any log, and any change of rows by hand", () => {
  it.live(
    "are found by verify, each of them and nothing else, and mended by repair",
    () =>
      Effect.promise(() =>
        fc.assert(
          fc.asyncProperty(randomSteps(300), corruptions, (steps, hands) =>
            Effect.gen(function* () {
              yield* catchUp;
              yield* commit(play(steps).log);
              const right = yield* readModel;
              for (const hand of hands) yield* corrupt(hand);
              const expected = changesBetween(right, yield* readModel).toSorted();

              const verified = yield* run({ limit: 1000 });
              assert.deepStrictEqual(verified.differences.map(inWords).toSorted(), expected);
              assert.strictEqual(verified.report.sound, expected.length === 0);

              const repaired = yield* run({ purpose: "repair", limit: 1000 });
              assert.isTrue(repaired.report.sound);
              assert.deepStrictEqual(repaired.differences.map(inWords).toSorted(), expected);
              assert.deepStrictEqual(yield* readModel, right);
              const again = yield* run({});
              assert.deepStrictEqual(again.differences, []);
              assert.isTrue(again.report.sound);
            }).pipe(Effect.provide(freshRebuilds()), Effect.runPromise),
          ),
          { numRuns: 25 },
        ),
      ),
    120_000,
  );
});
