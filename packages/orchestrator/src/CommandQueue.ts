/**
 * What waits for the writer: bounded, people's commands before agents'. A full queue refuses a person's command at once,
 * and makes an agent wait, which slows its reading and nothing else.
 */
import { Effect, Latch } from "effect";

export type Priority = "person" | "agent";

export class CommandQueue<A> {
  readonly #capacity: number;
  readonly #waiting: Record<Priority, Array<A>> = { person: [], agent: [] };
  readonly #filled = Latch.makeUnsafe(false);
  readonly #room = Latch.makeUnsafe(true);
  #closed = false;

  /** `capacity` holds for people and for agents, each on its own. */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** False where the queue is full or closed: the item was not taken. */
  offer(item: A, priority: Priority): boolean {
    const waiting = this.#waiting[priority];
    if (this.#closed || waiting.length >= this.#capacity) return false;
    waiting.push(item);
    this.#filled.openUnsafe();
    return true;
  }

  /** Waits for room. False where the queue is closed. */
  offerWhenRoom(item: A, priority: Priority): Effect.Effect<boolean> {
    return Effect.suspend(() => {
      if (this.offer(item, priority)) return Effect.succeed(true);
      if (this.#closed) return Effect.succeed(false);
      this.#room.closeUnsafe();
      return Effect.flatMap(this.#room.await, () => this.offerWhenRoom(item, priority));
    });
  }

  /** Waits until there is an item, or the queue is closed. */
  get waitForItems(): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.#size > 0 || this.#closed) return Effect.void;
      this.#filled.closeUnsafe();
      return this.#filled.await;
    });
  }

  /** The next items, at most so many of each kind, people's first; none only once the queue is closed and empty. */
  take(most: Readonly<Record<Priority, number>>): Effect.Effect<ReadonlyArray<A>> {
    return Effect.suspend(() => {
      if (this.#size === 0 && !this.#closed) return Effect.andThen(this.waitForItems, this.take(most));
      const { person, agent } = this.#waiting;
      const items = [...person.splice(0, most.person), ...agent.splice(0, most.agent)];
      this.#room.openUnsafe();
      return Effect.succeed(items);
    });
  }

  get #size(): number {
    return this.#waiting.person.length + this.#waiting.agent.length;
  }

  /** Takes nothing more; what waits can still be taken. */
  close(): void {
    this.#closed = true;
    this.#filled.openUnsafe();
    this.#room.openUnsafe();
  }
}
