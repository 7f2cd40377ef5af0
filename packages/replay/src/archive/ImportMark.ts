/**
 * A file beside the database that says that an import is under way: what is there is a beginning of the archive, without
 * what was to happen because of its events. No server goes on with it until the import has come to its end.
 */
import { readFileSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Effect, Option, Schema } from "effect";
import { ArchiveFileError } from "./ArchiveErrors.ts";

const ImportMark = Schema.Struct({
  archive: Schema.String,
  /** Of the archive's manifest. */
  sha256: Schema.String,
  /** Where the log stood before the import began. */
  headBefore: Schema.Int,
});
export type ImportMark = typeof ImportMark.Type;

const MarkJson = Schema.fromJsonString(ImportMark);
const encode = Schema.encodeSync(MarkJson);

/** A server was to be started on a database that an import has left unfinished. */
export class ImportUnfinished extends Schema.TaggedError<ImportUnfinished>()("ImportUnfinished", {
  database: Schema.String,
  archive: Schema.String,
}) {
  override get message(): string {
    return `The import of ${this.archive} into ${this.database} was not finished. Run it again (heddle events import ${this.archive}): it goes on where it ended.`;
  }
}

/** Where the mark of a database is. It goes with the database: another one in its place is not half of an import. */
export const importMarkFile = (database: string): string => join(dirname(database), "import-unfinished.json");

/** The mark of a database, or undefined. */
export const findMark = (database: string): Effect.Effect<ImportMark | undefined, ArchiveFileError> =>
  Effect.try({
    try: () => {
      const text = readFileSync(importMarkFile(database), "utf8");
      // One that nobody can read says only that there was an import.
      return Option.getOrElse(Schema.decodeOption(MarkJson)(text), () => UNREADABLE);
    },
    catch: (cause) => new ArchiveFileError({ path: importMarkFile(database), operation: "read", cause }),
  }).pipe(
    Effect.catchIf(
      ({ cause }) => cause instanceof Error && "code" in cause && cause.code === "ENOENT",
      () => Effect.succeed(undefined),
    ),
  );

const UNREADABLE: ImportMark = { archive: "an archive", sha256: "", headBefore: 0 };

export const setMark = (database: string, mark: ImportMark) => {
  const path = importMarkFile(database);
  return Effect.tryPromise({
    try: async () => {
      const file = await open(`${path}.partial`, "w", 0o600);
      await file.writeFile(encode(mark));
      await file.sync();
      await file.close();
      await rename(`${path}.partial`, path);
    },
    catch: (cause) => new ArchiveFileError({ path, operation: "write", cause }),
  });
};

export const removeMark = (database: string) => {
  const path = importMarkFile(database);
  return Effect.tryPromise({
    try: () => rm(path, { force: true }),
    catch: (cause) => new ArchiveFileError({ path, operation: "remove", cause }),
  });
};

/** Fails where an import was not finished. */
export const refuseUnfinishedImport = Effect.fn("refuseUnfinishedImport")(function* (database: string) {
  const mark = yield* findMark(database);
  if (mark !== undefined) return yield* new ImportUnfinished({ database, archive: mark.archive });
});
