/** The one way out for an agent's events: in order, and with a brake for whoever reads from the agent. */
import type { ProviderRuntimeEvent } from "@heddle/contracts/ProviderRuntimeEvent";
import { type Cause, Effect, Queue, Stream } from "effect";
import { weightOf } from "./Bounded.ts";

/** Events that may wait for the consumer before the agent is read no further. */
export const EVENTS_AHEAD = 256;
/** The same in characters of what they carry. */
export const CHARACTERS_AHEAD = 32 * 1024 * 1024;

/**
 * `push` never fails and never waits: what Heddle itself adds (an interrupt, an exit) must not hang on a slow consumer.
 * Whoever reads the agent awaits `room` before the next message instead, so that a flood stays in the agent's pipe.
 */
export class EventQueue {
  readonly #queue: Queue.Queue<ProviderRuntimeEvent, Cause.Done>;
  #waiting: PromiseWithResolvers<void> | undefined;
  #open = false;
  #weight = 0;

  private constructor(queue: Queue.Queue<ProviderRuntimeEvent, Cause.Done>) {
    this.#queue = queue;
  }

  static readonly make: Effect.Effect<EventQueue> = Effect.map(
    Queue.unbounded<ProviderRuntimeEvent, Cause.Done>(),
    (queue) => new EventQueue(queue),
  );

  push(event: ProviderRuntimeEvent): void {
    if ("payload" in event) this.#weight += weightOf(event.payload);
    Queue.offerUnsafe(this.#queue, event);
  }

  end(): void {
    Queue.endUnsafe(this.#queue);
    this.release();
  }

  /** Whether a reader waits for the consumer now. */
  get braking(): boolean {
    return this.#waiting !== undefined;
  }

  /** Nothing to wait for, or what settles once the consumer has caught up. */
  room(): Promise<void> | undefined {
    const full = Queue.sizeUnsafe(this.#queue) >= EVENTS_AHEAD || this.#weight >= CHARACTERS_AHEAD;
    if (this.#open || !full) return undefined;
    this.#waiting ??= Promise.withResolvers<void>();
    return this.#waiting.promise;
  }

  /** Takes the brake off for good: the agent is gone, and what is left in its pipe is little. */
  release(): void {
    this.#open = true;
    this.#resume();
  }

  readonly stream: Stream.Stream<ProviderRuntimeEvent> = Stream.suspend(() =>
    Stream.fromPull(
      Effect.succeed(
        Queue.takeAll(this.#queue).pipe(
          Effect.tap(() =>
            Effect.sync(() => {
              this.#weight = 0;
              this.#resume();
            }),
          ),
        ),
      ),
    ),
  );

  #resume(): void {
    this.#waiting?.resolve();
    this.#waiting = undefined;
  }
}
