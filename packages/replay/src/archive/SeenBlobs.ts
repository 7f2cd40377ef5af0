/** Which blobs an archive has already, in a file of SQLite's own that nobody else sees: memory does not grow with them. */
import { DatabaseSync } from "node:sqlite";
import { Effect } from "effect";

/** Gives true for a hash that was not seen before. */
export const seenBlobs = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => {
      // A name that is empty makes a database which is gone when it closes.
      const database = new DatabaseSync("");
      database.exec("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -4096");
      database.exec("CREATE TABLE seen (hash BLOB NOT NULL PRIMARY KEY) WITHOUT ROWID");
      return database;
    }),
    (database) => Effect.sync(() => database.close()),
  ),
  (database) => {
    const insert = database.prepare("INSERT OR IGNORE INTO seen (hash) VALUES (?)");
    return (hash: string): boolean => insert.run(Buffer.from(hash, "hex")).changes === 1;
  },
);
