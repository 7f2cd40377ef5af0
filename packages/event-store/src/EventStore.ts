/**
 * The append-only log. Appends run inside the writer's transaction; reads go by key, in pages. One process writes, so
 * sequences are given out without holes and equal the order of commits; holes are where threads were pruned.
 */
import type { AggregateKind, EventEnvelope, ProjectedEvent } from "@heddle/contracts/Events";
import type { EventId } from "@heddle/contracts/Ids";
import { Context, Effect, Layer, Schema } from "effect";
import { SqlClient, type SqlError } from "effect/sql";
import { multiRowInsert } from "@heddle/sql/MultiRowInsert";
import { placeholders, selectValues } from "@heddle/sql/OnConnection";
import {
  decodeProjectedRow,
  decodeRow,
  type EncodedEvent,
  EVENT_COLUMNS,
  type EventRow,
  PROJECTED_COLUMNS,
  type ProjectedRow,
  projectedRowOf,
  rowOf,
  UndecodableEvent,
} from "./EventCodec.ts";
import { HEAD_SQL } from "./Pruned.ts";

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
  /** Bytes of payloads at which the page ends before that; one event always fits. */
  readonly maxBytes?: number;
}

export interface ReadStream {
  readonly aggregateKind: AggregateKind;
  readonly streamId: string;
  readonly fromVersionExclusive: number;
  readonly limit: number;
  readonly maxBytes?: number;
}

/** What a read gives. */
export interface EventPage<Event = EventEnvelope> {
  /** In order, without those that cannot be read. */
  readonly events: ReadonlyArray<Event>;
  readonly unreadable: ReadonlyArray<UndecodableEvent>;
  /**
   * Sequence and stream version of the page's last row, read or not: where to go on from. Undefined in an empty page. At
   * the end of the log it stands at its head, also where the last events were pruned.
   */
  readonly last: { readonly sequence: number; readonly streamVersion: number } | undefined;
  /** Of the payloads as they are stored, read or not. */
  readonly characters: number;
  /** Nothing stood behind the page when it was read. */
  readonly atEnd: boolean;
}

export interface EventReads {
  /** The last sequence that was given out, 0 for an empty log: of the last event, or of one that was pruned. */
  readonly head: Effect.Effect<number, SqlError.SqlError>;
  /** The next events of the whole log, in order. */
  readonly readAll: (request: ReadAll) => Effect.Effect<EventPage, SqlError.SqlError>;
  /** The same for projectors, of less, and so faster. */
  readonly readProjected: (request: ReadAll) => Effect.Effect<EventPage<ProjectedEvent>, SqlError.SqlError>;
  /** The next events of one stream, in order. */
  readonly readStream: (request: ReadStream) => Effect.Effect<EventPage, SqlError.SqlError>;
  /** One event, or undefined. Fails with `UndecodableEvent` where it cannot be read. */
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
  const at = placeholders(sql);
  const all = { where: `sequence > ${at()}`, order: "sequence", limit: at() };
  const of = placeholders(sql);
  const stream = {
    where: `aggregate_kind = ${of()} AND stream_id = ${of()} AND stream_version > ${of()}`,
    order: "stream_version",
    limit: of(),
  };
  const prunedStatement = "SELECT coalesce(max(last_sequence), 0) FROM orchestration_pruned";
  const lastPruned = Effect.map(selectValues(sql, prunedStatement, []), (rows) => Number(rows[0]?.[0] ?? 0));
  const readStream = pagedRead(sql, stream, ENVELOPES);
  /** What was pruned is asked first: whatever is taken out later has left nothing before it unread. */
  const toTheEnd =
    <Event>(read: PagedRead<Event>) =>
    ({ fromSequenceExclusive, ...bounds }: ReadAll) =>
      Effect.flatMap(lastPruned, (pruned) =>
        Effect.map(read([fromSequenceExclusive], bounds), (page) =>
          upTo(page, fromSequenceExclusive, pruned),
        ),
      );
  return {
    head: sql<{ head: number }>`${sql.literal(HEAD_SQL)}`.pipe(Effect.map((rows) => rows[0]?.head ?? 0)),
    readAll: toTheEnd(pagedRead(sql, all, ENVELOPES)),
    readProjected: toTheEnd(pagedRead(sql, all, PROJECTED)),
    readStream: ({ aggregateKind, streamId, fromVersionExclusive, ...bounds }) =>
      readStream([aggregateKind, streamId, fromVersionExclusive], bounds),
    readById: (eventId) =>
      Effect.flatMap(
        sql<EventRow>`SELECT ${sql.literal(EVENT_COLUMNS.join(", "))} FROM orchestration_events
          WHERE event_id = ${eventId}`,
        ([row]) => {
          const decoded = row && tryDecode(decodeRow, row);
          return decoded instanceof UndecodableEvent ? Effect.fail(decoded) : Effect.succeed(decoded);
        },
      ),
    streamVersionAt: (aggregateKind, streamId, sequence) =>
      sql<{ version: number }>`SELECT stream_version AS version FROM orchestration_events
        WHERE aggregate_kind = ${aggregateKind} AND stream_id = ${streamId} AND sequence <= ${sequence}
        ORDER BY stream_version DESC LIMIT 1`.pipe(Effect.map((rows) => rows[0]?.version ?? 0)),
  };
};

/** A page that reached the end of the log goes on to where events were pruned behind it. */
const upTo = <Event>(page: EventPage<Event>, from: number, pruned: number): EventPage<Event> =>
  page.atEnd && pruned > (page.last?.sequence ?? from)
    ? { ...page, last: { sequence: pruned, streamVersion: 0 } }
    : page;

interface PageSource {
  readonly where: string;
  readonly order: string;
  readonly limit: string;
}

/** Rows of some columns, and what becomes of each. */
interface RowReader<Row, Event> {
  readonly columns: ReadonlyArray<string>;
  readonly rowOf: (values: ReadonlyArray<unknown>) => Row;
  /** Throws `UndecodableEvent`. */
  readonly decode: (row: Row) => Event;
}

const ENVELOPES: RowReader<EventRow, EventEnvelope> = { columns: EVENT_COLUMNS, rowOf, decode: decodeRow };
const PROJECTED: RowReader<ProjectedRow, ProjectedEvent> = {
  columns: PROJECTED_COLUMNS,
  rowOf: projectedRowOf,
  decode: decodeProjectedRow,
};

type PagedRead<Event> = (
  key: ReadonlyArray<unknown>,
  bounds: { readonly limit: number; readonly maxBytes?: number },
) => Effect.Effect<EventPage<Event>, SqlError.SqlError>;

/** Where bytes count, the sizes are asked for first, which reads no payload: no page is larger in memory than it may be. */
const pagedRead = <Row extends ProjectedRow, Event>(
  sql: SqlClient.SqlClient,
  { where, order, limit }: PageSource,
  reader: RowReader<Row, Event>,
): PagedRead<Event> => {
  const rest = `FROM orchestration_events WHERE ${where} ORDER BY ${order} LIMIT ${limit}`;
  const sizes = `SELECT octet_length(payload_json) ${rest}`;
  const rows = `SELECT ${reader.columns.join(", ")} ${rest}`;
  return Effect.fnUntraced(function* (key, bounds) {
    let count = bounds.limit;
    if (bounds.maxBytes !== undefined) {
      const bytes = yield* selectValues(sql, sizes, [...key, bounds.limit]);
      const fitting = countWithin(bytes, bounds.maxBytes);
      if (fitting < bytes.length) count = fitting;
    }
    const values = yield* selectValues(sql, rows, [...key, count]);
    return decodePage(values, values.length < count, reader);
  });
};

/** How many rows of these sizes fit, one at least. */
const countWithin = (sizes: ReadonlyArray<ReadonlyArray<unknown>>, maxBytes: number): number => {
  let bytes = 0;
  for (const [index, [size]] of sizes.entries()) {
    bytes += Number(size);
    if (bytes > maxBytes && index > 0) return index;
  }
  return sizes.length;
};

const decodePage = <Row extends ProjectedRow, Event>(
  values: ReadonlyArray<ReadonlyArray<unknown>>,
  atEnd: boolean,
  reader: RowReader<Row, Event>,
): EventPage<Event> => {
  const events: Array<Event> = [];
  const unreadable: Array<UndecodableEvent> = [];
  let last: EventPage["last"];
  let characters = 0;
  for (const columns of values) {
    const row = reader.rowOf(columns);
    const decoded = tryDecode(reader.decode, row);
    if (decoded instanceof UndecodableEvent) unreadable.push(decoded);
    else events.push(decoded);
    last = { sequence: row.sequence, streamVersion: row.stream_version };
    characters += row.payload_json.length;
  }
  return { events, unreadable, last, characters, atEnd };
};

const tryDecode = <Row, Event>(decode: (row: Row) => Event, row: Row): Event | UndecodableEvent => {
  try {
    return decode(row);
  } catch (error) {
    if (error instanceof UndecodableEvent) return error;
    throw error;
  }
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
