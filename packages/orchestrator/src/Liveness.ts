/**
 * Whether a turn is heard of. Time is the monotonic one: neither a clock that is set nor a laptop that slept makes a turn
 * silent. Costs a number for each event.
 */
import type { Stalled } from "@heddle/contracts/Model";
import { Clock, Effect } from "effect";

export interface LivenessOptions<E> {
  /** Says in the log that the turn is stalled, or, with null, that it is heard again; `time` counts the stalls. */
  readonly say: (stalled: Stalled | null, time: number) => Effect.Effect<void, E>;
  /** For a person. */
  readonly waitsFor: () => string;
}

export const makeLiveness = Effect.fnUntraced(function* <E>({ say, waitsFor }: LivenessOptions<E>) {
  const clock = yield* Clock.Clock;
  const now = () => Number(clock.monotonicTimeNanosUnsafe() / 1_000_000n);
  let heardAt = now();
  let shown = false;
  let stalls = 0;
  const silence = () => now() - heardAt;

  const takeBack = Effect.suspend(() =>
    Effect.map(say(null, stalls), () => {
      shown = false;
    }),
  );

  return {
    /** In milliseconds. */
    silence,
    /** Something was heard. What said otherwise is taken back. */
    heard: (): Effect.Effect<void, E> => {
      heardAt = now();
      return shown ? takeBack : Effect.void;
    },
    /** Shows the turn as stalled where nothing was heard of it for `after` milliseconds. */
    check: (after: number) =>
      Effect.suspend(() => {
        if (shown || silence() < after) return Effect.void;
        // Also where it is not known whether that was stored: the next word takes it back.
        shown = true;
        stalls += 1;
        const since = new Date(clock.currentTimeMillisUnsafe() - silence()).toISOString();
        return say({ since, waitsFor: waitsFor() }, stalls);
      }),
    /** A turn begins, or is over: its end takes back what was said of it. */
    reset: () => {
      heardAt = now();
      shown = false;
    },
  };
});
