/**
 * The SQLite file, opened once for writing and once for reading (docs/adr/0004-sqlite-settings.md gives each pragma's
 * reason). Two connections, since on one a reader would have to wait for the writer's transaction.
 */
import { DatabaseSync } from "node:sqlite";
import { nodeSqliteLayer } from "@heddle/sql/NodeSqlite";
import { openPipeline, type Pipeline } from "@heddle/sql/Pipeline";
import { Context, Effect, Layer, Schedule, Schema, type Scope } from "effect";
import { SqlClient, SqlError } from "effect/sql";
import { migrate } from "./Migrations.ts";

/** The database file cannot be opened at all. */
export class DatabaseUnavailable extends Schema.TaggedError<DatabaseUnavailable>()("DatabaseUnavailable", {
  path: Schema.String,
  message: Schema.String,
  cause: Schema.Defect(),
}) {}

/** In their order. */
export const WRITER_PRAGMAS: ReadonlyArray<string> = [
  // Takes effect on an empty file only, and before WAL is set.
  "auto_vacuum = INCREMENTAL",
  "journal_mode = WAL",
  // What was answered is on disk: the WAL is flushed at each commit.
  "synchronous = FULL",
  "foreign_keys = ON",
  // SQLite would wait with the whole process: transactions wait for the lock in `patient` instead.
  "busy_timeout = 0",
  // Checkpoint the WAL at about 64 MB: a page that many commits touch is written back once. Cut the file back to that.
  "wal_autocheckpoint = 16000",
  "journal_size_limit = 67108864",
  // Negative: KiB. The page cache of the writer, which bounds its memory whatever the file's size.
  "cache_size = -32768",
];

const STATEMENT_JOURNALS = "temp_store = MEMORY";

const READER_PRAGMAS = ["query_only = ON", "busy_timeout = 5000", "cache_size = -16384"];

/** The client takes a file that cannot be opened for a bug in the program; it is asked before. */
const openable = (path: string, options: { readonly readOnly: boolean } = { readOnly: false }) =>
  Effect.try({
    try: () => new DatabaseSync(path, options).close(),
    catch: (cause) =>
      new DatabaseUnavailable({
        path,
        message: `The database ${path} cannot be opened: ${cause instanceof Error ? cause.message : String(cause)}. Look at its permissions and at the disk, or restore a backup.`,
        cause,
      }),
  });

/** The writer's connection: the only one that changes anything. Fails where the file cannot be opened or written. */
export const writerLayer = (
  filename: string,
): Layer.Layer<SqlClient.SqlClient, SqlError.SqlError | DatabaseUnavailable> =>
  Layer.effect(SqlClient.SqlClient, Effect.map(SqlClient.SqlClient, patient)).pipe(
    Layer.provide(nodeSqliteLayer({ filename, pragmas: WRITER_PRAGMAS, begin: "BEGIN IMMEDIATE" })),
    Layer.provide(Layer.effectDiscard(openable(filename))),
  );

/**
 * The writer's connection to a database that is brought up to date. A statement of many rows notes what it changes, to
 * take it back where one row is refused: from then on in memory, since what is beyond 64 KB would be written to a file.
 * Not before, and not for a `VACUUM`: those may note as much as the database holds.
 */
export const migratedLayer = (filename: string) =>
  Layer.effect(
    SqlClient.SqlClient,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient;
      const applied = yield* migrate();
      if (applied.length > 0) yield* Effect.logDebug(`Migrated the database: ${applied.join(", ")}`);
      yield* sql.unsafe(`PRAGMA ${STATEMENT_JOURNALS}`);
      return sql;
    }),
  ).pipe(Layer.provide(writerLayer(filename)));

/** A pipeline to a database that is up to date. Its thread may wait for the lock: the writer's connection writes, too. */
export const pipelineTo = (filename: string): Effect.Effect<Pipeline, never, Scope.Scope> =>
  openPipeline({ filename, pragmas: [...WRITER_PRAGMAS, STATEMENT_JOURNALS, "busy_timeout = 5000"] });

/** How long a transaction waits for another process (a backup, a shell) to give the lock back. */
const LOCK_PATIENCE = "5 seconds";
const LOCK_POLL = "20 millis";

/**
 * A transaction that cannot begin, since another process holds the lock, waits and begins again, and everything else goes
 * on meanwhile. What has begun has the lock, and is never run twice.
 */
const patient = (sql: SqlClient.SqlClient): SqlClient.SqlClient =>
  Object.assign(sql, { withTransaction: beginningPatiently(sql.withTransaction) });

const beginningPatiently =
  (withTransaction: SqlClient.SqlClient["withTransaction"]): SqlClient.SqlClient["withTransaction"] =>
  (transaction) =>
    Effect.suspend(() => {
      let begun = false;
      const noted = Effect.suspend(() => {
        begun = true;
        return transaction;
      });
      return withTransaction(noted).pipe(
        Effect.retry({
          while: (error) => !begun && SqlError.isSqlError(error) && error.reason._tag === "LockTimeoutError",
          schedule: Schedule.spaced(LOCK_POLL).pipe(Schedule.upTo({ duration: LOCK_PATIENCE })),
        }),
      );
    });

/** https://www.sqlite.org/rescode.html, primary codes: what is wrong, for a person, and what to do. */
const FAILURES: Readonly<Record<number, string>> = {
  5: "another process keeps the database locked; end it, or wait until it is done",
  6: "another process keeps the database locked; end it, or wait until it is done",
  8: "the database is read-only; give its file, its folder and its disk back to be written",
  10: "reading or writing the database failed; look at the disk, its quota, and whether its files may be written",
  11: "the database file is damaged; restore a backup",
  13: "the disk is full; make room on it",
  14: "the database file cannot be opened; look whether its folder is still there, and its permissions",
  26: "the file is no database; restore a backup",
};

/** What an error of SQLite says to a person: what is wrong, and what to do. */
export const explainSqlError = (error: SqlError.SqlError): string => {
  const { cause } = error.reason;
  const code =
    cause instanceof Error && "errcode" in cause && typeof cause.errcode === "number" ? cause.errcode : 0;
  const known = FAILURES[code & 0xff];
  return known === undefined ? error.message : `${known} (SQLite: ${error.message}, ${code})`;
};

/** The readers' client: snapshots and replays, never a write. */
export class Reader extends Context.Service<Reader, SqlClient.SqlClient>()("heddle/event-store/Reader") {}

/** Opens `filename`, which the writer has created, for reading. */
export const readerLayer = (filename: string): Layer.Layer<Reader, SqlError.SqlError> =>
  Layer.effect(Reader, SqlClient.SqlClient).pipe(
    Layer.provide(nodeSqliteLayer({ filename, pragmas: READER_PRAGMAS, begin: "BEGIN" })),
  );

/**
 * The file as another process than the server's reads it: nothing is created or written, and it fails where there is no
 * file. Beside a running server, its folder must be writable: SQLite keeps there who reads what.
 */
export const onlookerLayer = (
  filename: string,
): Layer.Layer<SqlClient.SqlClient, SqlError.SqlError | DatabaseUnavailable> =>
  nodeSqliteLayer({ filename, pragmas: READER_PRAGMAS, begin: "BEGIN", readOnly: true }).pipe(
    Layer.provide(Layer.effectDiscard(openable(filename, { readOnly: true }))),
  );
