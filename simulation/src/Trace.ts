/** What has happened in a run, for whoever has to find out why it failed. */
import { createHash } from "node:crypto";
import type { SimulatedClock } from "./SimulatedClock.ts";

const KEPT = 400;

export class Trace {
  readonly #clock: SimulatedClock;
  readonly #began: number;
  readonly #hash = createHash("sha256");
  #lines: Array<string> = [];
  #count = 0;

  constructor(clock: SimulatedClock) {
    this.#clock = clock;
    this.#began = clock.currentTimeMillisUnsafe();
  }

  /** One step: who, and what. */
  add(who: string, what: string): void {
    this.#count += 1;
    const seconds = ((this.#clock.currentTimeMillisUnsafe() - this.#began) / 1000).toFixed(3);
    const line = `${String(this.#count).padStart(5)} ${seconds.padStart(9)} s  ${who.padEnd(12)} ${what}`;
    this.#hash.update(line);
    this.#lines.push(line);
    if (this.#lines.length > 2 * KEPT) this.#lines = this.#lines.slice(-KEPT);
  }

  /** The last steps. */
  last(count: number): ReadonlyArray<string> {
    return this.#lines.slice(-count);
  }

  /** Over every step: two runs with the same one went the same way. Ends the trace. */
  digest(): string {
    return this.#hash.digest("hex");
  }
}
