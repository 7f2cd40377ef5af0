/** How far a job is, said some times a second. */
import type { JobProgress } from "@heddle/contracts/Jobs";
import { Clock, Effect } from "effect";

const EVERY = 250;

export interface JobMeter {
  /** Says it if it is time; `done` counts from the beginning of the phase. */
  readonly at: (done: number, total: number | null) => Effect.Effect<void>;
}

/**
 * Begins a phase. `from` is what was done before it began, by a run that was killed: it does not count for the rate. The
 * beginning is always said, and each end.
 */
export const beginPhase = Effect.fnUntraced(function* (
  phase: string,
  unit: JobProgress["unit"],
  say: (progress: JobProgress) => Effect.Effect<unknown>,
  from = 0,
): Effect.fn.Return<JobMeter> {
  const began = yield* Clock.currentTimeMillis;
  let said = Number.NEGATIVE_INFINITY;
  return {
    at: Effect.fnUntraced(function* (done, total) {
      const now = yield* Clock.currentTimeMillis;
      if (now - said < EVERY && done !== total) return;
      said = now;
      const seconds = (now - began) / 1000;
      const perSecond = seconds > 0 ? (done - from) / seconds : null;
      const left = total === null || perSecond === null || perSecond <= 0 ? null : (total - done) / perSecond;
      yield* say({
        kind: "progress",
        phase,
        done,
        total,
        unit,
        perSecond: perSecond && Math.round(perSecond),
        secondsLeft: left === null ? null : Math.max(0, Math.round(left * 10) / 10),
      });
    }),
  };
});
