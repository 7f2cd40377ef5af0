/** Content by its hash, and what refers to it. Pure. */
import { createHash } from "node:crypto";
import type { BlobRef } from "@heddle/contracts/Model";

export interface Blob {
  /** SHA-256 of the content, in hexadecimal. */
  readonly hash: string;
  readonly content: Uint8Array;
}

const PREVIEW_CHARACTERS = 1000;

export const blobOf = (content: Uint8Array): Blob => ({
  hash: createHash("sha256").update(content).digest("hex"),
  content,
});

export const blobOfText = (text: string): Blob => blobOf(Buffer.from(text, "utf8"));

/** What stands in the place of `text`, which `blob` holds; `isJson` where it is the JSON of what stood there. */
export const refTo = ({ hash, content }: Blob, text: string, isJson = false): BlobRef => ({
  $blob: hash,
  bytes: content.length,
  preview: previewOf(text),
  ...(isJson && { json: true }),
});

/** The beginning, in whole characters. */
const previewOf = (text: string): string => {
  const head = text.slice(0, PREVIEW_CHARACTERS);
  return (/[\uD800-\uDBFF]$/.test(head) ? head.slice(0, -1) : head).toWellFormed();
};
