/** Content that is kept apart from its event, as people see it: how it begins, and how to get the rest. Pure. */
import { BlobRef, type StoredAttachment } from "@heddle/contracts/Model";
import { Schema } from "effect";
import { invocation } from "../Environment.ts";
import { cleanLine } from "./Sanitize.ts";

const isRef = Schema.is(BlobRef);

export interface Previewed {
  /** With how each content begins in the place of what refers to it. */
  readonly json: Schema.Json;
  readonly refs: ReadonlyArray<BlobRef>;
}

export const withPreviews = (json: Schema.Json): Previewed => {
  const refs: Array<BlobRef> = [];
  const look = (value: Schema.Json): Schema.Json => {
    if (typeof value !== "object" || value === null) return value;
    if (isRef(value)) {
      refs.push(value);
      return value.preview;
    }
    if (Array.isArray(value)) return value.map(look);
    return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, look(entry)]));
  };
  return { json: look(json), refs };
};

/** `… 10.0 MiB in all: heddle blob show 5891b5…` */
export const blobHint = ({ $blob, bytes }: BlobRef): string =>
  `… ${byteSize(bytes)} in all: ${invocation} blob show ${$blob}`;

/** `[photo.png, image/png, 1.2 MiB: heddle blob show 5891b5…]` */
export const attachmentLine = (attachment: StoredAttachment): string => {
  const what = `${cleanLine(attachment.name)}, ${cleanLine(attachment.mimeType)}`;
  return "data" in attachment
    ? `[${what}]`
    : `[${what}, ${byteSize(attachment.bytes)}: ${invocation} blob show ${attachment.blob}]`;
};

const byteSize = (bytes: number): string => {
  if (bytes < 1024) return `${bytes} bytes`;
  return bytes < 1024 ** 2 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 1024 ** 2).toFixed(1)} MiB`;
};
