/**
 * What must hold of a stored log, whatever has happened to the server: checked by tests after each fault, and by people on
 * a database that they doubt. It reads and never writes. Most laws are one statement each that walks an index in order; the
 * events themselves are decoded in pages, so that memory does not grow with the log.
 */
import { createHash } from "node:crypto";
import { Effect } from "effect";
import type { SqlClient, SqlError } from "effect/sql";
import { decodeRow, EVENT_COLUMNS, type EventRow, UndecodableEvent } from "./EventCodec.ts";

export type LawName =
  | "sequences-are-dense"
  | "event-ids-are-unique"
  | "stream-versions-are-dense"
  | "streams-follow-the-log"
  | "events-name-their-command"
  | "events-decode"
  | "events-have-a-receipt"
  | "receipts-point-at-their-command"
  | "rejections-leave-no-events"
  | "effects-point-at-their-event"
  | "cursors-stay-within-the-log"
  | "quarantine-is-of-the-log";

/** One place where the log breaks a law. */
export interface LawViolation {
  readonly law: LawName;
  /** Where in the log, if it is a place in the log. */
  readonly sequence: number | null;
  /** The event, the stream, the command, the effect or the projector that it is about. */
  readonly id: string;
  /** One plain sentence. */
  readonly message: string;
}

export interface CheckOptions {
  /** Violations of one law that are listed at most: a broken log may break a law at every row. */
  readonly limitPerLaw?: number;
}

const LIMIT_PER_LAW = 20;
const PAGE_SIZE = 500;

/** The row of a violation, as each law's statement selects it. */
interface Found {
  readonly sequence: number | null;
  readonly id: string;
  /** What was found and what was to be there, where the law's sentence needs it. */
  readonly actual: number | string | null;
  readonly expected: number | string | null;
}

interface Law {
  readonly name: LawName;
  /** Selects the columns of `Found`, and nothing where the law holds. */
  readonly statement: string;
  readonly message: (found: Found) => string;
}

const LAWS: ReadonlyArray<Law> = [
  {
    name: "sequences-are-dense",
    statement: `SELECT sequence, event_id AS id, sequence AS actual, previous + 1 AS expected
      FROM (SELECT sequence, event_id, lag(sequence, 1, 0) OVER (ORDER BY sequence) AS previous
        FROM orchestration_events)
      WHERE sequence <> previous + 1`,
    message: ({ actual, expected }) =>
      `The log goes on with sequence ${actual} where ${expected} was to come.`,
  },
  {
    name: "event-ids-are-unique",
    statement: `SELECT max(sequence) AS sequence, event_id AS id, count(*) AS actual, 1 AS expected
      FROM orchestration_events GROUP BY event_id HAVING count(*) > 1`,
    message: ({ id, actual }) => `${actual} events have the id ${id}.`,
  },
  {
    name: "stream-versions-are-dense",
    statement: `SELECT sequence, stream_id AS id, stream_version AS actual, previous + 1 AS expected
      FROM (SELECT sequence, stream_id, stream_version, lag(stream_version, 1, 0)
          OVER (PARTITION BY aggregate_kind, stream_id ORDER BY stream_version) AS previous
        FROM orchestration_events)
      WHERE stream_version <> previous + 1`,
    message: ({ id, actual, expected }) =>
      `Stream ${id} goes on with version ${actual} where ${expected} was to come.`,
  },
  {
    name: "streams-follow-the-log",
    statement: `SELECT sequence, stream_id AS id, sequence AS actual, previous AS expected
      FROM (SELECT sequence, stream_id, lag(sequence, 1, 0)
          OVER (PARTITION BY aggregate_kind, stream_id ORDER BY stream_version) AS previous
        FROM orchestration_events)
      WHERE sequence <= previous`,
    message: ({ id, actual, expected }) =>
      `In stream ${id}, sequence ${actual} comes after ${expected}: its versions run against the log.`,
  },
  {
    name: "events-name-their-command",
    statement: `SELECT sequence, event_id AS id, event_id AS actual, command_id || '#' || place AS expected
      FROM (SELECT sequence, event_id, command_id,
          row_number() OVER (PARTITION BY command_id ORDER BY sequence) AS place
        FROM orchestration_events WHERE command_id IS NOT NULL)
      WHERE event_id <> command_id || '#' || place`,
    message: ({ actual, expected }) => `An event has the id ${actual}; by its command it is ${expected}.`,
  },
  {
    name: "events-have-a-receipt",
    statement: `SELECT event.sequence, event.event_id AS id, event.command_id AS actual, NULL AS expected
      FROM orchestration_events AS event
      LEFT JOIN orchestration_command_receipts AS receipt ON receipt.command_id = event.command_id
      WHERE event.command_id IS NOT NULL AND receipt.command_id IS NULL`,
    message: ({ id, actual }) => `Event ${id} came of command ${actual}, which has no receipt.`,
  },
  {
    name: "receipts-point-at-their-command",
    statement: `SELECT receipt.result_sequence AS sequence, receipt.command_id AS id,
        event.command_id AS actual, NULL AS expected
      FROM orchestration_command_receipts AS receipt
      LEFT JOIN orchestration_events AS event ON event.sequence = receipt.result_sequence
      WHERE receipt.status = 'accepted' AND (
        event.command_id IS DISTINCT FROM receipt.command_id
        OR event.aggregate_kind <> receipt.aggregate_kind OR event.stream_id <> receipt.aggregate_id
        OR EXISTS (SELECT 1 FROM orchestration_events AS later
          WHERE later.command_id = receipt.command_id AND later.sequence > receipt.result_sequence))`,
    message: ({ id, sequence, actual }) =>
      actual === null
        ? `The receipt of command ${id} points at sequence ${sequence}, where there is no event.`
        : `The receipt of command ${id} points at sequence ${sequence}, which is not the last event of that command in its stream.`,
  },
  {
    name: "rejections-leave-no-events",
    statement: `SELECT receipt.result_sequence AS sequence, receipt.command_id AS id,
        receipt.result_sequence AS actual, log.head AS expected
      FROM orchestration_command_receipts AS receipt,
        (SELECT coalesce(max(sequence), 0) AS head FROM orchestration_events) AS log
      WHERE receipt.status = 'rejected' AND (receipt.result_sequence > log.head
        OR EXISTS (SELECT 1 FROM orchestration_events AS event WHERE event.command_id = receipt.command_id))`,
    message: ({ id, actual, expected }) =>
      Number(actual) > Number(expected)
        ? `Command ${id} was rejected at sequence ${actual}, beyond the head of the log, ${expected}.`
        : `Command ${id} was rejected, but the log holds events of it.`,
  },
  {
    name: "effects-point-at-their-event",
    statement: `SELECT effect.event_sequence AS sequence, CAST(effect.effect_id AS TEXT) AS id,
        effect.event_id AS actual, event.event_id AS expected
      FROM orchestration_effects AS effect
      LEFT JOIN orchestration_events AS event ON event.sequence = effect.event_sequence
      WHERE event.event_id IS DISTINCT FROM effect.event_id`,
    message: ({ id, sequence, actual }) =>
      `Effect ${id} names event ${actual} at sequence ${sequence}, which is not there.`,
  },
  {
    name: "cursors-stay-within-the-log",
    statement: `SELECT state.last_applied_sequence AS sequence, state.projector AS id,
        state.last_applied_sequence AS actual, log.head AS expected
      FROM projection_state AS state,
        (SELECT coalesce(max(sequence), 0) AS head FROM orchestration_events) AS log
      WHERE state.last_applied_sequence > log.head`,
    message: ({ id, actual, expected }) =>
      `The cursor of projector ${id} stands at ${actual}, beyond the head of the log, ${expected}.`,
  },
  {
    name: "quarantine-is-of-the-log",
    statement: `SELECT quarantine.sequence, quarantine.stream_id AS id,
        quarantine.sequence AS actual, NULL AS expected
      FROM orchestration_quarantine AS quarantine
      LEFT JOIN orchestration_events AS event ON event.sequence = quarantine.sequence
      WHERE event.sequence IS NULL`,
    message: ({ actual }) => `Event ${actual} is in quarantine, and not in the log.`,
  },
];

/**
 * Every place where the stored log breaks a law; none for a sound one. Run it where nothing is written meanwhile, or in one
 * read transaction: its statements look at the database one after the other.
 */
export const checkLog = Effect.fn("LogLaws.checkLog")(function* (
  sql: SqlClient.SqlClient,
  { limitPerLaw = LIMIT_PER_LAW }: CheckOptions = {},
): Effect.fn.Return<ReadonlyArray<LawViolation>, SqlError.SqlError> {
  const violations: Array<LawViolation> = [];
  for (const { name, statement, message } of LAWS) {
    const found = yield* sql.unsafe<Found>(`${statement} LIMIT ${limitPerLaw}`);
    for (const row of found) {
      violations.push({ law: name, sequence: row.sequence, id: row.id, message: message(row) });
    }
  }
  violations.push(...(yield* undecodable(sql, limitPerLaw)));
  return violations;
});

/**
 * SHA-256 over every column of every event, in the order of the log, in hexadecimal: two logs with the same hash are the
 * same log. When and by whom it was stored does not count beyond what the events say themselves.
 */
export const hashLog = Effect.fn("LogLaws.hashLog")(function* (
  sql: SqlClient.SqlClient,
): Effect.fn.Return<string, SqlError.SqlError> {
  const hash = createHash("sha256");
  yield* eachRow(sql, (row) => {
    hash.update(`${JSON.stringify(EVENT_COLUMNS.map((column) => row[column]))}\n`);
    return true;
  });
  return hash.digest("hex");
});

/** Those that cannot be read and that nobody knows of. */
const undecodable = Effect.fnUntraced(function* (sql: SqlClient.SqlClient, limit: number) {
  const violations: Array<LawViolation> = [];
  const known = yield* quarantined(sql);
  yield* eachRow(sql, (row) => {
    try {
      decodeRow(row);
    } catch (error) {
      if (!(error instanceof UndecodableEvent)) throw error;
      if (known.has(row.sequence)) return true;
      violations.push({
        law: "events-decode",
        sequence: row.sequence,
        id: row.event_id,
        message: error.message,
      });
    }
    return violations.length < limit;
  });
  return violations;
});

const quarantined = (sql: SqlClient.SqlClient) =>
  Effect.map(
    sql<{ sequence: number }>`SELECT sequence FROM orchestration_quarantine`,
    (rows) => new Set(rows.map(({ sequence }) => sequence)),
  );

/** Gives each row of the log to `visit`, page by page, until it has enough. */
const eachRow = Effect.fnUntraced(function* (
  sql: SqlClient.SqlClient,
  visit: (row: EventRow) => boolean,
): Effect.fn.Return<void, SqlError.SqlError> {
  const columns = sql.literal(EVENT_COLUMNS.join(", "));
  for (let cursor = 0; ;) {
    const rows = yield* sql<EventRow>`SELECT ${columns} FROM orchestration_events
      WHERE sequence > ${cursor} ORDER BY sequence LIMIT ${PAGE_SIZE}`;
    for (const row of rows) if (!visit(row)) return;
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE_SIZE) return;
    cursor = last.sequence;
  }
});
