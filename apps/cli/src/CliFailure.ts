/** What went wrong, for a person: what it was, and what to do next. */
import type { RejectionCode } from "@heddle/contracts/Errors";
import { Cause, Data, Predicate } from "effect";
import { CliError } from "effect/cli";
import { invocation, programName } from "./Environment.ts";

export type ExitCode = 1 | 2;

export class CliFailure extends Data.TaggedError("CliFailure")<{
  /** For programs: which failure it was. */
  readonly kind: string;
  readonly message: string;
  readonly hint?: string;
  /** More of what a program may want to know. */
  readonly details?: Readonly<Record<string, unknown>>;
  /** 1: it could not be done; 2: it was not asked for rightly. */
  readonly exitCode?: ExitCode;
  /** People have seen it already in what was printed. */
  readonly told?: boolean;
}> {}

/** Not asked for rightly. */
export const wrongUsage = (message: string, hint?: string): CliFailure =>
  new CliFailure({ kind: "wrong-usage", message, exitCode: 2, ...(hint !== undefined && { hint }) });

/** The failure that a cause stands for; undefined where nothing failed, it was only interrupted. */
export const failureOf = (cause: Cause.Cause<unknown>): CliFailure | undefined => {
  if (Cause.hasInterruptsOnly(cause)) return undefined;
  return explain(Cause.squash(cause));
};

const explain = (error: unknown): CliFailure => {
  if (error instanceof CliFailure) return error;
  if (CliError.isCliError(error)) return usageFailure(error);
  if (!Predicate.hasProperty(error, "_tag") || !Predicate.isString(error._tag)) return bug(error);
  return known(error as { readonly _tag: string }) ?? bug(error);
};

const usageFailure = (error: CliError.CliError): CliFailure => {
  if (error._tag !== "ShowHelp") return wrongUsage(oneParagraph(error.message));
  const command = error.commandPath.join(" ").replace(/^heddle/, programName);
  if (error.errors.length === 0) {
    return new CliFailure({
      kind: "wrong-usage",
      message: `${command} needs a command behind it.`,
      hint: `${command} --help shows those that there are.`,
      exitCode: 2,
      told: true,
    });
  }
  return wrongUsage(
    error.errors.map(({ message }) => oneParagraph(message)).join("\n"),
    `${command} --help shows what there is.`,
  );
};

/** Suggestions come on lines of their own, and some expectations in a schema's words. */
const oneParagraph = (message: string): string =>
  message
    .replaceAll("Expected: Schema validation failed: ", "")
    .replaceAll("a string representing a finite number", "a number")
    .replaceAll(/\s*\n\s*Did you mean this\?\s*\n\s*/g, ". Did you mean ")
    .replaceAll(/\s*\n\s*/g, ", ")
    .replace(/(Did you mean .+)$/, "$1?");

interface WireError {
  readonly _tag: string;
  readonly message?: string;
  readonly code?: RejectionCode;
  readonly issues?: ReadonlyArray<{ readonly path: string; readonly message: string }>;
}

/** Errors of the contract and of the server's start. */
const known = (error: WireError): CliFailure | undefined => {
  const message = error.message ?? error._tag;
  switch (error._tag) {
    case "CommandRejected": {
      const hint = error.code && hints[error.code];
      return new CliFailure({
        kind: error.code ?? "rejected",
        message: (error.code && messages[error.code]) ?? message,
        ...(hint !== undefined && { hint }),
      });
    }
    case "InvalidInput": {
      const issues = (error.issues ?? []).map((issue) => `${issue.path || "input"}: ${issue.message}`);
      return new CliFailure({ kind: "invalid-input", message: [message, ...issues].join("\n") });
    }
    case "ServerBusy":
      return new CliFailure({
        kind: "server-busy",
        message,
        hint: "Try again in a moment; nothing was changed.",
      });
    case "NotFound":
      return new CliFailure({ kind: "not-found", message });
    case "MaintenanceBusy":
      return new CliFailure({ kind: "maintenance-busy", message });
    case "StoreUnavailable":
      return new CliFailure({
        kind: "store-unavailable",
        message,
        hint: "The server's log says more. Look whether its disk is full or its folder was taken away.",
      });
    case "DiffUnavailable":
      return new CliFailure({ kind: "diff-unavailable", message });
    case "InternalError":
      return new CliFailure({
        kind: "internal-error",
        message,
        hint: "It is a bug in the server; please report it.",
      });
    case "CommandIdConflict":
    case "ServerOnlyCommand":
    case "UnknownMethod":
      return new CliFailure({
        kind: "protocol",
        message,
        hint: "This program and the server may be of different versions.",
      });
    case "DataDirectoryError":
      return new CliFailure({ kind: "data-directory", message });
    case "DataDirectoryInUse":
      return new CliFailure({ kind: "data-directory-in-use", message });
    case "DatabaseUnavailable":
      return new CliFailure({ kind: "database", message });
    case "ImportUnfinished":
      return new CliFailure({ kind: "import-unfinished", message });
    case "MigrationMismatch":
      return new CliFailure({
        kind: "migration-mismatch",
        message,
        hint: "Nothing was changed. Start the version of Heddle that wrote this database, or serve another --data-dir.",
      });
    default:
      return undefined;
  }
};

const bug = (error: unknown): CliFailure =>
  new CliFailure({
    kind: "unexpected",
    message: error instanceof Error ? `${error.name}: ${error.message}` : String(error),
    hint: "It is a bug in heddle; please report it. With --log-level debug the log says where it was.",
  });

/** The server's words where they speak of commands of the protocol rather than of this program. */
const messages: Partial<Record<RejectionCode, string>> = {
  "thread-archived": "The thread is archived.",
  "turn-in-progress": "A turn is in progress in this thread.",
  "steer-unsupported": "This agent takes no prompts during a turn.",
};

const hints: Partial<Record<RejectionCode, string>> = {
  "thread-archived": `Take it back with: ${invocation} thread archive ID --undo`,
  "turn-in-progress": `Wait for its end (${invocation} thread watch ID), interrupt it (${invocation} thread interrupt ID), or send a prompt with --queue or --steer.`,
  "queue-full": "Wait until some of them have run.",
  "steer-unsupported": "Send it with --queue, or interrupt the turn.",
  "project-deleted": `${invocation} project list shows the projects that there are.`,
  "request-not-found": `${invocation} thread show ID shows what is open.`,
  "request-kind-mismatch": `Approvals are answered with ${invocation} thread approve, questions with ${invocation} thread answer.`,
  "checkpoint-not-found": `${invocation} thread show ID shows the turns and their checkpoints.`,
};
