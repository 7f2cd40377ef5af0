/**
 * Whether a database is what it should be: its file, by SQLite's own check, and its content, by the laws of the log. It
 * reads and never writes; run it in one transaction, so that all of it looks at the same moment.
 */
import { checkLog, type LawName } from "@heddle/event-store/LogLaws";
import { explainSqlError } from "@heddle/event-store/SqliteDatabase";
import { Effect } from "effect";
import type { SqlClient, SqlError } from "effect/sql";

export type CheckName = "file-is-sound" | "rows-refer-to-rows" | "content-can-be-read" | LawName;

export interface Violation {
  readonly check: CheckName;
  /** Where in the log, if it is a place in the log. */
  readonly sequence: number | null;
  /** The event, the stream, the command, the blob or the table that it is about. */
  readonly id: string;
  /** One plain sentence. */
  readonly message: string;
}

export interface CheckPart {
  readonly name: string;
  readonly done: number;
  readonly total: number;
}

export interface DatabaseCheckOptions {
  /** Leaves out whether indexes agree with their tables, which takes longest. */
  readonly quick?: boolean;
  /** Violations of one kind that are listed at most. */
  readonly limit?: number;
  readonly onPart?: (part: CheckPart) => Effect.Effect<void>;
}

const LIMIT = 20;
/** The parts before those of the log. */
const OWN_PARTS = 2;

/** Every place where the database is not what it should be, up to a limit for each kind; none for a sound one. */
export const checkDatabase = Effect.fn("DatabaseCheck.checkDatabase")(function* (
  sql: SqlClient.SqlClient,
  { quick = false, limit = LIMIT, onPart = () => Effect.void }: DatabaseCheckOptions = {},
): Effect.fn.Return<ReadonlyArray<Violation>, SqlError.SqlError> {
  yield* onPart({ name: "file-is-sound", done: 0, total: OWN_PARTS });
  const file = yield* readable(checkFile(sql, quick, limit));
  yield* onPart({ name: "rows-refer-to-rows", done: 1, total: OWN_PARTS });
  const keys = yield* readable(checkKeys(sql, limit));
  const log = yield* readable(
    checkLog(sql, {
      limitPerLaw: limit,
      onPart: ({ name, done, total }) => onPart({ name, done: done + OWN_PARTS, total: total + OWN_PARTS }),
    }).pipe(Effect.map((found) => found.map(({ law, ...rest }): Violation => ({ check: law, ...rest })))),
  );
  return [...file, ...keys, ...log];
});

/** What cannot be read for its damage is a finding; a locked file or a failing disk is not. */
const readable = (
  check: Effect.Effect<ReadonlyArray<Violation>, SqlError.SqlError>,
): Effect.Effect<ReadonlyArray<Violation>, SqlError.SqlError> =>
  Effect.catchTag(check, "SqlError", (error) =>
    isDamage(error)
      ? Effect.succeed([
          {
            check: "content-can-be-read",
            sequence: null,
            id: "",
            message: `A part of the database cannot be read: ${explainSqlError(error)}.`,
          } as const,
        ])
      : Effect.fail(error),
  );

/** https://www.sqlite.org/rescode.html: SQLITE_CORRUPT, SQLITE_NOTADB */
const DAMAGE = new Set([11, 26]);

/** The file is damaged, or none of SQLite. */
export const isDamage = ({ reason: { cause } }: SqlError.SqlError): boolean =>
  cause instanceof Error &&
  "errcode" in cause &&
  typeof cause.errcode === "number" &&
  DAMAGE.has(cause.errcode & 0xff);

/** SQLite's own check of pages, rows and indexes. */
export const checkFile = (
  sql: SqlClient.SqlClient,
  quick: boolean,
  limit = LIMIT,
): Effect.Effect<ReadonlyArray<Violation>, SqlError.SqlError> =>
  Effect.map(
    sql.unsafe<Record<string, string>>(`PRAGMA ${quick ? "quick_check" : "integrity_check"}(${limit})`),
    (rows) =>
      rows
        .flatMap((row) => Object.values(row))
        .filter((line) => line !== "ok")
        .map((line): Violation => ({
          check: "file-is-sound",
          sequence: null,
          id: "",
          message: `SQLite: ${line}`,
        })),
  );

const checkKeys = (sql: SqlClient.SqlClient, limit: number) =>
  Effect.map(
    sql<{ table: string; rowid: number | null; parent: string }>`
      SELECT "table", rowid, parent FROM pragma_foreign_key_check LIMIT ${limit}`,
    (rows) =>
      rows.map(({ table, rowid, parent }): Violation => ({
        check: "rows-refer-to-rows",
        sequence: null,
        id: table,
        message: `Row ${rowid} of ${table} refers to a row of ${parent} that is not there.`,
      })),
  );
