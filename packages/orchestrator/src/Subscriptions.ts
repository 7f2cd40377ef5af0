/**
 * Following the log (SPEC section 3): a subscription is a cursor. It attaches to the signal first, reads the store up to
 * where the log stood then, says `synchronized`, and goes on with what each signal announces.
 */
import type { EventEnvelope } from "@heddle/contracts/Events";
import type { ThreadId } from "@heddle/contracts/Ids";
import type { FeedItem } from "@heddle/contracts/Rpc";
import { type EventReads, eventReads } from "@heddle/event-store/EventStore";
import { Reader } from "@heddle/event-store/SqliteDatabase";
import { Cause, Context, Effect, Layer, Stream } from "effect";
import { Feed, type Watcher } from "./Feed.ts";

const PAGE_SIZE = 200;

type ReadFailure = Effect.Error<ReturnType<EventReads["readAll"]>>;

/** The next events of a subscription after its cursor, and the cursor behind them; none at the head. */
type NextPage = (
  cursor: number,
) => Effect.Effect<readonly [ReadonlyArray<EventEnvelope>, number], ReadFailure>;

export class Subscriptions extends Context.Service<
  Subscriptions,
  {
    /** Every event after the cursor, in order, each once, for as long as it is pulled. */
    readonly subscribe: (fromSequenceExclusive: number) => Stream.Stream<FeedItem, ReadFailure>;
    /** The events of one thread, and the words of its replies as they come. */
    readonly subscribeThread: (
      threadId: ThreadId,
      fromSequenceExclusive: number,
    ) => Stream.Stream<FeedItem, ReadFailure>;
  }
>()("heddle/orchestrator/Subscriptions") {
  static readonly layer = Layer.effect(
    Subscriptions,
    Effect.gen(function* () {
      const feed = yield* Feed;
      const reads = eventReads(yield* Reader);

      const nextOfAll: NextPage = (cursor) => {
        const recent = feed.recent(cursor, PAGE_SIZE);
        const page = recent
          ? Effect.succeed(recent)
          : reads.readAll({ fromSequenceExclusive: cursor, limit: PAGE_SIZE });
        return Effect.map(page, (events) => [events, events.at(-1)?.sequence ?? cursor] as const);
      };

      /** From the ring where it reaches back far enough, else by the stream's index. */
      const nextOfThread = (threadId: ThreadId): NextPage => {
        let version: number | undefined;
        return Effect.fnUntraced(function* (cursor) {
          const recent = feed.recent(cursor, PAGE_SIZE);
          if (recent) {
            const mine = recent.filter(
              (event) => event.streamId === threadId && event.aggregateKind === "thread",
            );
            version = mine.at(-1)?.streamVersion ?? version;
            return [mine, recent.at(-1)?.sequence ?? cursor] as const;
          }
          version ??= yield* reads.streamVersionAt("thread", threadId, cursor);
          const head = feed.head();
          const events = yield* reads.readStream({
            aggregateKind: "thread",
            streamId: threadId,
            fromVersionExclusive: version,
            limit: PAGE_SIZE,
          });
          version = events.at(-1)?.streamVersion ?? version;
          // The last page of the stream: nothing of it is left up to where the log stood before the read.
          const last = events.at(-1)?.sequence ?? cursor;
          return [events, events.length < PAGE_SIZE ? Math.max(head, last) : last] as const;
        });
      };

      const follow = (streamId: ThreadId | null, from: number, next: NextPage) =>
        Stream.fromPull(
          Effect.map(feed.watch(streamId), (watcher) => {
            const mark = feed.head();
            return from > mark ? resetPull(mark) : followPull(feed, watcher, next, from, mark);
          }),
        ).pipe(Stream.scoped);

      return Subscriptions.of({
        subscribe: (from) => follow(null, from, nextOfAll),
        subscribeThread: (threadId, from) => follow(threadId, from, nextOfThread(threadId)),
      });
    }),
  );
}

/** A cursor beyond the log: it comes from another database, or from before this one was cut. */
const resetPull = (headSequence: number) => {
  let said = false;
  return Effect.suspend(() => {
    if (said) return Cause.done();
    said = true;
    return Effect.succeed([{ kind: "reset", headSequence }] as const);
  });
};

const followPull = (feed: Feed["Service"], watcher: Watcher, next: NextPage, from: number, mark: number) => {
  let cursor = from;
  let synchronized = false;
  const pull: Effect.Effect<readonly [FeedItem, ...Array<FeedItem>], ReadFailure> = Effect.suspend(() => {
    if (!synchronized && cursor >= mark) {
      synchronized = true;
      return Effect.succeed([{ kind: "synchronized", sequence: cursor }] as const);
    }
    if (cursor < feed.head()) {
      return Effect.flatMap(next(cursor), ([events, end]) => {
        cursor = end;
        const stored = events.map((event): FeedItem => ({ kind: "event", event }));
        const items = synchronized && cursor >= feed.head() ? [...stored, ...takeDeltas(watcher)] : stored;
        return isFilled(items) ? Effect.succeed(items) : pull;
      });
    }
    const deltas = takeDeltas(watcher);
    return isFilled(deltas) ? Effect.succeed(deltas) : Effect.andThen(watcher.wait, pull);
  });
  return pull;
};

/** They go behind every event that is there: a word that one of those stores comes again, and its offset says so. */
const takeDeltas = (watcher: Watcher): ReadonlyArray<FeedItem> =>
  watcher.takeDeltas().map((delta) => ({ kind: "delta", ...delta }));

const isFilled = <A>(items: ReadonlyArray<A>): items is readonly [A, ...Array<A>] => items.length > 0;
