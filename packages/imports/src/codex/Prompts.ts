/** What a person said to codex. Codex puts much else into the same place: where it runs, instructions, what happened. */
import type { Attachment } from "@heddle/contracts/Model";
import { Schema } from "effect";
import { imageOfUrl } from "../Images.ts";
import { maybe, read } from "../Read.ts";

export interface Prompt {
  /** Empty where there are only pictures, or nothing of a person's at all. */
  readonly text: string;
  readonly images: ReadonlyArray<Attachment>;
  /** Where codex says that it runs. */
  readonly cwd: string | null;
}

const readMessage = read(
  Schema.Struct({
    type: Schema.Literal("message"),
    role: Schema.Literal("user"),
    content: Schema.Array(Schema.Unknown),
  }),
);
const readPart = read(
  Schema.Struct({ type: Schema.String, text: maybe(Schema.String), image_url: maybe(Schema.String) }),
);

/** A text that is one element as a whole: `<environment_context>…</environment_context>`. */
const ELEMENT = /^<([a-z_]+)(?:[ \w-]*)(?:\s[^>]*)?>[\s\S]*<\/\1[^>]*>$/;
const INJECTED = new Set([
  "environment_context",
  "user_instructions",
  "permissions",
  "skills_instructions",
  "skill",
  "apps_instructions",
  "plugins_instructions",
  "collaboration_mode",
  "turn_aborted",
  "model_switch",
  "user_shell_command",
  "subagent_notification",
  "session_context",
  "image",
]);
/** Editors put what is open in front of what was asked. */
const REQUEST = "## My request for Codex:";

/** Undefined where it is no message of a user's. */
export const promptOf = (payload: unknown): Prompt | undefined => {
  const message = readMessage(payload);
  if (message === undefined) return undefined;
  const texts: Array<string> = [];
  const images: Array<Attachment> = [];
  let cwd: string | null = null;
  for (const part of message.content) {
    const { text, image_url: url } = readPart(part) ?? {};
    if (typeof url === "string") {
      const image = imageOfUrl(url, images.length + 1);
      if (image === undefined) texts.push("[a picture that was not kept]");
      else images.push(image);
    }
    if (typeof text !== "string") continue;
    if (isInjected(text)) cwd = cwdIn(text) ?? cwd;
    else texts.push(requestIn(text));
  }
  return { text: texts.join("\n").trim(), images, cwd };
};

const isInjected = (text: string): boolean => {
  const trimmed = text.trim();
  if (trimmed.startsWith("# AGENTS.md instructions")) return true;
  // Around a picture, an element may be open in one part and closed in the next.
  if (/^<\/?image[^>]*>$/.test(trimmed)) return true;
  const name = ELEMENT.exec(trimmed)?.[1];
  return name !== undefined && INJECTED.has(name);
};

const cwdIn = (text: string): string | null =>
  /<cwd>([^<]+)<\/cwd>/.exec(text)?.[1] ?? /Current working directory: (\/.+)/.exec(text)?.[1] ?? null;

const requestIn = (text: string): string => {
  const at = text.startsWith("# Context from my IDE setup:") ? text.indexOf(REQUEST) : -1;
  return at === -1 ? text : text.slice(at + REQUEST.length).trim();
};
