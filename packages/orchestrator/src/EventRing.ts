/** The last events, in memory: what serves subscriptions that keep up. Bounded in events and in bytes. */
import type { EventEnvelope } from "@heddle/contracts/Events";

export interface PageBounds {
  readonly limit: number;
  /** Size of payloads at which a page ends before that; one event always fits. */
  readonly maxBytes: number;
}

export interface RingBounds {
  readonly events: number;
  readonly bytes: number;
}

const USUAL: RingBounds = { events: 4096, bytes: 16 * 1_048_576 };

export class EventRing {
  readonly #bounds: RingBounds;
  #events: Array<EventEnvelope> = [];
  #sizes: Array<number> = [];
  #bytes = 0;

  constructor(bounds: RingBounds = USUAL) {
    this.#bounds = bounds;
  }

  push(events: ReadonlyArray<EventEnvelope>): void {
    for (const event of events) {
      const last = this.#events.at(-1);
      // One is missing in between: what stands before it cannot be continued from here.
      if (last !== undefined && event.sequence !== last.sequence + 1) this.#drop(this.#events.length);
      const size = sizeOf(event.payload);
      this.#events.push(event);
      this.#sizes.push(size);
      this.#bytes += size;
    }
    // Cut in big steps: moving the array's start costs its length.
    if (this.#events.length > 2 * this.#bounds.events || this.#bytes > 2 * this.#bounds.bytes) this.#cut();
  }

  /** The events after a sequence, if all of them are here. */
  after(
    fromSequenceExclusive: number,
    { limit, maxBytes }: PageBounds,
  ): ReadonlyArray<EventEnvelope> | undefined {
    const first = this.#events[0];
    if (first === undefined || fromSequenceExclusive < first.sequence - 1) return undefined;
    const start = fromSequenceExclusive - first.sequence + 1;
    let end = start;
    for (let bytes = 0; end < this.#events.length && end - start < limit; end += 1) {
      bytes += this.#sizes[end] ?? 0;
      if (bytes > maxBytes && end > start) break;
    }
    return this.#events.slice(start, end);
  }

  /** Drops all of them. */
  clear(): void {
    this.#drop(this.#events.length);
  }

  #cut(): void {
    let count = Math.max(0, this.#events.length - this.#bounds.events);
    let bytes = this.#bytes;
    for (let index = 0; index < this.#events.length; index += 1) {
      if (index >= count && bytes <= this.#bounds.bytes) break;
      bytes -= this.#sizes[index] ?? 0;
      count = Math.max(count, index + 1);
    }
    this.#drop(count);
  }

  #drop(count: number): void {
    this.#events = this.#events.slice(count);
    for (const size of this.#sizes.splice(0, count)) this.#bytes -= size;
  }
}

/** About the length of a value's JSON, without making it. */
export const sizeOf = (value: unknown): number => {
  if (typeof value === "string") return value.length + 2;
  if (typeof value !== "object" || value === null) return 5;
  let size = 2;
  for (const [key, entry] of Object.entries(value)) size += key.length + 4 + sizeOf(entry);
  return size;
};
