/** Typed failures of the RPC methods (SPEC section 3). Each says what was wrong, where, and what to do. */
import { Schema } from "effect";
import { CommandId } from "./Ids.ts";

/** What was sent does not have the form that the method takes. Nothing was changed. */
export class InvalidInput extends Schema.TaggedError<InvalidInput>()("InvalidInput", {
  /** Method that was called, or "" where the frame itself could not be read. */
  method: Schema.String,
  message: Schema.String,
  /** One entry for each thing that is wrong; `path` as in `message.attachments[0].name`, "" for the whole. */
  issues: Schema.Array(Schema.Struct({ path: Schema.String, message: Schema.String })),
}) {}

/** The method does not exist. */
export class UnknownMethod extends Schema.TaggedError<UnknownMethod>()("UnknownMethod", {
  method: Schema.String,
  message: Schema.String,
}) {}

/** A command that the server alone may give. */
export class ServerOnlyCommand extends Schema.TaggedError<ServerOnlyCommand>()("ServerOnlyCommand", {
  commandType: Schema.String,
  message: Schema.String,
}) {}

/** Why a command was refused: one code for each rule. */
export const RejectionCode = Schema.Literals([
  "project-not-found",
  "project-exists",
  "project-deleted",
  "thread-not-found",
  "thread-exists",
  "thread-deleted",
  "thread-archived",
  "thread-not-archived",
  "nothing-to-update",
  "turn-in-progress",
  "turn-not-found",
  "no-turn-in-progress",
  "message-exists",
  "queue-full",
  "steer-unsupported",
  "request-not-found",
  "request-closed",
  "request-kind-mismatch",
  "answer-missing",
  "checkpoint-not-found",
  "revert-in-progress",
  "no-session",
  "worktree-conflict",
]);
export type RejectionCode = typeof RejectionCode.Type;

/** The command is well formed but breaks a rule. It left a receipt: the same command again gives this again. */
export class CommandRejected extends Schema.TaggedError<CommandRejected>()("CommandRejected", {
  commandId: CommandId,
  commandType: Schema.String,
  code: RejectionCode,
  message: Schema.String,
}) {}

/** The command id was used before, for a command with another body. Nothing was changed. */
export class CommandIdConflict extends Schema.TaggedError<CommandIdConflict>()("CommandIdConflict", {
  commandId: CommandId,
  message: Schema.String,
}) {}

/** More commands wait than the server takes. Nothing was changed: send the same command again after a moment. */
export class ServerBusy extends Schema.TaggedError<ServerBusy>()("ServerBusy", {
  message: Schema.String,
}) {}

/** The database did not take or give the data. Nothing half-written is kept. `retryable`: the same call may work later. */
export class StoreUnavailable extends Schema.TaggedError<StoreUnavailable>()("StoreUnavailable", {
  operation: Schema.String,
  retryable: Schema.Boolean,
  message: Schema.String,
}) {}

/** Something that was asked for by id is not there. */
export class NotFound extends Schema.TaggedError<NotFound>()("NotFound", {
  kind: Schema.Literals(["project", "thread", "checkpoint", "diff", "event", "blob", "command", "agent"]),
  id: Schema.String,
  message: Schema.String,
}) {}

/** A diff cannot be given, since git cannot make it any more. */
export class DiffUnavailable extends Schema.TaggedError<DiffUnavailable>()("DiffUnavailable", {
  message: Schema.String,
}) {}

/** A bug in the server, with its reference in the server's log. Nothing half-written is kept. */
export class InternalError extends Schema.TaggedError<InternalError>()("InternalError", {
  reference: Schema.String,
  message: Schema.String,
}) {}

export const DispatchError = Schema.Union([
  InvalidInput,
  ServerOnlyCommand,
  CommandRejected,
  CommandIdConflict,
  ServerBusy,
  StoreUnavailable,
  InternalError,
]);
export type DispatchError = typeof DispatchError.Type;

export const ReadError = Schema.Union([
  InvalidInput,
  NotFound,
  DiffUnavailable,
  StoreUnavailable,
  InternalError,
]);
export type ReadError = typeof ReadError.Type;
