/**
 * Identifiers (SPEC section 1): branded strings, never bare.
 *
 * The first group is Heddle's own; a client makes the ids of what it creates. The second group belongs to an agent's
 * world: it lives in event metadata and in `provider_session_runtime`, and is never assigned to the first.
 */
import { Schema } from "effect";

/** Ids are kept in keys, file names and git refs (encoded there); this bound keeps each of those legal. */
export const MAX_ID_LENGTH = 200;

// Printable characters without spaces: an id can be copied from a terminal by a double click.
const Id = Schema.String.check(
  Schema.isMinLength(1),
  Schema.isMaxLength(MAX_ID_LENGTH),
  Schema.isPattern(/^[^\s\p{C}]+$/u, {
    message: "Expected an id: 1 to 200 characters, no spaces or control characters",
  }),
);

export const ThreadId = Id.pipe(Schema.brand("ThreadId"));
export type ThreadId = typeof ThreadId.Type;

export const ProjectId = Id.pipe(Schema.brand("ProjectId"));
export type ProjectId = typeof ProjectId.Type;

export const CommandId = Id.pipe(Schema.brand("CommandId"));
/** Ids of the server's own commands begin so; a client's may not. */
export const SERVER_COMMAND_ID_PREFIX = "heddle:";
export type CommandId = typeof CommandId.Type;

/** Event ids are made by the server from the id of the command that gave the event, so they may be longer. */
export const EventId = Schema.String.pipe(Schema.brand("EventId"));
export type EventId = typeof EventId.Type;

export const MessageId = Id.pipe(Schema.brand("MessageId"));
export type MessageId = typeof MessageId.Type;

/** Made by the server from the command that asked for the turn. */
export const TurnId = Schema.String.check(Schema.isMinLength(1)).pipe(Schema.brand("TurnId"));
export type TurnId = typeof TurnId.Type;

/** Of an approval or of an agent's question; made by the server. */
export const ApprovalRequestId = Schema.String.check(Schema.isMinLength(1)).pipe(
  Schema.brand("ApprovalRequestId"),
);
export type ApprovalRequestId = typeof ApprovalRequestId.Type;

/** Full name of a hidden git ref, such as `refs/heddle/…/1/end`. */
export const CheckpointRef = Schema.String.pipe(Schema.brand("CheckpointRef"));
export type CheckpointRef = typeof CheckpointRef.Type;

export const ProviderSessionId = Schema.String.pipe(Schema.brand("ProviderSessionId"));
export type ProviderSessionId = typeof ProviderSessionId.Type;

export const ProviderThreadId = Schema.String.pipe(Schema.brand("ProviderThreadId"));
export type ProviderThreadId = typeof ProviderThreadId.Type;

export const ProviderTurnId = Schema.String.pipe(Schema.brand("ProviderTurnId"));
export type ProviderTurnId = typeof ProviderTurnId.Type;

export const ProviderItemId = Schema.String.pipe(Schema.brand("ProviderItemId"));
export type ProviderItemId = typeof ProviderItemId.Type;
