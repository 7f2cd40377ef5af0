/**
 * The append-only log. Appends run inside the writer's transaction; reads go by key, in pages. One process writes, so
 * sequences are dense and equal the order of commits.
 */
import type { AggregateKind, EventEnvelope } from "@heddle/contracts/Events";
import type { EventId } from "@heddle/contracts/Ids";
import { Context, Effect, Layer, Schema } from "effect";
import { SqlClient, type SqlError } from "effect/sql";
import {
  decodeRow,
  type EncodedEvent,
  EVENT_COLUMNS,
  type EventRow,
  UndecodableEvent,
} from "./EventCodec.ts";
import { multiRowInsert } from "@heddle/sql/MultiRowInsert";

/** Another event stands where this one was to go: the decision was made on an older state. */
export class StreamVersionConflict extends Schema.TaggedError<StreamVersionConflict>()(
  "StreamVersionConflict",
  {
    sequence: Schema.Int,
    message: Schema.String,
  },
) {}

export interface ReadAll {
  readonly fromSequenceExclusive: number;
  readonly limit: number;
}

export interface ReadStream {
  readonly aggregateKind: AggregateKind;
  readonly streamId: string;
  readonly fromVersionExclusive: number;
  readonly limit: number;
}

export interface EventReads {
  /** Sequence of the last event, 0 for an empty log. */
  readonly head: Effect.Effect<number, SqlError.SqlError>;
  /** The next events of the whole log, in order; fewer than `limit` only at the head. */
  readonly readAll: (
    request: ReadAll,
  ) => Effect.Effect<ReadonlyArray<EventEnvelope>, SqlError.SqlError | UndecodableEvent>;
  /** The next events of one stream, in order; fewer than `limit` only at its end. */
  readonly readStream: (
    request: ReadStream,
  ) => Effect.Effect<ReadonlyArray<EventEnvelope>, SqlError.SqlError | UndecodableEvent>;
  /** One event, or undefined. */
  readonly readById: (
    eventId: EventId,
  ) => Effect.Effect<EventEnvelope | undefined, SqlError.SqlError | UndecodableEvent>;
  /** Version that a stream had at a sequence of the log: 0 if it did not exist. Costs what has come since. */
  readonly streamVersionAt: (
    aggregateKind: AggregateKind,
    streamId: string,
    sequence: number,
  ) => Effect.Effect<number, SqlError.SqlError>;
}

/** The reads of the log on one connection. */
export const eventReads = (sql: SqlClient.SqlClient): EventReads => {
  const columns = EVENT_COLUMNS.join(", ");
  const decodeAll = (rows: ReadonlyArray<EventRow>) =>
    Effect.try({
      try: () => rows.map(decodeRow),
      catch: (error) => {
        if (error instanceof UndecodableEvent) return error;
        throw error;
      },
    });
  return {
    head: sql<{ head: number }>`SELECT coalesce(max(sequence), 0) AS head FROM orchestration_events`.pipe(
      Effect.map((rows) => rows[0]?.head ?? 0),
    ),
    readAll: ({ fromSequenceExclusive, limit }) =>
      Effect.flatMap(
        sql<EventRow>`SELECT ${sql.literal(columns)} FROM orchestration_events
          WHERE sequence > ${fromSequenceExclusive} ORDER BY sequence LIMIT ${limit}`,
        decodeAll,
      ),
    readStream: ({ aggregateKind, streamId, fromVersionExclusive, limit }) =>
      Effect.flatMap(
        sql<EventRow>`SELECT ${sql.literal(columns)} FROM orchestration_events
          WHERE aggregate_kind = ${aggregateKind} AND stream_id = ${streamId}
            AND stream_version > ${fromVersionExclusive}
          ORDER BY stream_version LIMIT ${limit}`,
        decodeAll,
      ),
    readById: (eventId) =>
      sql<EventRow>`SELECT ${sql.literal(columns)} FROM orchestration_events WHERE event_id = ${eventId}`.pipe(
        Effect.flatMap(decodeAll),
        Effect.map((events) => events[0]),
      ),
    streamVersionAt: (aggregateKind, streamId, sequence) =>
      sql<{ version: number }>`SELECT stream_version AS version FROM orchestration_events
        WHERE aggregate_kind = ${aggregateKind} AND stream_id = ${streamId} AND sequence <= ${sequence}
        ORDER BY stream_version DESC LIMIT 1`.pipe(Effect.map((rows) => rows[0]?.version ?? 0)),
  };
};

export class EventStore extends Context.Service<
  EventStore,
  EventReads & {
    /**
     * Adds events whose sequences and stream versions the caller has given out, inside the caller's transaction.
     * Fails with `StreamVersionConflict` where one is taken.
     */
    readonly append: (
      events: ReadonlyArray<EncodedEvent>,
    ) => Effect.Effect<void, SqlError.SqlError | StreamVersionConflict>;
  }
>()("heddle/event-store/EventStore") {
  static readonly layer = Layer.effect(
    EventStore,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient;
      const insert = multiRowInsert(sql, { table: "orchestration_events", columns: EVENT_COLUMNS });
      return EventStore.of({
        ...eventReads(sql),
        append: (events) =>
          insert(events.map(toRow)).pipe(
            Effect.catchReasons("SqlError", {
              UniqueViolation: () => Effect.fail(conflict(events)),
              // SQLite tells a taken primary key from other broken constraints by its words only.
              ConstraintError: (reason, error) =>
                Effect.fail(
                  String(reason.cause).includes("UNIQUE constraint failed") ? conflict(events) : error,
                ),
            }),
          ),
      });
    }),
  );
}

const conflict = (events: ReadonlyArray<EncodedEvent>) =>
  new StreamVersionConflict({
    sequence: events[0]?.event.sequence ?? 0,
    message: "The log has moved on: another writer appended to this database.",
  });

const toRow = ({ event, payloadJson }: EncodedEvent): ReadonlyArray<unknown> => [
  event.sequence,
  event.eventId,
  event.aggregateKind,
  event.streamId,
  event.streamVersion,
  event.eventType,
  event.eventVersion,
  event.occurredAt,
  event.commandId,
  event.causationEventId,
  event.correlationId,
  event.actorKind,
  payloadJson,
  JSON.stringify(event.metadata),
];
