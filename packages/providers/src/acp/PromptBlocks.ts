/** A person's prompt as the content blocks that an agent says it takes. Pure. */
import type { ContentBlock } from "@agentclientprotocol/sdk";
import type { Attachment } from "@heddle/contracts/Model";
import type { PromptInput } from "../shared/Provider.ts";
import type { InitializeResponse } from "./Wire.ts";

type PromptCapabilities = NonNullable<InitializeResponse["agentCapabilities"]>["promptCapabilities"];

/** The blocks, or the name of the attachment that this agent cannot take. */
export const promptBlocks = (
  input: Pick<PromptInput, "text" | "attachments">,
  capabilities: PromptCapabilities,
): { readonly blocks: Array<ContentBlock> } | { readonly refused: Attachment } => {
  const blocks: Array<ContentBlock> = input.text === "" ? [] : [{ type: "text", text: input.text }];
  for (const attachment of input.attachments) {
    const block = blockOf(attachment, capabilities);
    if (block === undefined) return { refused: attachment };
    blocks.push(block);
  }
  return { blocks };
};

const blockOf = (
  { name, mimeType, data }: Attachment,
  capabilities: PromptCapabilities,
): ContentBlock | undefined => {
  if (mimeType.startsWith("image/") && capabilities?.image) return { type: "image", data, mimeType };
  if (mimeType.startsWith("audio/") && capabilities?.audio) return { type: "audio", data, mimeType };
  const uri = `attachment:///${encodeURIComponent(name)}`;
  const text = textOf(mimeType, data);
  if (capabilities?.embeddedContext) {
    const resource = text === undefined ? { uri, mimeType, blob: data } : { uri, mimeType, text };
    return { type: "resource", resource };
  }
  // Every agent takes text.
  return text === undefined ? undefined : { type: "text", text: `${name}:\n\n${text}` };
};

const textOf = (mimeType: string, data: string): string | undefined => {
  const isText = mimeType.startsWith("text/") || mimeType === "application/json";
  return isText ? Buffer.from(data, "base64").toString("utf8") : undefined;
};
