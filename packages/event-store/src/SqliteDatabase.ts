/**
 * The SQLite file, opened once for writing and once for reading (docs/adr/0004-sqlite-settings.md gives each pragma's
 * reason). Two connections, since on one a reader would have to wait for the writer's transaction.
 */
import { SqliteClient } from "@effect/sql-sqlite-node";
import { Context, Effect, Layer } from "effect";
import { SqlClient, type SqlError } from "effect/sql";

const WRITER_PRAGMAS = [
  // What was answered is on disk: the WAL is flushed at each commit.
  "synchronous = FULL",
  "foreign_keys = ON",
  // Another process (a backup, a shell) may hold the lock for a moment; a server does not, see DataDirectory.
  "busy_timeout = 5000",
  // Checkpoint the WAL at about 4 MB, and cut the file back to 64 MB after a burst.
  "wal_autocheckpoint = 1000",
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

/** The writer's connection: the only one that changes anything. Fails where the file cannot be opened or written. */
export const writerLayer = (filename: string): Layer.Layer<SqlClient.SqlClient, SqlError.SqlError> =>
  Layer.effect(
    SqlClient.SqlClient,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient;
      // Takes effect on an empty file only, and before WAL is set.
      yield* sql.unsafe("PRAGMA auto_vacuum = INCREMENTAL");
      yield* sql.unsafe("PRAGMA journal_mode = WAL");
      return sql;
    }),
  ).pipe(Layer.provide(withPragmas(WRITER_PRAGMAS, filename, true)));

/** The readers' client: snapshots and replays, never a write. */
export class Reader extends Context.Service<Reader, SqlClient.SqlClient>()("heddle/event-store/Reader") {}

/** Opens `filename`, which the writer has created, for reading. */
export const readerLayer = (filename: string): Layer.Layer<Reader, SqlError.SqlError> =>
  Layer.effect(Reader, SqlClient.SqlClient).pipe(Layer.provide(withPragmas(READER_PRAGMAS, filename, true)));
