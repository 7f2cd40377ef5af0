/**
 * A whole, consistent copy of a database that others go on writing: `VACUUM INTO`, which reads one moment of it and copies
 * no free pages, so that nothing that was pruned is in the copy (docs/adr/0019-retention.md).
 */
import { once } from "node:events";
import { open, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { Worker } from "node:worker_threads";
import { ledgerOf } from "@heddle/event-store/Migrations";
import { eventReads } from "@heddle/event-store/EventStore";
import { onlookerLayer } from "@heddle/event-store/SqliteDatabase";
import { Effect, Schedule, Schema } from "effect";
import { SqlClient, type SqlError } from "effect/sql";
import { checkFile, isDamage } from "./DatabaseCheck.ts";

/** A copy of a database could not be made, or is not a sound one. Nothing was put in anyone's place. */
export class CopyFailed extends Schema.TaggedError<CopyFailed>()("CopyFailed", {
  path: Schema.String,
  reason: Schema.Literals(["exists", "missing", "unwritable", "unsound", "unknown-version"]),
  message: Schema.String,
}) {}

export interface CopyProgress {
  /** Bytes of the copy so far. */
  readonly done: number;
  /** Of the original: the copy has as many or fewer. */
  readonly total: number;
}

/** What stands in a database. */
export interface CopiedDatabase {
  readonly headSequence: number;
  readonly events: number;
  /** Migrations that it has not had. */
  readonly pending: ReadonlyArray<string>;
}

const wordsOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));

export const fileWork = <A>(path: string, doing: string, run: () => Promise<A>) =>
  Effect.tryPromise({
    try: run,
    catch: (cause) =>
      new CopyFailed({
        path,
        reason: "unwritable",
        message: `Could not ${doing} ${path}: ${wordsOf(cause)}.`,
      }),
  });

const sizeOf = (path: string) =>
  Effect.promise(() =>
    stat(path).then(
      ({ size }) => size,
      () => 0,
    ),
  );

/** Copies to a new file, mode 0600, flushed to disk. `to` must not be there. The copy is made on a thread of its own. */
export const copyDatabase = Effect.fn("CopyDatabase.copyDatabase")(function* (
  from: string,
  to: string,
  onProgress: (progress: CopyProgress) => Effect.Effect<void> = () => Effect.void,
): Effect.fn.Return<void, CopyFailed> {
  yield* fileWork(to, "write", async () => (await open(to, "wx", 0o600)).close());
  const total = yield* sizeOf(from);
  const copied = Effect.callback<void, CopyFailed>((resume) => {
    const worker = new Worker(new URL("./CopyThread.ts", import.meta.url), { workerData: { from, to } });
    const failed = (cause: unknown) =>
      new CopyFailed({
        path: to,
        reason: "unwritable",
        message: `${from} could not be copied to ${to}: ${wordsOf(cause)}.`,
      });
    once(worker, "exit").then(
      () => resume(Effect.void),
      (cause) => resume(Effect.fail(failed(cause))),
    );
    return Effect.promise(() => worker.terminate());
  });
  const watched = Effect.flatMap(sizeOf(to), (done) => onProgress({ done, total })).pipe(
    Effect.repeat(Schedule.spaced("200 millis")),
  );
  yield* Effect.raceFirst(copied, watched);
  yield* flush(to);
});

/** Flushes a file, and the folder that names it. */
export const flush = (path: string): Effect.Effect<void, CopyFailed> =>
  fileWork(path, "flush", async () => {
    for (const place of [path, dirname(path)]) {
      const handle = await open(place, "r");
      try {
        await handle.sync();
      } finally {
        await handle.close();
      }
    }
  });

/** A database file with what SQLite keeps beside it. */
export const DATABASE_FILES = ["", "-wal", "-shm", "-journal"] as const;

/** Removes what a run that was killed has left. */
export const removeDatabase = (path: string): Effect.Effect<void, CopyFailed> =>
  fileWork(path, "remove", async () => {
    for (const suffix of DATABASE_FILES) await rm(path + suffix, { force: true });
  });

/** What stands in a database with the present schema. */
export const contentOf = Effect.fnUntraced(function* (
  sql: SqlClient.SqlClient,
): Effect.fn.Return<CopiedDatabase, SqlError.SqlError> {
  const [row] = yield* sql<{ events: number }>`SELECT count(*) AS events FROM orchestration_events`;
  return { headSequence: yield* eventReads(sql).head, events: row?.events ?? 0, pending: [] };
});

/** Opens a database, and says what stands in it; fails where it is damaged, of a newer version, or none of Heddle. */
export const inspectDatabase = Effect.fn("CopyDatabase.inspectDatabase")(function* (
  path: string,
): Effect.fn.Return<CopiedDatabase, CopyFailed> {
  const unsound = (message: string) => new CopyFailed({ path, reason: "unsound", message });
  return yield* Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient;
    const [damage] = yield* checkFile(sql, false, 1);
    if (damage !== undefined) return yield* unsound(`${path} is damaged. ${damage.message}`);
    const { known, pending, mismatch } = yield* ledgerOf(sql);
    if (!known) return yield* unsound(`${path} is no database of Heddle.`);
    if (mismatch !== undefined) {
      return yield* new CopyFailed({ path, reason: "unknown-version", message: mismatch.message });
    }
    if (pending.length === 0) return yield* contentOf(sql);
    // Earlier versions have taken nothing out of the log.
    const [row] = yield* sql<{ events: number; headSequence: number }>`
      SELECT count(*) AS events, coalesce(max(sequence), 0) AS "headSequence" FROM orchestration_events`;
    return { events: row?.events ?? 0, headSequence: row?.headSequence ?? 0, pending };
  }).pipe(
    Effect.provide(onlookerLayer(path)),
    Effect.catchTag("DatabaseUnavailable", ({ message }) => Effect.fail(unsound(message))),
    Effect.catchTag("SqlError", (error) =>
      Effect.fail(
        unsound(
          isDamage(error)
            ? `${path} is damaged, or no database: ${error.message}.`
            : `${path}: ${error.message}.`,
        ),
      ),
    ),
  );
});
