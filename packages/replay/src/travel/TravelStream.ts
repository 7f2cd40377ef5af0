/** Reads of one thread's stream, by stream versions, which have no holes. */
import type { EventEnvelope } from "@heddle/contracts/Events";
import type { ThreadId } from "@heddle/contracts/Ids";
import { decodeRow, EVENT_COLUMNS, rowOf, UndecodableEvent } from "@heddle/event-store/EventCodec";
import { type EventPage, eventReads } from "@heddle/event-store/EventStore";
import { selectValues } from "@heddle/sql/OnConnection";
import { Effect } from "effect";
import type { SqlClient, SqlError } from "effect/sql";

export interface ThreadStream {
  readonly threadId: ThreadId;
  /** Version and sequence of the stream's last event; undefined where the log has none of it, or it is being pruned. */
  readonly last: Effect.Effect<
    { readonly version: number; readonly sequence: number } | undefined,
    SqlError.SqlError
  >;
  readonly sequenceOf: (version: number) => Effect.Effect<number | undefined, SqlError.SqlError>;
  /** Version of the last event at or before a sequence; 0 where there was none. Costs the same wherever that is. */
  readonly versionAt: (sequence: number) => Effect.Effect<number, SqlError.SqlError>;
  /** The events behind `from`, up to `to`. */
  readonly range: (from: number, to: number) => Effect.Effect<EventPage, SqlError.SqlError>;
  /** The events of some versions that can be read, in order. */
  readonly pick: (
    versions: ReadonlyArray<number>,
  ) => Effect.Effect<ReadonlyArray<EventEnvelope>, SqlError.SqlError>;
}

const PICK = `SELECT ${EVENT_COLUMNS.join(", ")} FROM orchestration_events
  WHERE aggregate_kind = 'thread' AND stream_id = ? AND stream_version IN (SELECT value FROM json_each(?))
  ORDER BY stream_version`;

export const threadStream = (sql: SqlClient.SqlClient, threadId: ThreadId): ThreadStream => {
  const reads = eventReads(sql);
  const last = sql<{ version: number; sequence: number }>`
    SELECT stream_version AS version, sequence FROM orchestration_events
    WHERE aggregate_kind = 'thread' AND stream_id = ${threadId} AND NOT EXISTS
      (SELECT 1 FROM orchestration_pruned WHERE thread_id = ${threadId} AND state = 'pruning')
    ORDER BY stream_version DESC LIMIT 1`.pipe(Effect.map(([row]) => row));
  const sequenceOf = (version: number) =>
    sql<{ sequence: number }>`SELECT sequence FROM orchestration_events
      WHERE aggregate_kind = 'thread' AND stream_id = ${threadId} AND stream_version = ${version}`.pipe(
      Effect.map(([row]) => row?.sequence),
    );
  return {
    threadId,
    last,
    sequenceOf,
    versionAt: Effect.fnUntraced(function* (sequence) {
      const end = yield* last;
      if (end === undefined || end.sequence <= sequence) return end?.version ?? 0;
      // The event at `low` is not behind the sequence, that at `high` is.
      let low = 0;
      let high = end.version;
      while (high - low > 1) {
        const middle = (low + high) >> 1;
        if (((yield* sequenceOf(middle)) ?? 0) <= sequence) low = middle;
        else high = middle;
      }
      return low;
    }),
    range: (from, to) =>
      reads.readStream({
        aggregateKind: "thread",
        streamId: threadId,
        fromVersionExclusive: from,
        limit: to - from,
      }),
    pick: (versions) =>
      versions.length === 0
        ? Effect.succeed([])
        : Effect.map(selectValues(sql, PICK, [threadId, JSON.stringify(versions)]), (rows) =>
            rows.flatMap(readable),
          ),
  };
};

const readable = (values: ReadonlyArray<unknown>): ReadonlyArray<EventEnvelope> => {
  try {
    return [decodeRow(rowOf(values))];
  } catch (error) {
    if (error instanceof UndecodableEvent) return [];
    throw error;
  }
};
