/**
 * What a thread's stream leaves behind at every so many events (`orchestration_thread_moments`), so that how the thread
 * stood at any event is found without its whole stream. Nothing is lost with a row: the stream gives it again.
 */
import type { ThreadId } from "@heddle/contracts/Ids";
import { Clock, Context, Effect, Layer } from "effect";
import { SqlClient, type SqlError } from "effect/sql";

export interface StoredMoment {
  /** Of the last event that is in it. */
  readonly streamVersion: number;
  readonly content: Uint8Array;
}

interface MomentRow {
  readonly stream_version: number;
  readonly content: Uint8Array;
}

/** The moments of a thread up to a version of its stream that this reader made, in order. */
export const momentsOf = (
  sql: SqlClient.SqlClient,
  { threadId, reader, upTo }: { readonly threadId: ThreadId; readonly reader: string; readonly upTo: number },
): Effect.Effect<ReadonlyArray<StoredMoment>, SqlError.SqlError> =>
  sql<MomentRow>`SELECT stream_version, content FROM orchestration_thread_moments
    WHERE thread_id = ${threadId} AND stream_version <= ${upTo} AND reader = ${reader}
    ORDER BY stream_version`.pipe(
    Effect.map((rows) =>
      rows.map(({ stream_version, content }) => ({ streamVersion: stream_version, content })),
    ),
  );

export class ThreadMoments extends Context.Service<
  ThreadMoments,
  {
    /**
     * Stores moments of a thread, in place of those that another reader made at the same events. Those of a stream that
     * left the log meanwhile, or is leaving it, are passed over.
     */
    readonly put: (moments: {
      readonly threadId: ThreadId;
      /** Who can read them: another reader cannot use them. */
      readonly reader: string;
      readonly moments: ReadonlyArray<StoredMoment>;
    }) => Effect.Effect<void, SqlError.SqlError>;
  }
>()("heddle/event-store/ThreadMoments") {
  static readonly layer = Layer.effect(
    ThreadMoments,
    Effect.map(SqlClient.SqlClient, (sql) =>
      ThreadMoments.of({
        put: Effect.fnUntraced(function* ({ threadId, reader, moments }) {
          const at = new Date(yield* Clock.currentTimeMillis).toISOString();
          const insert = ({ streamVersion, content }: StoredMoment) =>
            sql`INSERT INTO orchestration_thread_moments (thread_id, stream_version, reader, content, created_at)
              SELECT stream_id, stream_version, ${reader}, ${content}, ${at} FROM orchestration_events
              WHERE aggregate_kind = 'thread' AND stream_id = ${threadId} AND stream_version = ${streamVersion}
                AND NOT EXISTS (SELECT 1 FROM orchestration_pruned WHERE thread_id = ${threadId} AND state = 'pruning')
              ON CONFLICT (thread_id, stream_version) DO UPDATE SET reader = excluded.reader,
                content = excluded.content, created_at = excluded.created_at`;
          yield* sql.withTransaction(Effect.forEach(moments, insert, { discard: true }));
        }),
      }),
    ),
  );
}
