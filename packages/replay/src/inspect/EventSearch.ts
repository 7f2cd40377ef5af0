/**
 * Looks for the events that a filter means. A call looks at so many rows and for so long, and then says how far it got:
 * between two batches of rows everything else on the thread has its turn.
 */
import type { EventEnvelope } from "@heddle/contracts/Events";
import type {
  EventFilter,
  EventListPage,
  ListEventsInput,
  UnreadableEvent,
} from "@heddle/contracts/InspectionRpc";
import { eventReads } from "@heddle/event-store/EventStore";
import { selectValues } from "@heddle/sql/OnConnection";
import { Clock, Effect } from "effect";
import type { SqlClient, SqlError } from "effect/sql";
import { type Condition, conditionOf, hasText, type Source, sourceOf, utc } from "./EventFilterSql.ts";
import { readSequences } from "./StoredEvent.ts";

export interface SearchBounds {
  /** How many rows a call looks at. */
  readonly rows: number;
  /** After so long it looks at no more. */
  readonly milliseconds: number;
  /** So many at a time. */
  readonly batch: number;
  /** A page ends at about this many bytes of payloads. */
  readonly bytes: number;
}

export const usualBounds: SearchBounds = {
  rows: 50_000,
  milliseconds: 200,
  batch: 2000,
  bytes: 1_048_576,
};

type Order = ListEventsInput["order"];

/** Positions in a source that are to be looked at, both included. */
interface Range {
  readonly low: number;
  readonly high: number;
}

/** A row of a source; `bytes` of its payload where it fits, else null. */
interface Candidate {
  readonly position: number;
  readonly sequence: number;
  readonly bytes: number | null;
}

export const eventSearch = (sql: SqlClient.SqlClient, bounds: SearchBounds = usualBounds) => {
  const { head } = eventReads(sql);
  return Effect.fnUntraced(function* ({ filter, order, cursor, limit }: ListEventsInput) {
    const started = yield* Clock.currentTimeMillis;
    const headSequence = yield* head;
    const threads = filter.projectId === undefined ? [] : yield* threadsOf(sql, filter.projectId);
    const condition = conditionOf(filter, threads);
    const source = sourceOf(filter);
    const sequences = yield* sequenceRange(sql, filter, { order, cursor, headSequence });
    let range = yield* positionRange(sql, source, sequences);

    const events: Array<EventEnvelope> = [];
    const unreadable: Array<UnreadableEvent> = [];
    let examined = 0;
    let bytes = 0;
    const page = (nextCursor: number | null): EventListPage => ({
      events,
      unreadable,
      examined,
      headSequence,
      nextCursor,
    });

    while (range.low <= range.high) {
      const asked = Math.min(bounds.batch, bounds.rows - examined);
      const candidates = yield* readBatch(sql, source, condition, range, order, asked);
      const last = candidates.at(-1);
      if (last === undefined) return page(null);
      const taken: Array<number> = [];
      let stoppedAt: number | undefined;
      for (const { sequence, bytes: size } of candidates) {
        examined += 1;
        if (size === null) continue;
        taken.push(sequence);
        bytes += size;
        const full = events.length + unreadable.length + taken.length >= limit || bytes >= bounds.bytes;
        if (full) {
          stoppedAt = sequence;
          break;
        }
      }
      const found = yield* readSequences(sql, taken);
      for (const stored of order === "oldest" ? found : found.toReversed()) {
        if (stored.unreadable) unreadable.push(stored.unreadable);
        else if (filter.text === undefined || hasText(stored.event.payload, filter.text))
          events.push(stored.event);
      }
      const atEnd = candidates.length < asked;
      if (stoppedAt !== undefined && (events.length + unreadable.length >= limit || bytes >= bounds.bytes))
        return page(atEnd && stoppedAt === last.sequence ? null : stoppedAt);
      // The text of some stood elsewhere than in a value: go on behind the last that was taken.
      const position = stoppedAt === undefined ? last.position : positionOf(candidates, stoppedAt);
      if (atEnd && position === last.position) return page(null);
      range = order === "oldest" ? { ...range, low: position + 1 } : { ...range, high: position - 1 };
      const tired = (yield* Clock.currentTimeMillis) - started >= bounds.milliseconds;
      if (examined >= bounds.rows || tired) return page(stoppedAt ?? last.sequence);
      yield* Effect.yieldNow;
    }
    return page(null);
  });
};

const positionOf = (candidates: ReadonlyArray<Candidate>, sequence: number): number =>
  candidates.find((candidate) => candidate.sequence === sequence)?.position ?? 0;

/** The threads that were ever made in a project, as the log has them. */
const threadsOf = (sql: SqlClient.SqlClient, projectId: string) =>
  Effect.map(
    selectValues(
      sql,
      `SELECT stream_id FROM orchestration_events WHERE event_type = 'thread.created'
        AND CASE WHEN json_valid(payload_json) THEN payload_json ->> '$.projectId' = ? END`,
      [projectId],
    ),
    (rows) => rows.map(([streamId]) => String(streamId)),
  );

/** A clock that was set back by more than this may hide events from a filter by time. */
const CLOCK_SLACK = 3_600_000;

const sequenceRange = Effect.fnUntraced(function* (
  sql: SqlClient.SqlClient,
  { fromSequence = 1, toSequence = Number.MAX_SAFE_INTEGER, since, until }: EventFilter,
  page: { readonly order: Order; readonly cursor: number | undefined; readonly headSequence: number },
) {
  let low = fromSequence;
  let high = Math.min(toSequence, page.headSequence);
  if (page.cursor !== undefined) {
    if (page.order === "oldest") low = Math.max(low, page.cursor + 1);
    else high = Math.min(high, page.cursor - 1);
  }
  if (since !== undefined) {
    const from = new Date(Date.parse(since) - CLOCK_SLACK).toISOString();
    low = yield* firstWhere(low, high, (sequence) => timeAt(sql, sequence, high, (at) => at >= from));
  }
  if (until !== undefined) {
    const to = new Date(Date.parse(utc(until)) + CLOCK_SLACK).toISOString();
    high = (yield* firstWhere(low, high, (sequence) => timeAt(sql, sequence, high, (at) => at > to))) - 1;
  }
  return { low, high } satisfies Range;
});

/** Whether the first event from a sequence on stands at such a time; true behind the last. */
const timeAt = (
  sql: SqlClient.SqlClient,
  sequence: number,
  high: number,
  is: (occurredAt: string) => boolean,
) =>
  Effect.map(
    selectValues(
      sql,
      "SELECT occurred_at FROM orchestration_events WHERE sequence >= ? AND sequence <= ? ORDER BY sequence LIMIT 1",
      [sequence, high],
    ),
    ([row]) => row === undefined || is(String(row[0])),
  );

/** By bisection: the first number from `low` on for which it holds; `high` + 1 where it does not. */
const firstWhere = Effect.fnUntraced(function* <E, R>(
  low: number,
  high: number,
  holds: (value: number) => Effect.Effect<boolean, E, R>,
) {
  let from = low;
  let to = high + 1;
  while (from < to) {
    const middle = Math.floor((from + to) / 2);
    if (yield* holds(middle)) to = middle;
    else from = middle + 1;
  }
  return from;
});

/** Sequences as positions in the source. */
const positionRange = (
  sql: SqlClient.SqlClient,
  source: Source,
  sequences: Range,
): Effect.Effect<Range, SqlError.SqlError> => {
  if (source.by !== "stream") return Effect.succeed(sequences);
  const stream = [source.aggregateKind, source.streamId];
  const first = (sequence: number, last: number) =>
    firstWhere(1, last, (version) =>
      Effect.map(
        selectValues(
          sql,
          `SELECT sequence FROM orchestration_events
            WHERE aggregate_kind = ? AND stream_id = ? AND stream_version >= ? ORDER BY stream_version LIMIT 1`,
          [...stream, version],
        ),
        ([row]) => row === undefined || Number(row[0]) >= sequence,
      ),
    );
  return Effect.gen(function* () {
    const [newest] = yield* selectValues(
      sql,
      `SELECT stream_version FROM orchestration_events
        WHERE aggregate_kind = ? AND stream_id = ? ORDER BY stream_version DESC LIMIT 1`,
      stream,
    );
    const last = Number(newest?.[0] ?? 0);
    return { low: yield* first(sequences.low, last), high: (yield* first(sequences.high + 1, last)) - 1 };
  });
};

/** The next rows of the source, and of each whether it fits. */
const readBatch = (
  sql: SqlClient.SqlClient,
  source: Source,
  condition: Condition,
  { low, high }: Range,
  order: Order,
  limit: number,
): Effect.Effect<ReadonlyArray<Candidate>, SqlError.SqlError> => {
  const position = source.by === "stream" ? "stream_version" : "sequence";
  const arm = (where: string) =>
    `SELECT ${position} AS position, sequence, CASE WHEN ${condition.sql} THEN octet_length(payload_json) END
      FROM orchestration_events WHERE ${where}${position} >= ? AND ${position} <= ?`;
  const arms = armsOf(source);
  const statement = arms.map(({ where }) => arm(where)).join(" UNION ALL ");
  const direction = order === "oldest" ? "ASC" : "DESC";
  // The order of one index needs its own column's name; that of several, the one that they share.
  const column = arms.length === 1 ? position : "position";
  const parameters = arms.flatMap(({ keys }) => [...condition.parameters, ...keys, low, high]);
  return arms.length === 0
    ? Effect.succeed([])
    : Effect.map(
        selectValues(sql, `${statement} ORDER BY ${column} ${direction} LIMIT ?`, [...parameters, limit]),
        (rows) =>
          rows.map(([at, sequence, bytes]) => ({
            position: Number(at),
            sequence: Number(sequence),
            bytes: bytes === null ? null : Number(bytes),
          })),
      );
};

const armsOf = (
  source: Source,
): ReadonlyArray<{ readonly where: string; readonly keys: ReadonlyArray<string> }> => {
  switch (source.by) {
    case "sequence":
      return [{ where: "", keys: [] }];
    case "command":
      return [{ where: "command_id = ? AND ", keys: [source.id] }];
    case "correlation":
      return [{ where: "correlation_id = ? AND ", keys: [source.id] }];
    case "stream":
      return [
        {
          where: "aggregate_kind = ? AND stream_id = ? AND ",
          keys: [source.aggregateKind, source.streamId],
        },
      ];
    case "types":
      return source.types.map((type) => ({ where: "event_type = ? AND ", keys: [type] }));
  }
};
