/** What an agent shows, cut to a size that can be stored: every cut says how much it left out. */
import { Predicate, type Schema } from "effect";

/** Bytes of JSON that the payload of one event may take. The store keeps what is large in it apart, as blobs. */
export const PAYLOAD_BYTES = 16 * 1024 * 1024;
/** The same for what is shown while it is still being made, and is not kept. */
export const PROGRESS_BYTES = 64 * 1024;

const MAX_DEPTH = 32;
const MAX_PIECE = 16 * 1024;

/** Keeps the head and the end, where commands and compilers say what went wrong, and marks the gap. */
export const boundText = (text: string, maxCharacters: number): string => {
  if (text.length <= maxCharacters) return text;
  const head = text.slice(0, Math.ceil((maxCharacters * 3) / 4));
  const tail = text.slice(text.length - Math.floor(maxCharacters / 4));
  return `${head}…[${text.length - head.length - tail.length} characters left out]${tail}`.toWellFormed();
};

/**
 * As it is if it fits, else with its longest strings and lists cut until it does. The work is bounded by the size that is
 * kept, not by the size that came: an agent must not hold up the server by what it shows.
 */
export const boundJson = (value: unknown, maxBytes: number = PAYLOAD_BYTES): Schema.Json => {
  if (fits(value, { bytes: maxBytes }, 0)) {
    const whole = trim(value, WHOLE, 0);
    if (bytesOf(whole) <= maxBytes) return whole;
  }
  const sample = trim(value, { ...WHOLE, budget: { bytes: 4 * maxBytes } }, 0);
  let cut: Schema.Json = null;
  for (let text = maxBytes; text >= 32; text = Math.floor(text / 2)) {
    // Strings give way first: a list of many short entries is cut only when they are short indeed.
    const entries = text >= 2048 ? Number.POSITIVE_INFINITY : text;
    cut = trim(sample, { text, entries }, 0);
    if (bytesOf(cut) <= maxBytes) return cut;
  }
  return boundText(JSON.stringify(cut), Math.floor(maxBytes / 6));
};

/** Characters of a value's strings: about how much memory it holds. */
export const weightOf = (json: Schema.Json): number => {
  if (typeof json === "string") return json.length;
  if (typeof json !== "object" || json === null) return 0;
  let weight = 0;
  for (const value of Object.values(json)) weight += weightOf(value);
  return weight;
};

const bytesOf = (json: Schema.Json): number => Buffer.byteLength(JSON.stringify(json));

interface Budget {
  bytes: number;
}

/** Stops as soon as it is sure to be too much. */
const fits = (value: unknown, left: Budget, depth: number): boolean => {
  left.bytes -= typeof value === "string" ? value.length + 2 : 1;
  if (left.bytes < 0 || depth > MAX_DEPTH) return false;
  if (Array.isArray(value)) return value.every((entry) => fits(entry, left, depth + 1));
  if (typeof value !== "object" || value === null) return true;
  for (const key in value) {
    left.bytes -= key.length + 3;
    if (!fits(Reflect.get(value, key), left, depth + 1)) return false;
  }
  return true;
};

interface Limits {
  readonly text: number;
  readonly entries: number;
  /** What is left to take, roughly, of a value that is too large to be looked at as a whole. Strings stay whole. */
  readonly budget?: Budget;
}

const WHOLE: Limits = { text: Number.POSITIVE_INFINITY, entries: Number.POSITIVE_INFINITY };

const trim = (value: unknown, limits: Limits, depth: number): Schema.Json => {
  const { budget } = limits;
  if (budget) budget.bytes -= 4;
  if (Predicate.isString(value)) {
    if (!budget) return boundText(value, limits.text).toWellFormed();
    budget.bytes -= value.length;
    return value;
  }
  if (Predicate.isNumber(value)) return Number.isFinite(value) ? value : null;
  if (Predicate.isBoolean(value) || value === null) return value;
  if (typeof value !== "object") return null;
  if (depth === MAX_DEPTH) return "…[deeper levels left out]";

  const list = Array.isArray(value);
  const keys = list ? undefined : Object.keys(value);
  const total = list ? value.length : (keys?.length ?? 0);
  const kept: Array<readonly [key: string, entry: Schema.Json]> = [];
  let seen = 0;
  for (; seen < total; seen += 1) {
    if (kept.length >= limits.entries || (budget && budget.bytes <= 0)) break;
    const key = keys?.[seen] ?? String(seen);
    const entry: unknown = Reflect.get(value, key);
    if (entry === undefined && !list) continue;
    // No entry takes more than half of what is left, so that the output is seen beside a huge input.
    const share = budget && { bytes: Math.floor(budget.bytes / 2) };
    const given = share?.bytes ?? 0;
    kept.push([
      boundText(key, limits.text).toWellFormed(),
      trim(entry, share ? { ...limits, budget: share } : limits, depth + 1),
    ]);
    if (budget && share) budget.bytes -= Math.min(given, given - share.bytes) + key.length;
  }
  if (seen < total) kept.push(["…", `…[${total - seen} entries left out]`]);
  return list ? kept.map(([, entry]) => entry) : Object.fromEntries(kept);
};

/** Agents that do not stream send all that they have to say at once: here it is in pieces that can be passed on. */
export const piecesOf = (text: string): ReadonlyArray<string> => {
  const pieces: Array<string> = [];
  for (let start = 0; start < text.length;) {
    const end = start + MAX_PIECE;
    const inPair = /[\uD800-\uDBFF]/.test(text.charAt(end - 1)) && end < text.length;
    pieces.push(text.slice(start, inPair ? end + 1 : end));
    start = inPair ? end + 1 : end;
  }
  return pieces;
};

/** The end of a text that keeps growing. */
export class TextTail {
  #text = "";
  readonly #maxCharacters: number;

  constructor(maxCharacters: number) {
    this.#maxCharacters = maxCharacters;
  }

  append(text: string): void {
    this.#text += text;
    if (this.#text.length > this.#maxCharacters * 2) this.#text = this.#text.slice(-this.#maxCharacters);
  }

  last(maxCharacters: number = this.#maxCharacters): string {
    return this.#text.slice(-maxCharacters).toWellFormed();
  }
}
