/**
 * A lock that the operating system gives back when its holder dies, however it dies: SQLite's own, on a file of its own.
 * A pid in a file alone would outlive a crash, and two servers that start at once would both believe it.
 */
import { DatabaseSync } from "node:sqlite";
import { Effect, Schema } from "effect";

/** Another process holds the lock, or the file cannot be used as one. */
export class LockUnavailable extends Schema.TaggedError<LockUnavailable>()("LockUnavailable", {
  path: Schema.String,
  held: Schema.Boolean,
  cause: Schema.Defect(),
}) {
  override get message(): string {
    return this.held ? `${this.path} is locked by another process.` : `${this.path} could not be locked.`;
  }
}

// https://www.sqlite.org/rescode.html#busy
const SQLITE_BUSY = 5;

/** Takes the lock for as long as the scope is open; does not wait. */
export const acquireExclusiveLock = (path: string) =>
  Effect.acquireRelease(
    Effect.try({
      try: () => {
        const database = new DatabaseSync(path);
        try {
          database.exec("PRAGMA busy_timeout = 0; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
          return database;
        } catch (cause) {
          database.close();
          throw cause;
        }
      },
      catch: (cause) => new LockUnavailable({ path, held: isBusy(cause), cause }),
    }),
    (database) => Effect.sync(() => database.close()),
  ).pipe(Effect.asVoid);

const isBusy = (cause: unknown): boolean =>
  cause instanceof Error &&
  "errcode" in cause &&
  typeof cause.errcode === "number" &&
  (cause.errcode & 0xff) === SQLITE_BUSY;
