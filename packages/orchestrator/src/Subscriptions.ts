/**
 * Following the log (SPEC section 3): a subscription is a cursor. It attaches to the signal first, reads the store up to
 * where the log stood then, says `synchronized`, and goes on with what each signal announces.
 */
import type { ThreadId } from "@heddle/contracts/Ids";
import type { FeedItem } from "@heddle/contracts/Rpc";
import { type EventReads, eventReads } from "@heddle/event-store/EventStore";
import { Pruned } from "@heddle/event-store/Pruned";
import { Quarantine, quarantiningReads } from "@heddle/event-store/Quarantine";
import { Reader } from "@heddle/event-store/SqliteDatabase";
import { Runner } from "@heddle/projections/Runner";
import { Cause, Context, Effect, Layer, Stream } from "effect";
import { Feed, type Watcher } from "./Feed.ts";
import { prunedCursors } from "./PrunedCursors.ts";
import { asItems, RecentPages } from "./RecentPages.ts";

/** What a subscriber is given at once, and so the most that waits for one that does not read. */
const PAGE = { limit: 200, maxBytes: 1_048_576 };

type ReadFailure = Effect.Error<ReturnType<EventReads["readAll"]>>;

interface Page {
  readonly items: ReadonlyArray<FeedItem>;
  /** The cursor behind them. */
  readonly end: number;
}

/** The next events of a subscription after its cursor; none at the head. */
type NextPage = (cursor: number) => Effect.Effect<Page, ReadFailure>;

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
      const reads = quarantiningReads(eventReads(yield* Reader), yield* Quarantine);
      const recentPages = new RecentPages(feed, PAGE);
      const cursors = prunedCursors(yield* Pruned, yield* Runner);

      const nextOfAll: NextPage = (cursor) => {
        const recent = recentPages.after(null, cursor);
        if (recent) return Effect.succeed(recent);
        return Effect.map(reads.readAll({ fromSequenceExclusive: cursor, ...PAGE }), ({ events, last }) => ({
          items: asItems(events),
          end: last?.sequence ?? cursor,
        }));
      };

      /** From the ring where it reaches back far enough, else by the stream's index. */
      const nextOfThread = (threadId: ThreadId): NextPage => {
        let version: number | undefined;
        return Effect.fnUntraced(function* (cursor) {
          const recent = recentPages.after(threadId, cursor);
          if (recent) {
            version = recent.version ?? version;
            return recent;
          }
          version ??= yield* reads.streamVersionAt("thread", threadId, cursor);
          const head = feed.head();
          const page = yield* reads.readStream({
            aggregateKind: "thread",
            streamId: threadId,
            fromVersionExclusive: version,
            ...PAGE,
          });
          version = page.last?.streamVersion ?? version;
          const end = page.last?.sequence ?? cursor;
          // Nothing of the stream is left up to where the log stood before the read.
          return { items: asItems(page.events), end: page.atEnd ? Math.max(head, end) : end };
        });
      };

      const follow = (streamId: ThreadId | null, from: number, next: NextPage) =>
        Stream.fromPull(
          Effect.gen(function* () {
            const watcher = yield* feed.watch(streamId);
            const isLost = yield* cursors.watch(streamId, from);
            const mark = feed.head();
            return from > mark || isLost(from)
              ? resetPull(feed)
              : followPull(feed, watcher, next, { from, mark, isLost });
          }),
        ).pipe(Stream.scoped);

      return Subscriptions.of({
        subscribe: (from) => follow(null, from, nextOfAll),
        subscribeThread: (threadId, from) => follow(threadId, from, nextOfThread(threadId)),
      });
    }),
  );
}

/**
 * A cursor beyond the log comes from another database, or from before this one was cut; one before what was pruned has
 * seen what is no more.
 */
const resetPull = (feed: Feed["Service"]) => {
  let said = false;
  return Effect.suspend(() => {
    if (said) return Cause.done();
    said = true;
    return Effect.succeed([{ kind: "reset", headSequence: feed.head() }] as const);
  });
};

interface Following {
  readonly from: number;
  /** Where the log stood when the subscription began. */
  readonly mark: number;
  /** What was pruned since makes it impossible to go on from a cursor. */
  readonly isLost: (cursor: number) => boolean;
}

const followPull = (
  feed: Feed["Service"],
  watcher: Watcher,
  next: NextPage,
  { from, mark, isLost }: Following,
) => {
  let cursor = from;
  let synchronized = false;
  let reset: ReturnType<typeof resetPull> | undefined;
  const pull: Effect.Effect<readonly [FeedItem, ...Array<FeedItem>], ReadFailure | Cause.Done> =
    Effect.suspend(() => {
      if (reset === undefined && isLost(cursor)) reset = resetPull(feed);
      if (reset !== undefined) return reset;
      if (!synchronized && cursor >= mark) {
        synchronized = true;
        return Effect.succeed([{ kind: "synchronized", sequence: cursor }] as const);
      }
      if (cursor < feed.head()) {
        return Effect.flatMap(next(cursor), (page) => {
          cursor = page.end;
          const deltas = synchronized && cursor >= feed.head() ? takeDeltas(watcher) : [];
          const items = deltas.length === 0 ? page.items : [...page.items, ...deltas];
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
