/** The lines of a file from a byte on, a piece of the file at a time: no more than a piece and one line are in memory. */
import { createReadStream } from "node:fs";
import { createZstdDecompress } from "node:zlib";

/** A longer line is passed over, so that one line cannot fill the heap, or hold the server up while it is read. */
export const MAX_LINE_BYTES = 16 * 1024 * 1024;

const PIECE_BYTES = 64 * 1024;
const NEWLINE = 0x0a;

/** Behind the last line that was read whole. Of a compressed file, in what it holds. */
export interface Position {
  readonly byte: number;
  /** Lines before it. */
  readonly line: number;
}

export interface FileLine {
  /** From 1. */
  readonly number: number;
  readonly bytes: number;
  /** Undefined where the line is too long. */
  readonly text: string | undefined;
}

export interface LinePiece {
  readonly lines: ReadonlyArray<FileLine>;
  readonly position: Position;
}

/** Files that the agent has compressed end so. */
export const COMPRESSED = ".zst";

/** The whole lines behind `from`; a last one without its end is not among them. */
export async function* fileLines(
  file: string,
  from: Position,
  maxLineBytes: number = MAX_LINE_BYTES,
): AsyncGenerator<LinePiece, void> {
  let { byte, line } = from;
  let pending: Array<Uint8Array> = [];
  let pendingBytes = 0;
  for await (const piece of pieces(file, from.byte)) {
    const lines: Array<FileLine> = [];
    let start = 0;
    const keep = (part: Uint8Array): void => {
      pendingBytes += part.length;
      if (pendingBytes > maxLineBytes) pending = [];
      else if (part.length > 0) pending.push(part);
    };
    for (let end = piece.indexOf(NEWLINE); end !== -1; end = piece.indexOf(NEWLINE, start)) {
      keep(piece.subarray(start, end));
      start = end + 1;
      line += 1;
      byte += pendingBytes + 1;
      const text = pendingBytes > maxLineBytes ? undefined : Buffer.concat(pending).toString("utf8");
      lines.push({ number: line, bytes: pendingBytes, text });
      pending = [];
      pendingBytes = 0;
    }
    keep(piece.subarray(start));
    if (lines.length > 0) yield { lines, position: { byte, line } };
  }
}

async function* pieces(file: string, from: number): AsyncGenerator<Uint8Array, void> {
  if (!file.endsWith(COMPRESSED)) {
    yield* createReadStream(file, { start: from, highWaterMark: PIECE_BYTES });
    return;
  }
  const compressed = createReadStream(file);
  const whole = createZstdDecompress();
  compressed.once("error", (error) => whole.destroy(error));
  try {
    let skip = from;
    for await (const piece of compressed.pipe(whole) as AsyncIterable<Uint8Array>) {
      if (skip < piece.length) yield skip === 0 ? piece : piece.subarray(skip);
      skip = Math.max(0, skip - piece.length);
    }
  } finally {
    compressed.destroy();
    whole.destroy();
  }
}
