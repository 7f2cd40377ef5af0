/**
 * Free JSON of a bounded size: what is too large in it goes out as a blob, and a reference (`BlobRef`) stands in its
 * place. Nothing is lost, so the JSON can be put together again. Pure.
 */
import type { Schema } from "effect";
import { blobOfText, type Blob, refTo } from "./Blob.ts";

/** A longer string, in bytes of UTF-8, is a blob. */
export const MAX_STRING_BYTES = 16 * 1024;
/** What a list or an object may take, roughly, with what it holds. */
export const MAX_JSON_BYTES = 64 * 1024;
/** A reference with its preview takes about this much; to replace what is smaller would win nothing. */
const REF_BYTES = 2048;

type Json = Schema.Json;

export interface BoundedJson {
  readonly json: Json;
  readonly blobs: ReadonlyArray<Blob>;
}

const NO_BLOBS: ReadonlyArray<Blob> = [];

/** The same value where nothing in it is too large. */
export const boundedJson = (json: Json): BoundedJson => {
  // No character takes more than three bytes for each of its code units.
  if (weigh(json, MAX_STRING_BYTES / 3) >= 0) return { json, blobs: NO_BLOBS };
  const blobs: Array<Blob> = [];
  return { json: shrink(json, blobs).json, blobs };
};

/** What is left of `room`, in characters; negative as soon as it is too much, or a key wants care. */
const weigh = (json: Json, room: number): number => {
  if (typeof json === "string") return room - json.length;
  if (typeof json !== "object" || json === null) return room - 1;
  let left = room;
  if (Array.isArray(json)) {
    for (const entry of json) {
      if (left < 0) break;
      left = weigh(entry, left - 1);
    }
    return left;
  }
  for (const [key, value] of Object.entries(json)) {
    if (left < 0 || isReserved(key)) return -1;
    left = weigh(value, left - key.length);
  }
  return left;
};

/** An agent's own key of this name gets a `$` more, so that no value of its can pass for a reference. */
const isReserved = (key: string): boolean => key.endsWith("$blob") && /^\$+blob$/.test(key);

interface Shrunk {
  readonly json: Json;
  /** Roughly, as JSON. */
  readonly bytes: number;
}

/** Bottom up: what a list or an object holds is small when it is looked at itself. */
const shrink = (json: Json, blobs: Array<Blob>): Shrunk => {
  if (typeof json === "string") {
    const bytes = Buffer.byteLength(json);
    return bytes > MAX_STRING_BYTES ? replace(json, blobs) : { json, bytes: bytes + 2 };
  }
  if (typeof json !== "object" || json === null) return { json, bytes: 8 };

  const isList = Array.isArray(json);
  const children = Object.entries(json).map(([key, value]) => ({
    key: isReserved(key) ? `$${key}` : key,
    ...shrink(value, blobs),
  }));
  let bytes = 2;
  for (const child of children) bytes += child.bytes + (isList ? 1 : Buffer.byteLength(child.key) + 4);

  // The largest go first, as long as that helps.
  for (const child of bytes > MAX_JSON_BYTES ? largestFirst(children) : []) {
    if (bytes <= MAX_JSON_BYTES || child.bytes <= REF_BYTES) break;
    const replaced = replace(child.json, blobs);
    bytes += replaced.bytes - child.bytes;
    Object.assign(child, replaced);
  }
  const whole = isList
    ? children.map((child) => child.json)
    : Object.fromEntries(children.map((child) => [child.key, child.json]));
  return bytes > MAX_JSON_BYTES ? replace(whole, blobs) : { json: whole, bytes };
};

const largestFirst = <A extends Shrunk>(children: ReadonlyArray<A>): ReadonlyArray<A> =>
  children.toSorted((left, right) => right.bytes - left.bytes);

const replace = (json: Json, blobs: Array<Blob>): Shrunk => {
  const text = typeof json === "string" ? json : JSON.stringify(json);
  const blob = blobOfText(text);
  blobs.push(blob);
  return { json: refTo(blob, text, typeof json !== "string"), bytes: REF_BYTES };
};
