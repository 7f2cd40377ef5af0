/**
 * The SQLite file, opened once for writing and once for reading (docs/adr/0004-sqlite-settings.md gives each pragma's
 * reason). Two connections, since on one a reader would have to wait for the writer's transaction.
 */
import { DatabaseSync } from "node:sqlite";
import { SqliteClient } from "@effect/sql-sqlite-node";
import { Context, Effect, Layer, Schema } from "effect";
import { SqlClient, type SqlConnection, type SqlError } from "effect/sql";

/** The database file cannot be opened at all. */
export class DatabaseUnavailable extends Schema.TaggedError<DatabaseUnavailable>()("DatabaseUnavailable", {
  path: Schema.String,
  message: Schema.String,
  cause: Schema.Defect(),
}) {}

const WRITER_PRAGMAS = [
  // What was answered is on disk: the WAL is flushed at each commit.
  "synchronous = FULL",
  "foreign_keys = ON",
  // Another process (a backup, a shell) may hold the lock for a moment; a server does not, see DataDirectory.
  "busy_timeout = 5000",
  // Checkpoint the WAL at about 32 MB: a page that many commits touch is written back once. Cut the file back to 64 MB.
  "wal_autocheckpoint = 8000",
  "journal_size_limit = 67108864",
  // Negative: KiB. The page cache of the writer, which bounds its memory whatever the file's size.
  "cache_size = -32768",
];

const READER_PRAGMAS = ["query_only = ON", "busy_timeout = 5000", "cache_size = -16384"];

const withPragmas = (pragmas: ReadonlyArray<string>, filename: string, disableWAL: boolean) =>
  Layer.effect(
    SqlClient.SqlClient,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient;
      for (const pragma of pragmas) yield* sql.unsafe(`PRAGMA ${pragma}`);
      return sql;
    }),
  ).pipe(Layer.provide(SqliteClient.layer({ filename, disableWAL })));

/** The client takes a file that cannot be opened for a bug in the program; it is asked before. */
const openable = (path: string) =>
  Effect.try({
    try: () => new DatabaseSync(path).close(),
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
  Layer.effect(
    SqlClient.SqlClient,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient;
      // Takes effect on an empty file only, and before WAL is set.
      yield* sql.unsafe("PRAGMA auto_vacuum = INCREMENTAL");
      yield* sql.unsafe("PRAGMA journal_mode = WAL");
      return Object.assign(sql, { withTransaction: recoveringTransactions(sql) });
    }),
  ).pipe(
    Layer.provide(withPragmas(WRITER_PRAGMAS, filename, true)),
    Layer.provide(Layer.effectDiscard(openable(filename))),
  );

/**
 * Transactions that leave a clean connection behind, whatever fails. SQLite ends a transaction by itself after some errors
 * (a full disk), where a ROLLBACK then fails, and keeps it open after others (a failed COMMIT); the driver cannot be
 * asked which (https://www.sqlite.org/lang_transaction.html, 2.3). So a ROLLBACK may fail here, and a BEGIN that finds a
 * transaction open ends it and tries once more.
 */
const recoveringTransactions = (sql: SqlClient.SqlClient) => {
  const run = (connection: SqlConnection.Connection, statement: string) =>
    Effect.asVoid(connection.executeUnprepared(statement, [], undefined));
  const rollback = (connection: SqlConnection.Connection) =>
    run(connection, "ROLLBACK").pipe(
      Effect.catchTag("SqlError", (error) => Effect.logDebug("No transaction was left to roll back", error)),
    );
  const begin = (connection: SqlConnection.Connection) => run(connection, "BEGIN IMMEDIATE");
  return SqlClient.makeWithTransaction({
    transactionService: sql.transactionService,
    spanAttributes: [],
    acquireConnection: (restore) => restore(sql.reserve),
    begin: (connection) =>
      begin(connection).pipe(
        Effect.catchTag("SqlError", () => Effect.andThen(rollback(connection), begin(connection))),
      ),
    savepoint: (connection, id) => run(connection, `SAVEPOINT heddle_${id}`),
    commit: (connection) => run(connection, "COMMIT"),
    onCommitFailure: rollback,
    rollback,
    rollbackSavepoint: (connection, id) => run(connection, `ROLLBACK TO SAVEPOINT heddle_${id}`),
  });
};

/** The readers' client: snapshots and replays, never a write. */
export class Reader extends Context.Service<Reader, SqlClient.SqlClient>()("heddle/event-store/Reader") {}

/** Opens `filename`, which the writer has created, for reading. */
export const readerLayer = (filename: string): Layer.Layer<Reader, SqlError.SqlError> =>
  Layer.effect(Reader, SqlClient.SqlClient).pipe(Layer.provide(withPragmas(READER_PRAGMAS, filename, true)));
