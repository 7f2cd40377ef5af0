import { createHash } from "node:crypto";
import {
  ApprovalRequestId,
  CommandId,
  EventId,
  MessageId,
  SERVER_COMMAND_ID_PREFIX,
  type TurnId,
} from "@heddle/contracts/Ids";

/**
 * Ids of what the server makes derive from what caused it, so that the same cause taken in twice gives the same id and is
 * stored once. An agent's own ids may be of any length and form; the hash is neither.
 */
const derive = (prefix: string, parts: ReadonlyArray<string | number>): string =>
  `${prefix}:${createHash("sha256").update(JSON.stringify(parts)).digest("base64url").slice(0, 27)}`;

export const commandIdFrom = (prefix: string, ...parts: ReadonlyArray<string | number>): CommandId =>
  CommandId.make(SERVER_COMMAND_ID_PREFIX + derive(prefix, parts));

/** The command by which a turn begins. */
export const beginningOf = (turnId: TurnId): CommandId => commandIdFrom("turn-begin", turnId);

/** The event that everything in the turn is caused by. */
export const turnStartedEventId = (turnId: TurnId): EventId => EventId.make(`${beginningOf(turnId)}#1`);

export const messageIdFrom = (...parts: ReadonlyArray<string | number>): MessageId =>
  MessageId.make(derive("message", parts));

/** A UUID, as agents want one for what they are given: in the form of version 5, but by SHA-256. */
export const promptIdFrom = (messageId: MessageId): string => {
  const hex = createHash("sha256").update(`heddle prompt ${messageId}`).digest("hex");
  const variant = ((Number.parseInt(hex.charAt(16), 16) & 0x3) | 0x8).toString(16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `5${hex.slice(13, 16)}`,
    variant + hex.slice(17, 20),
    hex.slice(20, 32),
  ].join("-");
};

export const requestIdFrom = (...parts: ReadonlyArray<string | number>): ApprovalRequestId =>
  ApprovalRequestId.make(derive("request", parts));
