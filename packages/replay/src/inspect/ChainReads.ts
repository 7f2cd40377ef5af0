/** The events of a chain, as far as its shape needs them: no payloads, but for whom or what they are about. */
import { selectValues } from "@heddle/sql/OnConnection";
import { Effect } from "effect";
import type { SqlClient, SqlError } from "effect/sql";

export interface ChainRow {
  readonly sequence: number;
  readonly eventId: string;
  readonly eventType: string;
  readonly causationEventId: string | null;
  readonly occurredAt: string;
  readonly aggregateKind: string;
  readonly streamId: string;
  readonly streamVersion: number;
  /** The message that an agent's words belong to, the request that was asked, the turn that was started. */
  readonly subject: string | null;
  /** Of an agent's words. */
  readonly characters: number;
}

/** What people say to a turn while it runs: commands, and so chains, of their own. */
const SAID_TO_A_TURN = [
  "thread.approval-response-requested",
  "thread.user-input-response-requested",
  "thread.turn-interrupt-requested",
  "thread.turn-steer-requested",
];

const JSON_OF = (path: string) => `CASE WHEN json_valid(payload_json) THEN payload_json ->> '${path}' END`;

const COLUMNS = `sequence, event_id, event_type, causation_event_id, occurred_at, aggregate_kind, stream_id, stream_version,
  CASE
    WHEN event_type = 'thread.message-sent' AND actor_kind = 'provider' THEN ${JSON_OF("$.messageId")}
    WHEN event_type IN ('thread.approval-requested', 'thread.user-input-requested',
      'thread.approval-response-requested', 'thread.user-input-response-requested') THEN ${JSON_OF("$.requestId")}
    WHEN event_type IN ('thread.turn-started', 'thread.turn-interrupt-requested',
      'thread.turn-steer-requested') THEN ${JSON_OF("$.turnId")}
  END,
  CASE WHEN event_type = 'thread.message-sent' THEN length(${JSON_OF("$.text")}) END`;

const rowOf = (values: ReadonlyArray<unknown>): ChainRow => ({
  sequence: Number(values[0]),
  eventId: String(values[1]),
  eventType: String(values[2]),
  causationEventId: values[3] === null ? null : String(values[3]),
  occurredAt: String(values[4]),
  aggregateKind: String(values[5]),
  streamId: String(values[6]),
  streamVersion: Number(values[7]),
  subject: values[8] === null ? null : String(values[8]),
  characters: Number(values[9] ?? 0),
});

export interface ChainBounds {
  /** Of a longer chain, so many events of its beginning and of its end are looked at. */
  readonly rows: number;
  /** So many at a time. */
  readonly batch: number;
}

export const usualChainBounds: ChainBounds = { rows: 20_000, batch: 2000 };

type Read<A> = Effect.Effect<A, SqlError.SqlError>;

export interface ChainReads {
  /** How many events behind a sequence have the correlation. */
  readonly count: (correlationId: string, fromSequenceExclusive: number) => Read<number>;
  readonly first: (correlationId: string) => Read<ChainRow | undefined>;
  readonly last: (correlationId: string) => Read<ChainRow | undefined>;
  readonly byEventId: (eventId: string) => Read<ChainRow | undefined>;
  /** In order; of a long chain its beginning behind a sequence, and its end. */
  readonly events: (correlationId: string, fromSequenceExclusive: number) => Read<ReadonlyArray<ChainRow>>;
  /** What people said to the turns of a thread between two of its events. */
  readonly saidMeanwhile: (first: ChainRow, last: ChainRow) => Read<ReadonlyArray<ChainRow>>;
  /** The correlation, and the first event, of a command. */
  readonly ofCommand: (
    commandId: string,
  ) => Read<{ readonly eventId: string; readonly correlationId: string | null } | undefined>;
}

export const chainReads = (sql: SqlClient.SqlClient, bounds: ChainBounds = usualChainBounds): ChainReads => {
  const rows = (rest: string, parameters: ReadonlyArray<unknown>) =>
    Effect.map(selectValues(sql, `SELECT ${COLUMNS} FROM orchestration_events ${rest}`, parameters), (all) =>
      all.map(rowOf),
    );
  const one = (rest: string, parameters: ReadonlyArray<unknown>) =>
    Effect.map(rows(rest, parameters), ([row]) => row);

  /** Up to so many from one end on, until a sequence. */
  const walk = Effect.fnUntraced(function* (
    correlationId: string,
    direction: "ASC" | "DESC",
    until: number,
    most: number,
  ) {
    const found: Array<ChainRow> = [];
    let from = direction === "ASC" ? until : Number.MAX_SAFE_INTEGER;
    while (found.length < most) {
      const asked = Math.min(bounds.batch, most - found.length);
      const page = yield* rows(
        direction === "ASC"
          ? "WHERE correlation_id = ? AND sequence > ? ORDER BY sequence LIMIT ?"
          : "WHERE correlation_id = ? AND sequence < ? AND sequence > ? ORDER BY sequence DESC LIMIT ?",
        direction === "ASC" ? [correlationId, from, asked] : [correlationId, from, until, asked],
      );
      found.push(...page);
      const last = page.at(-1);
      if (last === undefined || page.length < asked) break;
      from = last.sequence;
      yield* Effect.yieldNow;
    }
    return found;
  });

  return {
    count: (correlationId, fromSequenceExclusive) =>
      Effect.map(
        selectValues(
          sql,
          "SELECT count(*) FROM orchestration_events WHERE correlation_id = ? AND sequence > ?",
          [correlationId, fromSequenceExclusive],
        ),
        ([row]) => Number(row?.[0] ?? 0),
      ),
    first: (correlationId) => one("WHERE correlation_id = ? ORDER BY sequence LIMIT 1", [correlationId]),
    last: (correlationId) => one("WHERE correlation_id = ? ORDER BY sequence DESC LIMIT 1", [correlationId]),
    byEventId: (eventId) => one("WHERE event_id = ?", [eventId]),
    events: Effect.fnUntraced(function* (correlationId, fromSequenceExclusive) {
      const beginning = yield* walk(correlationId, "ASC", fromSequenceExclusive, bounds.rows);
      const reached = beginning.at(-1);
      if (reached === undefined || beginning.length < bounds.rows) return beginning;
      const end = yield* walk(correlationId, "DESC", reached.sequence, bounds.rows);
      return [...beginning, ...end.toReversed()];
    }),
    saidMeanwhile: (first, last) =>
      rows(
        `WHERE sequence IN (
          SELECT sequence FROM (
            SELECT sequence, event_type FROM orchestration_events
            WHERE aggregate_kind = ? AND stream_id = ? AND stream_version >= ? AND stream_version <= ?
            ORDER BY stream_version LIMIT ?
          ) WHERE event_type IN (SELECT value FROM json_each(?))
        ) ORDER BY sequence LIMIT 500`,
        [
          first.aggregateKind,
          first.streamId,
          first.streamVersion,
          last.streamVersion,
          2 * bounds.rows,
          JSON.stringify(SAID_TO_A_TURN),
        ],
      ),
    ofCommand: (commandId) =>
      Effect.map(
        selectValues(
          sql,
          "SELECT event_id, correlation_id FROM orchestration_events WHERE command_id = ? ORDER BY sequence LIMIT 1",
          [commandId],
        ),
        ([row]) =>
          row && {
            eventId: String(row[0]),
            correlationId: row[1] === null ? null : String(row[1]),
          },
      ),
  };
};
