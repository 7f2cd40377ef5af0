/** A row of the log as inspection gives it: the event, or where it cannot be read, what can. */
import type { EventEnvelope } from "@heddle/contracts/Events";
import type { UnreadableEvent } from "@heddle/contracts/InspectionRpc";
import {
  decodeRow,
  EVENT_COLUMNS,
  type EventRow,
  rowOf,
  UndecodableEvent,
} from "@heddle/event-store/EventCodec";
import { selectValues } from "@heddle/sql/OnConnection";
import { Effect } from "effect";
import type { SqlClient, SqlError } from "effect/sql";

export type StoredEvent =
  | { readonly row: EventRow; readonly event: EventEnvelope; readonly unreadable?: never }
  | { readonly row: EventRow; readonly event?: never; readonly unreadable: UnreadableEvent };

const COLUMNS = EVENT_COLUMNS.join(", ");
const BY_SEQUENCES = `SELECT ${COLUMNS} FROM orchestration_events
  WHERE sequence IN (SELECT value FROM json_each(?)) ORDER BY sequence`;
const BY_ID = `SELECT ${COLUMNS} FROM orchestration_events WHERE event_id = ?`;

/** Those that are there, in the order of the log. */
export const readSequences = (
  sql: SqlClient.SqlClient,
  sequences: ReadonlyArray<number>,
): Effect.Effect<ReadonlyArray<StoredEvent>, SqlError.SqlError> =>
  Effect.map(selectValues(sql, BY_SEQUENCES, [JSON.stringify(sequences)]), (rows) =>
    rows.map((values) => storedEvent(rowOf(values))),
  );

export const readEventId = (
  sql: SqlClient.SqlClient,
  eventId: string,
): Effect.Effect<StoredEvent | undefined, SqlError.SqlError> =>
  Effect.map(selectValues(sql, BY_ID, [eventId]), ([values]) => values && storedEvent(rowOf(values)));

const storedEvent = (row: EventRow): StoredEvent => {
  try {
    return { row, event: decodeRow(row) };
  } catch (error) {
    if (error instanceof UndecodableEvent) return { row, unreadable: unreadable(row, error.reason) };
    throw error;
  }
};

const unreadable = (row: EventRow, reason: string): UnreadableEvent => ({
  sequence: row.sequence,
  eventId: row.event_id,
  aggregateKind: row.aggregate_kind,
  streamId: row.stream_id,
  streamVersion: row.stream_version,
  eventType: row.event_type,
  eventVersion: row.event_version,
  occurredAt: row.occurred_at,
  commandId: row.command_id,
  causationEventId: row.causation_event_id,
  correlationId: row.correlation_id,
  actorKind: row.actor_kind,
  reason,
});
