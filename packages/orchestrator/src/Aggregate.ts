/**
 * The states of one kind of aggregate as decisions need them: from a bounded cache, else folded from their streams. Of a
 * long stream a snapshot is kept now and then, and only what came after it is folded.
 */
import type { AggregateKind, EventEnvelope, NewEvent } from "@heddle/contracts/Events";
import type { FoldSnapshot } from "@heddle/domain/FoldSnapshot";
import type { UndecodableEvent } from "@heddle/event-store/EventCodec";
import type { EventReads } from "@heddle/event-store/EventStore";
import type { StreamSnapshot, StreamSnapshots } from "@heddle/event-store/StreamSnapshots";
import { Effect, Schema } from "effect";
import type { SqlError } from "effect/sql";

/** A stream holds an event that this version cannot read, so nobody can say what may be done to it. */
export class StreamUnreadable extends Schema.TaggedError<StreamUnreadable>()("StreamUnreadable", {
  streamId: Schema.String,
  message: Schema.String,
}) {}

/** A state with the version of the stream that it was folded from. */
export interface Versioned<State> {
  readonly state: State;
  readonly version: number;
  /** Version of the stream's stored snapshot, 0 if there is none. */
  readonly snapshotVersion: number;
}

/** What one group of commands sees: committed states, with the group's own changes over them. */
export interface GroupStates<State> {
  /** Folds those of the states that are not at hand. */
  readonly load: (ids: Iterable<string>) => Effect.Effect<void, SqlError.SqlError>;
  /** A state that was loaded. Throws `StreamUnreadable` where it could not be. */
  readonly get: (id: string) => Versioned<State>;
  /** Folds an event of the group into a state that was loaded. */
  readonly apply: (id: string, event: EventEnvelope) => void;
  /** Stores snapshots of streams that have grown long since their last, inside the group's transaction. */
  readonly storeSnapshots: Effect.Effect<void, SqlError.SqlError>;
  /** Makes the group's changes the committed states. */
  readonly commit: () => void;
}

export interface AggregateOptions<State> {
  readonly kind: AggregateKind;
  readonly initial: State;
  readonly evolve: (state: State, event: NewEvent) => State;
  readonly snapshot: FoldSnapshot<State>;
  readonly reads: EventReads;
  readonly snapshots: StreamSnapshots["Service"];
  /** The stream is being taken out of the log: until it is gone, it counts as `hiddenState`. */
  readonly isHidden: (id: string) => boolean;
  readonly hiddenState: State;
}

const CACHED = 2048;
const PAGE_SIZE = 500;
/** Events between two snapshots of a stream: so many are folded at most, and a little more, when it is not in the cache. */
export const SNAPSHOT_EVERY = 500;

export class Aggregate<State> {
  readonly #options: AggregateOptions<State>;
  readonly #cache = new Map<string, Versioned<State>>();

  constructor(options: AggregateOptions<State>) {
    this.#options = options;
  }

  openGroup(): GroupStates<State> {
    const { kind, evolve, isHidden, hiddenState } = this.#options;
    const touched = new Map<string, Versioned<State> | StreamUnreadable>();
    const get = (id: string): Versioned<State> => {
      const known = touched.get(id) ?? this.#cache.get(id);
      if (!known) throw new Error(`The state of ${kind} ${id} was not loaded before its use.`);
      if (known instanceof StreamUnreadable) throw known;
      return known;
    };
    return {
      load: (ids) => {
        const wanted = [...ids];
        for (const id of wanted) {
          if (isHidden(id)) touched.set(id, { state: hiddenState, version: 0, snapshotVersion: 0 });
        }
        const missing = wanted.filter((id) => !touched.has(id) && !this.#cache.has(id));
        if (missing.length === 0) return Effect.void;
        return Effect.forEach(
          missing,
          (id) =>
            this.#fold(id).pipe(
              Effect.catchTag("StreamUnreadable", (error) => Effect.succeed(error)),
              Effect.map((folded) => touched.set(id, folded)),
            ),
          { discard: true },
        );
      },
      get,
      apply: (id, event) => {
        const { state, snapshotVersion } = get(id);
        touched.set(id, { state: evolve(state, event), version: event.streamVersion, snapshotVersion });
      },
      storeSnapshots: Effect.suspend(() => {
        const due: Array<StreamSnapshot> = [];
        for (const [id, entry] of touched) {
          if (entry instanceof StreamUnreadable || entry.version - entry.snapshotVersion < SNAPSHOT_EVERY)
            continue;
          touched.set(id, { ...entry, snapshotVersion: entry.version });
          due.push(this.#snapshotOf(id, entry));
        }
        return this.#options.snapshots.put(due);
      }),
      commit: () => {
        for (const [id, entry] of touched) {
          if (!(entry instanceof StreamUnreadable || isHidden(id))) this.#remember(id, entry);
        }
      },
    };
  }

  /** After a failed transaction, or when another writer was seen. */
  forget(): void {
    this.#cache.clear();
  }

  /** After a stream was taken out of the log. */
  forgetOne(id: string): void {
    this.#cache.delete(id);
  }

  #snapshotOf(id: string, { state, version }: Versioned<State>): StreamSnapshot {
    const { kind, snapshot } = this.#options;
    return {
      aggregateKind: kind,
      streamId: id,
      streamVersion: version,
      foldVersion: snapshot.version,
      stateJson: snapshot.toJson(state),
    };
  }

  readonly #fold = Effect.fnUntraced({ self: this }, function* (id: string) {
    const { kind, initial, evolve, snapshot, reads, snapshots } = this.#options;
    const found = yield* snapshots.find({
      aggregateKind: kind,
      streamId: id,
      foldVersion: snapshot.version,
    });
    let state = found ? snapshot.fromJson(found.stateJson) : initial;
    const snapshotVersion = found?.streamVersion ?? 0;
    let version = snapshotVersion;
    while (true) {
      const page = yield* reads.readStream({
        aggregateKind: kind,
        streamId: id,
        fromVersionExclusive: version,
        limit: PAGE_SIZE,
      });
      const [first] = page.unreadable;
      if (first) return yield* unreadableStream(first);
      for (const event of page.events) state = evolve(state, event);
      version = page.last?.streamVersion ?? version;
      if (page.atEnd) return { state, version, snapshotVersion };
    }
  });

  /** The key moves to the young end: a Map keeps the order of insertion. */
  #remember(id: string, entry: Versioned<State>): void {
    this.#cache.delete(id);
    this.#cache.set(id, entry);
    const oldest = this.#cache.keys().next();
    if (this.#cache.size > CACHED && !oldest.done) this.#cache.delete(oldest.value);
  }
}

const unreadableStream = (event: UndecodableEvent) =>
  new StreamUnreadable({
    streamId: event.streamId,
    message: `${event.message} Until a version of Heddle that can read it runs here, ${event.aggregateKind} ${event.streamId} takes no commands. Nothing was changed.`,
  });
