/** What a person said to Claude. Claude Code puts much else into the same place: reminders, its own commands, results. */
import type { Attachment } from "@heddle/contracts/Model";
import { imageOf } from "../Images.ts";
import { type ClaudeLine, readBlock } from "./ClaudeLine.ts";

export interface Prompt {
  readonly text: string;
  readonly images: ReadonlyArray<Attachment>;
}

const REMINDERS = /<system-reminder>[\s\S]*?<\/system-reminder>/g;
/** A text that is one of Claude Code's own elements, or begins with it: commands, what they printed, what it tells itself. */
const INJECTED =
  /^<(command-name|command-message|command-args|local-command-stdout|local-command-stderr|local-command-caveat|bash-input|bash-stdout|bash-stderr|task-notification|teammate-message|user-memory-input|session-start-hook|ide_[a-z_]+)\b[^>]*>/;
const INTERRUPTED = /^\[Request interrupted by user/;

export const isInterruption = (text: string): boolean => INTERRUPTED.test(text.trim());

/** The prompt that a line is; undefined where it is none. */
export const promptOf = (line: ClaudeLine): Prompt | undefined => {
  if (line.isSidechain === true || line.isMeta === true || line.isCompactSummary === true) return undefined;
  if (line.type === "user") return promptIn(line.message?.content);
  // Said while Claude was at work, and taken in with the next result.
  if (line.type === "attachment" && line.attachment?.type === "queued_command") {
    const { commandMode, prompt } = line.attachment;
    return commandMode === "prompt" || commandMode === undefined ? promptIn(prompt) : undefined;
  }
  return undefined;
};

const promptIn = (content: unknown): Prompt | undefined => {
  const texts: Array<string> = [];
  const images: Array<Attachment> = [];
  if (typeof content === "string") texts.push(wordsIn(content));
  for (const part of Array.isArray(content) ? content : []) {
    const block = readBlock(part);
    if (block?.type === "text") texts.push(wordsIn(block.text ?? ""));
    if (block?.type === "image") {
      const { media_type: mimeType, data } = block.source ?? {};
      const image = mimeType && data ? imageOf(mimeType, data, images.length + 1) : undefined;
      if (image === undefined) texts.push("[a picture that was not kept]");
      else images.push(image);
    }
    if (block?.type === "document") texts.push("[a document that was not kept]");
  }
  const text = texts
    .filter((words) => words !== "")
    .join("\n")
    .toWellFormed();
  return text === "" && images.length === 0 ? undefined : { text, images };
};

const wordsIn = (text: string): string => {
  const words = text.replaceAll(REMINDERS, "").trim();
  return INJECTED.test(words) ||
    words.startsWith("Caveat: The messages below were generated") ||
    isInterruption(words)
    ? ""
    : words;
};
