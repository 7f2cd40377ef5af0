/** A person's prompt as claude takes it. Pure. */
import type { SDKUserMessage } from "@anthropic-ai/claude-agent-sdk";
import type { Attachment } from "@heddle/contracts/Model";
import type { PromptInput } from "../shared/Provider.ts";

const IMAGES = ["image/gif", "image/jpeg", "image/png", "image/webp"] as const;
type Image = (typeof IMAGES)[number];

type Part =
  | { readonly type: "text"; readonly text: string }
  | {
      readonly type: "image";
      readonly source: { readonly type: "base64"; readonly media_type: Image; readonly data: string };
    }
  | {
      readonly type: "document";
      readonly title: string;
      readonly source: {
        readonly type: "base64";
        readonly media_type: "application/pdf";
        readonly data: string;
      };
    };

/** The content, or the attachment that claude cannot take. */
export const contentOf = ({
  text,
  attachments,
}: Pick<PromptInput, "text" | "attachments">):
  | { readonly content: string | Array<Part> }
  | { readonly refused: Attachment } => {
  if (attachments.length === 0) return { content: text };
  const parts: Array<Part> = [];
  for (const attachment of attachments) {
    const part = partOf(attachment);
    if (part === undefined) return { refused: attachment };
    parts.push(part);
  }
  // What is asked about them comes last, as claude reads it best.
  if (text !== "") parts.push({ type: "text", text });
  return { content: parts };
};

const partOf = ({ name, mimeType, data }: Attachment): Part | undefined => {
  const image = IMAGES.find((type) => type === mimeType);
  if (image !== undefined) return { type: "image", source: { type: "base64", media_type: image, data } };
  if (mimeType === "application/pdf") {
    return { type: "document", title: name, source: { type: "base64", media_type: mimeType, data } };
  }
  if (!mimeType.startsWith("text/") && mimeType !== "application/json") return undefined;
  return { type: "text", text: `${name}:\n\n${Buffer.from(data, "base64").toString("utf8")}` };
};

export const userMessage = (
  content: string | Array<Part>,
  uuid: NonNullable<SDKUserMessage["uuid"]>,
  priority?: "next",
): SDKUserMessage => ({
  type: "user",
  message: { role: "user", content },
  parent_tool_use_id: null,
  uuid,
  ...(priority === undefined ? {} : { priority }),
});
