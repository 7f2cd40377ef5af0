/**
 * Puts a backup in the place of a database that nobody uses. The backup is copied beside it, brought up to date and checked;
 * then a note says what is to be done, and from there on it is done, if need be by whoever comes next. So a kill leaves
 * the old database or the new one in its place, and never a part of both.
 */
import { link, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { checkLog } from "@heddle/event-store/LogLaws";
import { migrate } from "@heddle/event-store/Migrations";
import { writerLayer } from "@heddle/event-store/SqliteDatabase";
import { Clock, Effect, Schema } from "effect";
import { SqlClient } from "effect/sql";
import {
  type CopiedDatabase,
  copyDatabase,
  contentOf,
  CopyFailed,
  type CopyProgress,
  DATABASE_FILES,
  fileWork,
  flush,
  inspectDatabase,
  removeDatabase,
} from "./CopyDatabase.ts";
import { importMarkFile } from "../archive/ImportMark.ts";

export interface RestoreRequest {
  readonly backup: string;
  /** The caller holds the lock of its folder. */
  readonly database: string;
  readonly onProgress?: (progress: CopyProgress) => Effect.Effect<void>;
}

export interface Restored extends CopiedDatabase {
  /** Where the database is that was there before; null where there was none. */
  readonly aside: string | null;
}

const Note = Schema.fromJsonString(Schema.Struct({ aside: Schema.String }));

/** The copy, until it is in its place. */
const incoming = (database: string): string => `${database}.restoring`;
/** What is left to do. */
const noteFile = (database: string): string => `${database}.restore.json`;

/** Puts the backup in place, and says where the old database is now. */
export const restoreDatabase = Effect.fn("Restore.restoreDatabase")(function* ({
  backup,
  database,
  onProgress,
}: RestoreRequest): Effect.fn.Return<Restored, CopyFailed> {
  yield* finishRestore(database);
  // 1. The backup is one, and of no newer version.
  if (!(yield* isThere(backup))) {
    return yield* new CopyFailed({ path: backup, reason: "missing", message: `There is no file ${backup}.` });
  }
  yield* inspectDatabase(backup);
  // 2. A copy of it, with the present schema, keeps the laws.
  const copy = incoming(database);
  yield* removeDatabase(copy);
  const copied = yield* Effect.gen(function* () {
    yield* copyDatabase(backup, copy, onProgress);
    const found = yield* bringUpToDate(copy, backup);
    yield* flush(copy);
    return found;
  }).pipe(Effect.onError(() => Effect.ignore(removeDatabase(copy))));
  // 3. From the note on there is no way back but forward.
  const aside = (yield* isThere(database)) ? yield* asideName(database) : null;
  yield* writeNote(database, aside ?? (yield* asideName(database)));
  yield* finishRestore(database);
  return { ...copied, aside };
});

/** At a start: ends a restore that was killed after it had begun to change anything. True where there was one. */
export const finishRestore = Effect.fn("Restore.finishRestore")(function* (
  database: string,
): Effect.fn.Return<boolean, CopyFailed> {
  const text = yield* fileWork(noteFile(database), "read", () =>
    readFile(noteFile(database), "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw error;
    }),
  );
  if (text === undefined) return false;
  const { aside } = yield* Schema.decodeUnknownEffect(Note)(text).pipe(
    Effect.mapError(
      ({ message }) =>
        new CopyFailed({
          path: noteFile(database),
          reason: "unsound",
          message: `${noteFile(database)} cannot be read: ${message}`,
        }),
    ),
  );
  // Without the copy, it is in its place already.
  if (yield* isThere(incoming(database))) {
    yield* setAside(database, aside);
    yield* fileWork(database, "replace", () => rename(incoming(database), database));
    yield* flush(database);
    const mark = importMarkFile(database);
    yield* fileWork(mark, "remove", () => rm(mark, { force: true }));
  }
  yield* fileWork(noteFile(database), "remove", () => rm(noteFile(database), { force: true }));
  return true;
});

/**
 * The old file gets a second name, so that there is a database at each moment; what SQLite keeps beside it must be gone
 * before the new one comes, or it would be taken for that one's.
 */
const setAside = (database: string, aside: string) =>
  fileWork(aside, "put the present database aside as", async () => {
    if ((await exists(database)) && !(await exists(aside))) await link(database, aside);
    for (const suffix of DATABASE_FILES) {
      if (suffix !== "" && (await exists(database + suffix))) await rename(database + suffix, aside + suffix);
    }
  });

const writeNote = Effect.fnUntraced(function* (database: string, aside: string) {
  const file = noteFile(database);
  const fresh = `${file}.new`;
  yield* fileWork(file, "write", () => writeFile(fresh, JSON.stringify({ aside }), { mode: 0o600 }));
  yield* flush(fresh);
  yield* fileWork(file, "write", () => rename(fresh, file));
  yield* flush(file);
});

const asideName = (database: string) =>
  Effect.map(Clock.currentTimeMillis, (millis) => {
    const at = new Date(millis).toISOString().replaceAll(/[-:]|\.\d+/g, "");
    return join(dirname(database), `${basename(database)}.before-restore-${at}`);
  });

/** Migrates the copy, and holds its log against the laws. */
const bringUpToDate = (copy: string, backup: string) =>
  Effect.gen(function* () {
    yield* migrate();
    const sql = yield* SqlClient.SqlClient;
    const [violation] = yield* checkLog(sql, { limitPerLaw: 1 });
    if (violation !== undefined) {
      return yield* new CopyFailed({
        path: backup,
        reason: "unsound",
        message: `${backup} is not sound: ${violation.message}`,
      });
    }
    return yield* contentOf(sql);
  }).pipe(
    // Closed with the scope: what it has written is then in the file itself.
    Effect.provide(writerLayer(copy)),
    Effect.catchTags({
      SqlError: ({ message }) =>
        Effect.fail(
          new CopyFailed({
            path: copy,
            reason: "unwritable",
            message: `${copy} could not be written: ${message}.`,
          }),
        ),
      DatabaseUnavailable: ({ message }) =>
        Effect.fail(new CopyFailed({ path: copy, reason: "unwritable", message })),
      MigrationMismatch: ({ message }) =>
        Effect.fail(new CopyFailed({ path: backup, reason: "unknown-version", message })),
    }),
  );

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
const isThere = (path: string) => Effect.promise(() => exists(path));
