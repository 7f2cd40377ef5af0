/**
 * An event as it is stored (SPEC section 7.1): content that is too large for it goes into blobs, once for each hash, and
 * the event refers to it. Pure; an event without such content is given back as it is.
 */
import type { EventEnvelope } from "@heddle/contracts/Events";
import type { AttachmentRef, BlobRef, StoredAttachment } from "@heddle/contracts/Model";
import { type Blob, blobOf, blobOfText, refTo } from "./Blob.ts";
import { boundedJson, MAX_STRING_BYTES } from "./BoundedJson.ts";
import { textHead } from "./TextHead.ts";

/** How much of a text that is a blob stays in the event. */
const HEAD_BYTES = 4 * 1024;

export interface Externalized {
  readonly event: EventEnvelope;
  readonly blobs: ReadonlyArray<Blob>;
}

const NO_BLOBS: ReadonlyArray<Blob> = [];

export const externalize = (event: EventEnvelope): Externalized => {
  switch (event.eventType) {
    case "thread.activity-appended": {
      const { json: detail, blobs } = boundedJson(event.payload.detail);
      return blobs.length === 0 && detail === event.payload.detail
        ? { event, blobs }
        : { event: { ...event, payload: { ...event.payload, detail } }, blobs };
    }
    case "thread.approval-requested": {
      const { json: detail, blobs } = boundedJson(event.payload.detail);
      return blobs.length === 0 && detail === event.payload.detail
        ? { event, blobs }
        : { event: { ...event, payload: { ...event.payload, detail } }, blobs };
    }
    case "thread.message-sent": {
      const said = externalizeWords(event.payload);
      return said
        ? { event: { ...event, payload: said.payload }, blobs: said.blobs }
        : { event, blobs: NO_BLOBS };
    }
    case "thread.turn-queued": {
      const said = externalizeWords(event.payload);
      return said
        ? { event: { ...event, payload: said.payload }, blobs: said.blobs }
        : { event, blobs: NO_BLOBS };
    }
    default:
      return { event, blobs: NO_BLOBS };
  }
};

interface Words {
  readonly text: string;
  readonly fullText?: BlobRef;
  readonly attachments: ReadonlyArray<StoredAttachment>;
}

/** Undefined where there is nothing to take out. */
const externalizeWords = <W extends Words>(
  payload: W,
): { readonly payload: W; readonly blobs: ReadonlyArray<Blob> } | undefined => {
  const { text, attachments } = payload;
  const isLong = isLongText(text);
  if (!isLong && !attachments.some((attachment) => "data" in attachment)) return undefined;
  const blobs: Array<Blob> = [];
  const stored = attachments.map((attachment) => toRef(attachment, blobs));
  if (!isLong) return { payload: { ...payload, attachments: stored }, blobs };
  const whole = blobOfText(text);
  blobs.push(whole);
  const head = { text: textHead(text, HEAD_BYTES), fullText: refTo(whole, text) };
  return { payload: { ...payload, ...head, attachments: stored }, blobs };
};

const isLongText = (text: string): boolean =>
  text.length * 3 > MAX_STRING_BYTES && Buffer.byteLength(text) > MAX_STRING_BYTES;

const toRef = (attachment: StoredAttachment, blobs: Array<Blob>): AttachmentRef => {
  if (!("data" in attachment)) return attachment;
  const blob = blobOf(Buffer.from(attachment.data, "base64"));
  blobs.push(blob);
  const { name, mimeType } = attachment;
  return { name, mimeType, bytes: blob.content.length, blob: blob.hash };
};
