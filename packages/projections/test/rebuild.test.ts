import { assert, describe, it } from "@effect/vitest";
import type { EventEnvelope } from "@heddle/contracts/Events";
import { busyWorld, play, randomSteps } from "@heddle/domain/testing/Steps";
import { EventStore } from "@heddle/event-store/EventStore";
import { Effect } from "effect";
import fc from "fast-check";
import { PROJECTORS } from "../src/Projectors.ts";
import { commit, dropReadModel, freshProjections, readModel, restart, store } from "./support.ts";

/** Cuts a log into batches of the given sizes, one after the other and again. */
const batches = (log: ReadonlyArray<EventEnvelope>, sizes: ReadonlyArray<number>) => {
  const cut: Array<ReadonlyArray<EventEnvelope>> = [];
  for (let from = 0; from < log.length;) {
    const size = sizes[cut.length % sizes.length] ?? 1;
    cut.push(log.slice(from, from + size));
    from += size;
  }
  return cut;
};

const property = (
  law: (log: ReadonlyArray<EventEnvelope>, sizes: ReadonlyArray<number>) => Effect.Effect<unknown, unknown>,
  numRuns: number,
) =>
  Effect.promise(() =>
    fc.assert(
      fc.asyncProperty(
        randomSteps(300),
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 }),
        (steps, sizes) => Effect.runPromise(law(play(steps).log, sizes)).then(() => undefined),
      ),
      { numRuns },
    ),
  );

describe("the read model of a live server", () => {
  it.live(
    "equals one that is built from zero, byte for byte, however the events came in batches",
    () =>
      property(
        (log, sizes) =>
          Effect.gen(function* () {
            for (const batch of batches(log, sizes)) yield* commit(batch);
            const live = yield* readModel;
            yield* dropReadModel;
            yield* restart();
            assert.deepStrictEqual(yield* readModel, live);
          }).pipe(Effect.provide(freshProjections)),
        40,
      ),
    120_000,
  );

  it.live(
    "equals that of a server which stopped in between and took up the rest",
    () =>
      property(
        (log, sizes) =>
          Effect.gen(function* () {
            const [first = [], ...others] = batches(log, sizes);
            yield* commit(first);
            yield* store(others.flat());
            yield* restart();
            const caughtUp = yield* readModel;
            yield* dropReadModel;
            yield* restart();
            assert.deepStrictEqual(yield* readModel, caughtUp);
          }).pipe(Effect.provide(freshProjections)),
        15,
      ),
    120_000,
  );

  it.live("is built with rows in every table by these histories, or nothing would be compared", () =>
    Effect.gen(function* () {
      yield* store(busyWorld(2000).log);
      yield* restart();
      const built = yield* readModel;
      for (const { table } of PROJECTORS) assert.isNotEmpty(built[table], table);
      const log = yield* EventStore;
      for (const state of built["projection_state"] ?? []) {
        assert.deepInclude(state, { last_applied_sequence: yield* log.head, fault: null });
      }
    }).pipe(Effect.provide(freshProjections)),
  );
});
