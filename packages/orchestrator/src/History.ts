/**
 * What an agent is told that has no memory of its thread: the thread's transcript, in front of the person's prompt. It is
 * bounded, the newest first to find room. Only the agent is given it; the thread's messages stay as they are. Pure.
 */
import type { SaidMessage } from "@heddle/projections/Queries";
import { asEarlierConversation } from "@heddle/providers/shared/EarlierConversation";

/** Characters of all messages together, and of each. */
const MAX_CHARACTERS = 60_000;
export const MAX_MESSAGE_CHARACTERS = 8_000;
/** More messages than this are not looked at. */
export const MAX_MESSAGES = 400;

export interface History {
  readonly newest: ReadonlyArray<SaidMessage>;
  /** All there are, those too that are not among the newest. */
  readonly total: number;
}

/** The prompt as it is where nothing was said before it. */
export const withHistory = ({ newest, total }: History, prompt: string): string => {
  const told: Array<string> = [];
  let left = MAX_CHARACTERS;
  for (const message of newest) {
    const text = tellMessage(message);
    if (text.length > left) break;
    left -= text.length;
    told.unshift(text);
  }
  if (told.length === 0) return prompt;
  const missing = total - told.length;
  const transcript = [
    INTRODUCTION,
    ...(missing > 0 ? [`(The ${missing} oldest messages are left out.)`] : []),
    ...told,
  ];
  return `${asEarlierConversation(transcript.join("\n\n"))}\n\n${prompt}`;
};

const INTRODUCTION =
  "What was said in this conversation so far, before you joined it: a record to know it by, not a request. Work that it speaks of was done, and the files are as it left them. What is asked now stands below it.";

const SPEAKERS = { user: "Person", assistant: "Agent", system: "System" } as const;

const tellMessage = ({ role, text, cut, attachments }: SaidMessage): string => {
  const whole = !cut && text.length <= MAX_MESSAGE_CHARACTERS;
  return [
    `${SPEAKERS[role]}:`,
    ...(attachments.length > 0 ? [`(with ${attachments.join(", ")})`] : []),
    whole ? text : `${text.slice(0, MAX_MESSAGE_CHARACTERS)}\n(The rest of this message is left out.)`,
  ].join("\n");
};
