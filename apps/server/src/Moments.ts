/**
 * Keeps the moments of long threads (`orchestration_thread_moments`), so that how a thread stood at any event is found at
 * once: the reading thread makes them, here they are stored. They are a shortcut, and a failure costs no more than time.
 */
import { ThreadId } from "@heddle/contracts/Ids";
import { explainSqlError } from "@heddle/event-store/SqliteDatabase";
import { type StoredMoment, ThreadMoments } from "@heddle/event-store/ThreadMoments";
import { Engine } from "@heddle/orchestrator/Engine";
import { Feed } from "@heddle/orchestrator/Feed";
import { MOMENT_EVENTS, momentReader } from "@heddle/replay/travel/Moments";
import { ReadThread } from "@heddle/replay/ReadThread";
import { Context, Effect, Layer } from "effect";

/** Events that are looked at together. */
const PAGE = { limit: 1000, maxBytes: Number.MAX_SAFE_INTEGER };

export class Moments extends Context.Service<
  Moments,
  {
    /** Stores moments of a thread that were made. */
    readonly store: (threadId: ThreadId, moments: ReadonlyArray<StoredMoment>) => Effect.Effect<void>;
  }
>()("heddle/server/Moments") {
  /** Makes and stores them also by itself, as threads grow. */
  static readonly layer = Layer.effect(
    Moments,
    Effect.gen(function* () {
      const engine = yield* Engine;
      const feed = yield* Feed;
      const thread = yield* ReadThread;
      const stored = yield* ThreadMoments;

      const store = (threadId: ThreadId, moments: ReadonlyArray<StoredMoment>) =>
        moments.length === 0
          ? Effect.void
          : engine
              .exclusively(stored.put({ threadId, reader: momentReader(MOMENT_EVENTS), moments }))
              .pipe(
                Effect.catchTag("SqlError", (error) =>
                  Effect.logWarning(`Moments of ${threadId} were not stored: ${explainSqlError(error)}.`),
                ),
              );

      const keep = (threadId: ThreadId): Effect.Effect<void> =>
        thread
          .use((reads) => reads.missingMoments({ threadId }))
          .pipe(
            Effect.flatMap((moments) =>
              moments.length === 0 ? Effect.void : Effect.andThen(store(threadId, moments), keep(threadId)),
            ),
            Effect.catch((error) =>
              Effect.logWarning(`Moments of ${threadId} were not made: ${error.message}`),
            ),
          );

      const watcher = yield* feed.watch(null);
      let cursor = feed.head();
      /** Threads that came to a moment. What is not at hand any more is found when somebody travels there. */
      const grown = (): ReadonlySet<ThreadId> => {
        const threads = new Set<ThreadId>();
        while (cursor < feed.head()) {
          const events = feed.recent(cursor, PAGE) ?? [];
          for (const { aggregateKind, streamId, streamVersion } of events) {
            if (aggregateKind === "thread" && streamVersion % MOMENT_EVENTS === 0) {
              threads.add(ThreadId.make(streamId));
            }
          }
          cursor = events.at(-1)?.sequence ?? feed.head();
        }
        return threads;
      };
      yield* Effect.forkScoped(
        Effect.forever(
          Effect.andThen(
            watcher.wait,
            Effect.suspend(() => Effect.forEach(grown(), keep, { discard: true })),
          ),
        ),
      );
      return Moments.of({ store });
    }),
  ).pipe(Layer.provide(ThreadMoments.layer));
}
