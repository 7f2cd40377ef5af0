/** A backup of a database while it is used: copied beside its place, looked at, and only then given its name. */
import { rename, stat } from "node:fs/promises";
import { Effect } from "effect";
import {
  type CopiedDatabase,
  copyDatabase,
  CopyFailed,
  type CopyProgress,
  fileWork,
  flush,
  inspectDatabase,
  removeDatabase,
} from "./CopyDatabase.ts";

export interface BackupRequest {
  readonly database: string;
  readonly to: string;
  /** Also where there is a file already. */
  readonly force: boolean;
  readonly onProgress?: (progress: CopyProgress) => Effect.Effect<void>;
}

export interface Backup extends CopiedDatabase {
  readonly bytes: number;
}

/** The name that a backup has until it is verified. One that a kill has left is begun anew. */
export const partialName = (to: string): string => `${to}.partial`;

/** Makes a backup, and gives what stands in it. */
export const backupDatabase = Effect.fn("Backup.backupDatabase")(function* ({
  database,
  to,
  force,
  onProgress,
}: BackupRequest): Effect.fn.Return<Backup, CopyFailed> {
  if (!force && (yield* isThere(to))) {
    return yield* new CopyFailed({
      path: to,
      reason: "exists",
      message: `${to} is there already. Choose another name, or overwrite it with --force.`,
    });
  }
  const partial = partialName(to);
  yield* removeDatabase(partial);
  const made = Effect.gen(function* () {
    yield* copyDatabase(database, partial, onProgress);
    const copied = yield* inspectDatabase(partial);
    const { size: bytes } = yield* fileWork(partial, "look at", () => stat(partial));
    yield* fileWork(to, "write", () => rename(partial, to));
    yield* flush(to);
    return { ...copied, bytes };
  });
  return yield* Effect.onError(made, () => Effect.ignore(removeDatabase(partial)));
});

const isThere = (path: string) =>
  Effect.promise(() =>
    stat(path).then(
      () => true,
      () => false,
    ),
  );
