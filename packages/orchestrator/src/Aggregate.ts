/** The states of one kind of aggregate as decisions need them: from a bounded cache, else folded from their streams. */
import type { AggregateKind, EventEnvelope, NewEvent } from "@heddle/contracts/Events";
import type { EventReads } from "@heddle/event-store/EventStore";
import { Effect } from "effect";

/** A state with the version of the stream that it was folded from. */
export interface Versioned<State> {
  readonly state: State;
  readonly version: number;
}

type LoadFailure = Effect.Error<ReturnType<EventReads["readStream"]>>;

/** What one group of commands sees: committed states, with the group's own changes over them. */
export interface GroupStates<State> {
  /** Folds those of the states that are not at hand. */
  readonly load: (ids: Iterable<string>) => Effect.Effect<void, LoadFailure>;
  /** A state that was loaded. */
  readonly get: (id: string) => Versioned<State>;
  /** Folds an event of the group into a state that was loaded. */
  readonly apply: (id: string, event: EventEnvelope) => void;
  /** Makes the group's changes the committed states. */
  readonly commit: () => void;
}

const CACHED = 2048;
const PAGE_SIZE = 500;

export class Aggregate<State> {
  readonly #store: EventReads;
  readonly #kind: AggregateKind;
  readonly #initial: State;
  readonly #evolve: (state: State, event: NewEvent) => State;
  readonly #cache = new Map<string, Versioned<State>>();

  constructor(
    store: EventReads,
    kind: AggregateKind,
    initial: State,
    evolve: (state: State, event: NewEvent) => State,
  ) {
    this.#store = store;
    this.#kind = kind;
    this.#initial = initial;
    this.#evolve = evolve;
  }

  openGroup(): GroupStates<State> {
    const touched = new Map<string, Versioned<State>>();
    const get = (id: string): Versioned<State> => {
      const known = touched.get(id) ?? this.#cache.get(id);
      if (!known) throw new Error(`The state of ${this.#kind} ${id} was not loaded before its use.`);
      return known;
    };
    return {
      load: (ids) => {
        const missing = [...ids].filter((id) => !touched.has(id) && !this.#cache.has(id));
        if (missing.length === 0) return Effect.void;
        return Effect.forEach(
          missing,
          (id) => Effect.map(this.#fold(id), (folded) => touched.set(id, folded)),
          { discard: true },
        );
      },
      get,
      apply: (id, event) => {
        touched.set(id, { state: this.#evolve(get(id).state, event), version: event.streamVersion });
      },
      commit: () => {
        for (const [id, entry] of touched) this.#remember(id, entry);
      },
    };
  }

  /** After a failed transaction, or when another writer was seen. */
  forget(): void {
    this.#cache.clear();
  }

  #fold(id: string) {
    return Effect.gen({ self: this }, function* () {
      let state = this.#initial;
      let version = 0;
      while (true) {
        const page = yield* this.#store.readStream({
          aggregateKind: this.#kind,
          streamId: id,
          fromVersionExclusive: version,
          limit: PAGE_SIZE,
        });
        for (const event of page) state = this.#evolve(state, event);
        version += page.length;
        if (page.length < PAGE_SIZE) return { state, version };
      }
    });
  }

  /** The key moves to the young end: a Map keeps the order of insertion. */
  #remember(id: string, entry: Versioned<State>): void {
    this.#cache.delete(id);
    this.#cache.set(id, entry);
    const oldest = this.#cache.keys().next();
    if (this.#cache.size > CACHED && !oldest.done) this.#cache.delete(oldest.value);
  }
}
