import { hash } from "node:crypto";
import {
  ApprovalRequestId,
  CommandId,
  EventId,
  MessageId,
  SERVER_COMMAND_ID_PREFIX,
  type TurnId,
} from "@heddle/contracts/Ids";

const digest = (text: string): string => hash("sha256", text, "base64url");

/**
 * Ids of what the server makes derive from what caused it, so that the same cause taken in twice gives the same id and is
 * stored once. An agent's own ids may be of any length and form; a digest is neither. It begins with the digest of the
 * first part alone, which is what the id belongs to: what happens in one turn, or in one thread, stands side by side in
 * every index, and a commit writes few of their pages.
 */
const derive = (prefix: string, parts: ReadonlyArray<string | number>): string =>
  `${prefix}:${digest(String(parts[0])).slice(0, 8)}${digest(JSON.stringify(parts)).slice(0, 19)}`;

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
  const hex = hash("sha256", `heddle prompt ${messageId}`, "hex");
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
