/** What can be wrong with an archive, for a person. */
import type {
  ArchiveDatabaseError,
  ArchiveFileExists,
  ImportProblem,
  LogEndsBefore,
  NoLog,
} from "@heddle/replay/archive/ArchiveErrors";
import { CliFailure } from "../../CliFailure.ts";
import { invocation } from "../../Environment.ts";

export type ArchiveProblem = ImportProblem | ArchiveDatabaseError | ArchiveFileExists | LogEndsBefore | NoLog;

const NOT_CHANGED = "Nothing was changed.";

/** Kind and hint; the errors' own words say what was wrong, and where. */
const known: { readonly [Tag in ArchiveProblem["_tag"]]: readonly [kind: string, hint?: string] } = {
  ArchiveFileError: ["archive-file"],
  ArchiveFileExists: ["file-exists", "Give another name, or --force to replace it."],
  LogEndsBefore: ["log-ends-before"],
  NoLog: ["database", "Look whether --data-dir or HEDDLE_HOME name the right folder."],
  ArchiveDamaged: ["archive-damaged"],
  ArchiveTooNew: ["archive-too-new", NOT_CHANGED],
  ArchiveOfThreads: ["archive-of-threads", NOT_CHANGED],
  ArchiveGap: ["archive-gap", NOT_CHANGED],
  ArchiveConflict: ["archive-conflict", NOT_CHANGED],
  ArchiveDatabaseError: [
    "database",
    `Nothing is lost: do it again after that. ${invocation} db check says whether the database is sound.`,
  ],
};

const isProblem = (error: { readonly _tag: string }): error is ArchiveProblem =>
  Object.hasOwn(known, error._tag);

/** Errors of archives; others are explained with all the rest. */
export const archiveFailure = <E extends { readonly _tag: string }>(
  error: E,
): CliFailure | Exclude<E, ArchiveProblem> => {
  if (!isProblem(error)) return error as Exclude<E, ArchiveProblem>;
  const [kind, hint] = known[error._tag];
  const { _tag: _, message, ...details } = { ...error, message: error.message };
  return new CliFailure({ kind, message, ...(hint !== undefined && { hint }), details });
};
