/** The file system as it is read here: what is not there, or not any more, is nothing to tell of. */
import { readdir, stat } from "node:fs/promises";
import { Effect, Predicate } from "effect";
import { TranscriptFileError } from "./TranscriptSource.ts";

/** What becomes of anything that the file system refuses. */
export const failure = (operation: "list" | "read", file: string) => (cause: unknown) =>
  new TranscriptFileError({
    operation,
    file,
    message: `${file} could not be read: ${cause instanceof Error ? cause.message : String(cause)}`,
    cause,
  });

const unlessAbsent = <A, B>(effect: Effect.Effect<A, TranscriptFileError>, absent: B) =>
  Effect.catchIf(
    effect,
    ({ cause }) => Predicate.hasProperty(cause, "code") && cause.code === "ENOENT",
    () => Effect.succeed(absent),
  );

/** What is in a folder; nothing where there is none. */
export const entriesOf = (folder: string) =>
  unlessAbsent(
    Effect.tryPromise({
      try: () => readdir(folder, { withFileTypes: true }),
      catch: failure("list", folder),
    }),
    [],
  );

/** Undefined where there is no such file any more. */
export const statOf = (file: string) =>
  unlessAbsent(Effect.tryPromise({ try: () => stat(file), catch: failure("list", file) }), undefined);
