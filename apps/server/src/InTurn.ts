import { Effect, Semaphore } from "effect";

/**
 * SQLite reads at once, and holds up all else meanwhile. Reads that go through what this makes are done one at a time, and
 * between two of them everything else has its turn.
 */
export const makeInTurn = Effect.map(
  Semaphore.make(1),
  (one) =>
    <A, E, R>(read: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
      one.withPermits(1)(Effect.andThen(Effect.yieldNow, read)),
);
