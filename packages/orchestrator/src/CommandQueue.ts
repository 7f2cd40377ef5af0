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

  /** The next items, at least one and at most `limit`, people's first; none once the queue is closed and empty. */
  take(limit: number): Effect.Effect<ReadonlyArray<A>> {
    return Effect.suspend(() => {
      const { person, agent } = this.#waiting;
      if (person.length + agent.length === 0) {
        if (this.#closed) return Effect.succeed([]);
        this.#filled.closeUnsafe();
        return Effect.flatMap(this.#filled.await, () => this.take(limit));
      }
      const items = person.splice(0, limit);
      if (items.length < limit) items.push(...agent.splice(0, limit - items.length));
      this.#room.openUnsafe();
      return Effect.succeed(items);
    });
  }

  /** Takes nothing more; what waits can still be taken. */
  close(): void {
    this.#closed = true;
    this.#filled.openUnsafe();
    this.#room.openUnsafe();
  }
}
