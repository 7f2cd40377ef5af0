/**
 * Tells subscriptions that something has been committed, and keeps the last events at hand. A subscription is a cursor: it
 * holds no queue here, so a slow one costs nothing but its own lag.
 */
import type { EventEnvelope } from "@heddle/contracts/Events";
import type { MessageId, ThreadId } from "@heddle/contracts/Ids";
import { Context, Effect, Latch, Layer, type Scope } from "effect";
import { EventRing, type PageBounds } from "./EventRing.ts";

/** Words of a reply, on their way to whoever watches; not stored. */
export interface Delta {
  readonly threadId: ThreadId;
  readonly messageId: MessageId;
  /** UTF-16 code units from the start of the message. */
  readonly offset: number;
  readonly text: string;
}

/** A watcher that falls this far behind loses deltas; the stored segments hold the same words. */
const WATCHER_DELTAS = 1024;
/** The same, in UTF-16 code units. */
const WATCHER_LENGTH = 262_144;

export interface Watcher {
  /** Waits until something new may be there. */
  readonly wait: Effect.Effect<void>;
  /** The deltas since the last call. */
  readonly takeDeltas: () => ReadonlyArray<Delta>;
}

interface Attached {
  readonly streamId: string | null;
  readonly signal: Latch.Latch;
  deltas: Array<Delta>;
  /** Of their texts together. */
  length: number;
}

export class Feed extends Context.Service<
  Feed,
  {
    /** The last published sequence. */
    readonly head: () => number;
    /** Says where the log stands at start. */
    readonly begin: (head: number) => void;
    readonly publish: (events: ReadonlyArray<EventEnvelope>) => void;
    readonly publishDelta: (delta: Delta) => void;
    /** Drops what is at hand: events were taken out of the log. */
    readonly forgetRecent: () => void;
    /** Goes up each time that this happens. */
    readonly epoch: () => number;
    /** The events after a sequence, if all of them are at hand. */
    readonly recent: (
      fromSequenceExclusive: number,
      bounds: PageBounds,
    ) => ReadonlyArray<EventEnvelope> | undefined;
    /** Attaches to the signal, for one stream or for all. Deltas come for one stream only. */
    readonly watch: (streamId: string | null) => Effect.Effect<Watcher, never, Scope.Scope>;
  }
>()("heddle/orchestrator/Feed") {
  static readonly layer = Layer.sync(Feed, () => {
    const ring = new EventRing();
    const watchers = new Set<Attached>();
    let head = 0;
    let epoch = 0;
    return Feed.of({
      head: () => head,
      begin: (sequence) => {
        head = sequence;
      },
      publish: (events) => {
        const last = events.at(-1);
        if (last === undefined) return;
        head = last.sequence;
        ring.push(events);
        const streams = new Set(events.map((event) => event.streamId));
        for (const watcher of watchers) {
          if (watcher.streamId === null || streams.has(watcher.streamId)) watcher.signal.openUnsafe();
        }
      },
      publishDelta: (delta) => {
        for (const watcher of watchers) {
          if (watcher.streamId !== delta.threadId) continue;
          if (watcher.deltas.length >= WATCHER_DELTAS || watcher.length >= WATCHER_LENGTH) {
            watcher.deltas = [];
            watcher.length = 0;
          }
          watcher.deltas.push(delta);
          watcher.length += delta.text.length;
          watcher.signal.openUnsafe();
        }
      },
      forgetRecent: () => {
        ring.clear();
        epoch += 1;
      },
      epoch: () => epoch,
      recent: (from, bounds) => ring.after(from, bounds),
      watch: (streamId) =>
        Effect.acquireRelease(
          Effect.sync(() => {
            const attached: Attached = { streamId, signal: Latch.makeUnsafe(false), deltas: [], length: 0 };
            watchers.add(attached);
            return attached;
          }),
          (attached) => Effect.sync(() => watchers.delete(attached)),
        ).pipe(
          Effect.map((attached) => ({
            wait: Effect.tap(attached.signal.await, () => attached.signal.close),
            takeDeltas: () => {
              const { deltas } = attached;
              attached.deltas = [];
              attached.length = 0;
              return deltas;
            },
          })),
        ),
    });
  });
}
