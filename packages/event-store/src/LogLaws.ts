/**
 * What must hold of a stored log, whatever has happened to the server: checked by tests after each fault, and by people on
 * a database that they doubt. It reads and never writes. Most laws are one statement each that walks an index in order; the
 * events themselves are decoded in pages, so that memory does not grow with the log.
 */
import { createHash } from "node:crypto";
import { Effect } from "effect";
import type { SqlClient, SqlError } from "effect/sql";
import { brokenBlobs, missingBlobs } from "./BlobLaws.ts";
import { decodeRow, EVENT_COLUMNS, type EventRow, UndecodableEvent } from "./EventCodec.ts";
import { type Found, type LawName, LAWS } from "./LogStatements.ts";

export type { LawName } from "./LogStatements.ts";

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
  /** Told before each part: which one, and how many are done of how many. */
  readonly onPart?: (part: {
    readonly name: string;
    readonly done: number;
    readonly total: number;
  }) => Effect.Effect<void>;
}

const LIMIT_PER_LAW = 20;
const PAGE_SIZE = 500;

/**
 * Every place where the stored log breaks a law; none for a sound one. Run it where nothing is written meanwhile, or in one
 * read transaction: its statements look at the database one after the other.
 */
export const checkLog = Effect.fn("LogLaws.checkLog")(function* (
  sql: SqlClient.SqlClient,
  { limitPerLaw = LIMIT_PER_LAW, onPart = () => Effect.void }: CheckOptions = {},
): Effect.fn.Return<ReadonlyArray<LawViolation>, SqlError.SqlError> {
  const byStatement = LAWS.map(({ name, statement, message }) => ({
    name: name as string,
    check: Effect.map(sql.unsafe<Found>(`${statement} LIMIT ${limitPerLaw}`), (found) =>
      found.map((row): LawViolation => ({
        law: name,
        sequence: row.sequence,
        id: row.id,
        message: message(row),
      })),
    ),
  }));
  const parts = [
    ...byStatement,
    { name: "events-decode", check: undecodable(sql, limitPerLaw) },
    { name: "blobs-have-their-hash", check: brokenBlobs(sql, limitPerLaw) },
    { name: "references-have-their-blob", check: missingBlobs(sql, limitPerLaw) },
  ];
  const violations: Array<LawViolation> = [];
  for (const [done, { name, check }] of parts.entries()) {
    yield* onPart({ name, done, total: parts.length });
    violations.push(...(yield* check));
  }
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
