/**
 * Events that this version of Heddle cannot read (`orchestration_quarantine`, SPEC section 8). They stay in the log as they
 * are; what is read goes on without them, and here it stands which, and why.
 */
import type { EventType } from "@heddle/contracts/Events";
import type { QuarantinedEvent } from "@heddle/contracts/ReadModel";
import { multiRowInsert } from "@heddle/sql/MultiRowInsert";
import { Clock, Context, Effect, Layer } from "effect";
import { SqlClient, type SqlError } from "effect/sql";
import { decodeRow, EVENT_COLUMNS, type EventRow, UndecodableEvent } from "./EventCodec.ts";
import type { EventPage, EventReads } from "./EventStore.ts";

interface QuarantineRow {
  readonly sequence: number;
  readonly aggregate_kind: string;
  readonly stream_id: string;
  readonly event_type: string;
  readonly event_version: number;
  readonly reason: string;
  readonly found_at: string;
}

const PAGE_SIZE = 200;

export interface QuarantineReads {
  readonly count: Effect.Effect<number, SqlError.SqlError>;
  /** The next ones of a sequence, in order. */
  readonly list: (request: {
    readonly fromSequenceExclusive: number;
    readonly limit: number;
  }) => Effect.Effect<ReadonlyArray<QuarantinedEvent>, SqlError.SqlError>;
}

/** The reads of the quarantine on one connection. */
export const quarantineReads = (sql: SqlClient.SqlClient): QuarantineReads => ({
  count: sql<{ count: number }>`SELECT count(*) AS count FROM orchestration_quarantine`.pipe(
    Effect.map((rows) => rows[0]?.count ?? 0),
  ),
  list: ({ fromSequenceExclusive, limit }) =>
    sql<QuarantineRow>`SELECT sequence, aggregate_kind, stream_id, event_type, event_version, reason, found_at
      FROM orchestration_quarantine WHERE sequence > ${fromSequenceExclusive} ORDER BY sequence LIMIT ${limit}`.pipe(
      Effect.map((rows) => rows.map(fromRow)),
    ),
});

export class Quarantine extends Context.Service<
  Quarantine,
  QuarantineReads & {
    /** Notes events that a read has left out; those that are known stay as they are. */
    readonly record: (events: ReadonlyArray<UndecodableEvent>) => Effect.Effect<void, SqlError.SqlError>;
    /**
     * At start: takes out what this version can read again, and gives for each type of event the first sequence that was
     * left out. Who has passed it must go back.
     */
    readonly release: Effect.Effect<ReadonlyMap<EventType, number>, SqlError.SqlError>;
  }
>()("heddle/event-store/Quarantine") {
  static readonly layer = Layer.effect(
    Quarantine,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient;
      const insert = multiRowInsert(sql, {
        table: "orchestration_quarantine",
        columns: [
          "sequence",
          "aggregate_kind",
          "stream_id",
          "event_type",
          "event_version",
          "reason",
          "found_at",
        ],
        suffix: "ON CONFLICT (sequence) DO NOTHING",
      });
      const warned = new Set<number>();
      const columns = sql.literal(EVENT_COLUMNS.map((column) => `event.${column}`).join(", "));
      return Quarantine.of({
        ...quarantineReads(sql),
        record: Effect.fnUntraced(function* (events) {
          if (events.length === 0) return;
          const at = new Date(yield* Clock.currentTimeMillis).toISOString();
          const rows = events.map((event) => [
            event.sequence,
            event.aggregateKind,
            event.streamId,
            event.eventType,
            event.eventVersion,
            event.reason,
            at,
          ]);
          yield* sql.withTransaction(insert(rows));
          for (const { sequence, message } of events) {
            if (warned.has(sequence)) continue;
            warned.add(sequence);
            yield* Effect.logWarning(`${message} It is left out.`);
          }
        }),
        release: Effect.gen(function* () {
          const released = new Map<EventType, number>();
          let from = 0;
          while (true) {
            const rows = yield* sql<EventRow>`SELECT ${columns} FROM orchestration_quarantine AS quarantine
              JOIN orchestration_events AS event ON event.sequence = quarantine.sequence
              WHERE quarantine.sequence > ${from} ORDER BY quarantine.sequence LIMIT ${PAGE_SIZE}`;
            for (const row of rows) {
              const eventType = readableType(row);
              if (eventType === undefined) continue;
              yield* sql`DELETE FROM orchestration_quarantine WHERE sequence = ${row.sequence}`;
              if (!released.has(eventType)) released.set(eventType, row.sequence);
            }
            const last = rows.at(-1);
            if (last === undefined) return released;
            from = last.sequence;
          }
        }),
      });
    }),
  );
}

/** Reads that note what they leave out. */
export const quarantiningReads = (reads: EventReads, quarantine: Quarantine["Service"]): EventReads => {
  const note = <Event>(read: Effect.Effect<EventPage<Event>, SqlError.SqlError>) =>
    Effect.tap(read, ({ unreadable }) => quarantine.record(unreadable));
  return {
    ...reads,
    readAll: (request) => note(reads.readAll(request)),
    readProjected: (request) => note(reads.readProjected(request)),
    readStream: (request) => note(reads.readStream(request)),
  };
};

const readableType = (row: EventRow): EventType | undefined => {
  try {
    return decodeRow(row).eventType;
  } catch (error) {
    if (error instanceof UndecodableEvent) return undefined;
    throw error;
  }
};

const fromRow = (row: QuarantineRow): QuarantinedEvent => ({
  sequence: row.sequence,
  aggregateKind: row.aggregate_kind,
  streamId: row.stream_id,
  eventType: row.event_type,
  eventVersion: row.event_version,
  reason: row.reason,
  foundAt: row.found_at,
});
