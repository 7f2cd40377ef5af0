/** Work that others wait for, in steps that grow and shrink so that each takes a few milliseconds. */
import { Clock, Effect } from "effect";
import type { SqlError } from "effect/sql";
import type { Exclusively } from "./PruneStore.ts";

/** A step that takes longer is halved, and one that takes half of it is doubled. */
const STEP_MILLIS = 10;
/** Smaller ones would cost more commits than they spare. */
const LEAST = 32;
const MOST = 1024;

/**
 * Runs steps, each while nothing else writes, until one says that there is no more. After each, whoever waits has as long
 * as it took, up to what it should take. `size` is how many things a step may do at most.
 */
export const inShortSteps = Effect.fnUntraced(function* <E, R>(
  exclusively: Exclusively,
  step: (size: number) => Effect.Effect<boolean, E, R>,
): Effect.fn.Return<void, E | SqlError.SqlError, R> {
  for (let size = LEAST; ;) {
    const { more, took } = yield* exclusively(timed(step(size)));
    if (!more) return;
    if (took > STEP_MILLIS) size = Math.max(LEAST, Math.floor(size / 2));
    else if (took * 2 <= STEP_MILLIS) size = Math.min(MOST, size * 2);
    yield* Effect.sleep(Math.min(Math.max(1, took), STEP_MILLIS));
  }
});

const timed = Effect.fnUntraced(function* <E, R>(step: Effect.Effect<boolean, E, R>) {
  const began = yield* Clock.currentTimeMillis;
  const more = yield* step;
  return { more, took: (yield* Clock.currentTimeMillis) - began };
});
