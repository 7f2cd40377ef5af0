/** What goes wrong below the service, which adds the operation and the workspace and makes a `CheckpointError` of it. */
import { access } from "node:fs/promises";
import { Effect, Schema } from "effect";

export const FailureReason = Schema.Literals([
  "not-a-directory",
  "git-not-found",
  "git-failed",
  "timeout",
  "missing",
  "refused",
  "io-failed",
]);
export type FailureReason = typeof FailureReason.Type;

export class Failure extends Schema.TaggedError<Failure>()("CheckpointFailure", {
  reason: FailureReason,
  /** What was wrong and what to do, for a person. */
  message: Schema.String,
  /** The end of git's stderr, or the operating system's own words. Bounded. */
  detail: Schema.String,
}) {}

/**
 * Runs work on the file system. Errors: `io-failed`; `task` completes the sentence "Could not …".
 *
 * Work that expects an error (a file that is not there) handles it by its code with `unless`.
 */
export const attempt = <A>(task: string, work: () => Promise<A>): Effect.Effect<A, Failure> =>
  Effect.tryPromise({
    try: work,
    catch: (cause) =>
      new Failure({
        reason: "io-failed",
        message: `Could not ${task}. Check the permissions and the free space of that disk, then try again.`,
        detail: String(cause).slice(0, 1000),
      }),
  });

/** Gives `fallback` where the work fails with one of these system error codes; any other error goes on. */
export const unless = async <A, B>(
  codes: ReadonlyArray<string>,
  fallback: B,
  work: Promise<A>,
): Promise<A | B> => {
  try {
    return await work;
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && codes.some((code) => code === cause.code)) {
      return fallback;
    }
    throw cause;
  }
};

/** ENOTDIR: a parent of the path is a file, so nothing can be at the path. */
export const ABSENT = ["ENOENT", "ENOTDIR"];

export const exists = (path: string): Effect.Effect<boolean, Failure> =>
  attempt(`look at ${path}`, () =>
    unless(
      ABSENT,
      false,
      access(path).then(() => true),
    ),
  );
