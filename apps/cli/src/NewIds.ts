/** Ids of what this program creates: readable where people type them, random where nobody does. */
import { randomBytes, randomUUID } from "node:crypto";
import { CommandId, MessageId, ProjectId, ThreadId } from "@heddle/contracts/Ids";

/** Neither vowels, so that no words come out, nor what is mistaken for something else. */
const ALPHABET = "23456789bcdfghjkmnpqrstvwxz";
const SUFFIX_LENGTH = 4;
const SLUG_LENGTH = 24;

export const newCommandId = (): CommandId => CommandId.make(`cli-${randomUUID()}`);
export const newMessageId = (): MessageId => MessageId.make(`message-${randomUUID()}`);
export const newProjectId = (title: string): ProjectId => ProjectId.make(readableId(title, "project"));
export const newThreadId = (title: string): ThreadId => ThreadId.make(readableId(title, "thread"));

/** `fix-the-login-7f3k` from `Fix the login!`. */
export const readableId = (title: string, otherwise: string): string =>
  `${slug(title) || otherwise}-${suffix()}`;

const slug = (title: string): string => {
  const words = title
    .normalize("NFKD")
    .replaceAll(/\p{Mark}/gu, "")
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== "");
  let text = "";
  for (const word of words) {
    const longer = text === "" ? word : `${text}-${word}`;
    if (longer.length > SLUG_LENGTH) break;
    text = longer;
  }
  return text || (words[0] ?? "").slice(0, SLUG_LENGTH);
};

const suffix = (): string =>
  Array.from(randomBytes(SUFFIX_LENGTH), (byte) => ALPHABET[byte % ALPHABET.length]).join("");
