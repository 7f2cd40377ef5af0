/** Reads JSON objects, one a line, from a process. Pulled: what is not asked for stays in the pipe. */
import { Predicate } from "effect";

/** A longer line is skipped, so that one message cannot fill the heap. */
export const MAX_LINE_BYTES = 32 * 1024 * 1024;

const NEWLINE = 0x0a;

export type JsonObject = { readonly [key: string]: unknown };

export interface JsonLinesOptions {
  /** A line that is no JSON object: what a launcher or a library prints. */
  readonly onNoise: (line: string) => void;
  readonly onTooLong: () => void;
  readonly maxLineBytes?: number;
}

/** The last line counts also without its newline. */
export async function* jsonLines(
  input: AsyncIterable<Uint8Array>,
  options: JsonLinesOptions,
): AsyncGenerator<JsonObject, void> {
  const maxLineBytes = options.maxLineBytes ?? MAX_LINE_BYTES;
  let pending: Array<Uint8Array> = [];
  let pendingBytes = 0;

  const keep = (part: Uint8Array): void => {
    pendingBytes += part.length;
    if (pendingBytes > maxLineBytes) pending = [];
    else if (part.length > 0) pending.push(part);
  };
  const take = (): JsonObject | undefined => {
    const [bytes, tooLong] = [Buffer.concat(pending), pendingBytes > maxLineBytes];
    pending = [];
    pendingBytes = 0;
    if (!tooLong) return parse(bytes.toString("utf8").trim(), options.onNoise);
    options.onTooLong();
    return undefined;
  };

  for await (const chunk of input) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      keep(chunk.subarray(start, end));
      start = end + 1;
      const message = take();
      if (message !== undefined) yield message;
    }
    keep(chunk.subarray(start));
  }
  const last = take();
  if (last !== undefined) yield last;
}

const parse = (line: string, onNoise: (line: string) => void): JsonObject | undefined => {
  if (line === "") return undefined;
  try {
    const value: unknown = JSON.parse(line);
    if (Predicate.isObject(value)) return value;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  onNoise(line);
  return undefined;
};
