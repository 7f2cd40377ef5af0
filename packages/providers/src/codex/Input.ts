/** A person's prompt as codex takes it. Pure. */
import type { Attachment } from "@heddle/contracts/Model";
import type { PromptInput } from "../shared/Provider.ts";
import type { UserInput } from "./Protocol.ts";

/** The input, or the attachment that codex cannot take. */
export const userInput = ({
  text,
  attachments,
}: Pick<PromptInput, "text" | "attachments">):
  | { readonly input: Array<UserInput> }
  | { readonly refused: Attachment } => {
  const input: Array<UserInput> = text === "" ? [] : [words(text)];
  for (const attachment of attachments) {
    const part = partOf(attachment);
    if (part === undefined) return { refused: attachment };
    input.push(part);
  }
  return { input };
};

const words = (text: string): UserInput => ({ type: "text", text, text_elements: [] });

const partOf = ({ name, mimeType, data }: Attachment): UserInput | undefined => {
  const url = `data:${mimeType};base64,${data}`;
  if (mimeType.startsWith("image/")) return { type: "image", url };
  if (mimeType.startsWith("audio/")) return { type: "audio", url };
  if (!mimeType.startsWith("text/") && mimeType !== "application/json") return undefined;
  return words(`${name}:\n\n${Buffer.from(data, "base64").toString("utf8")}`);
};
