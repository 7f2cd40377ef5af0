/** Time that passes when it is told to: a sleep of a minute takes no time, and comes before one of an hour. */
import { type Clock, Duration, Effect } from "effect";

interface Sleeper {
  readonly until: number;
  readonly wake: () => void;
}

export class SimulatedClock implements Clock.Clock {
  #now: number;
  /** The next to wake last. */
  #sleepers: Array<Sleeper> = [];

  constructor(now: number) {
    this.#now = now;
  }

  readonly currentTimeMillis = Effect.sync(() => this.#now);
  readonly currentTimeNanos = Effect.sync(() => this.currentTimeNanosUnsafe());
  readonly monotonicTimeNanos = this.currentTimeNanos;
  currentTimeMillisUnsafe(): number {
    return this.#now;
  }
  currentTimeNanosUnsafe(): bigint {
    return BigInt(this.#now) * 1_000_000n;
  }
  monotonicTimeNanosUnsafe(): bigint {
    return this.currentTimeNanosUnsafe();
  }

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    const millis = Duration.toMillis(duration);
    if (millis <= 0) return Effect.yieldNow;
    return Effect.callback((resume) => {
      const sleeper: Sleeper = { until: this.#now + millis, wake: () => resume(Effect.void) };
      const before = this.#sleepers.findIndex(({ until }) => until <= sleeper.until);
      this.#sleepers.splice(before === -1 ? this.#sleepers.length : before, 0, sleeper);
      return Effect.sync(() => {
        this.#sleepers = this.#sleepers.filter((each) => each !== sleeper);
      });
    });
  }

  /** Lets time pass, and wakes who has slept long enough. */
  pass(millis: number): void {
    this.#now += millis;
    for (let next = this.#sleepers.at(-1); next && next.until <= this.#now; next = this.#sleepers.at(-1)) {
      this.#sleepers.pop();
      next.wake();
    }
  }

  /** Goes on to when the next one wakes. False where nobody sleeps. */
  passToNext(): boolean {
    const next = this.#sleepers.at(-1);
    if (!next || next.until === Number.POSITIVE_INFINITY) return false;
    this.pass(Math.max(next.until - this.#now, 0));
    return true;
  }

  /** Those who sleep never wake: their process is gone. */
  forgetSleepers(): void {
    this.#sleepers = [];
  }
}
