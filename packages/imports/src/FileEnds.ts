/** The beginning and the end of a transcript: enough to say what it is about, whatever its size. */
import { open } from "node:fs/promises";
import { COMPRESSED, fileLines } from "./FileLines.ts";

/** Agents write much before the first prompt: instructions, tools, the state of the folder. */
const HEAD_BYTES = 2 * 1024 * 1024;
const TAIL_BYTES = 64 * 1024;

/** What JSON the first lines hold, until `enough` says so. True where the file ended before that. */
export const readHead = async (
  file: string,
  take: (value: unknown) => "enough" | "more",
): Promise<boolean> => {
  for await (const { lines, position } of fileLines(file, { byte: 0, line: 0 }, HEAD_BYTES)) {
    for (const { text } of lines) {
      const value = text === undefined ? undefined : parsed(text);
      if (value !== undefined && take(value) === "enough") return false;
    }
    if (position.byte > HEAD_BYTES) return false;
  }
  return true;
};

/** What JSON the last lines hold; none of a compressed file, which would have to be read as a whole. */
export const readTail = async (file: string, bytes: number): Promise<ReadonlyArray<unknown>> => {
  if (file.endsWith(COMPRESSED)) return [];
  const start = Math.max(0, bytes - TAIL_BYTES);
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(TAIL_BYTES), 0, TAIL_BYTES, start);
    const lines = buffer.subarray(0, bytesRead).toString("utf8").split("\n");
    return lines.slice(start === 0 ? 0 : 1).flatMap((line) => parsed(line) ?? []);
  } finally {
    await handle.close();
  }
};

const parsed = (line: string): unknown => {
  try {
    return JSON.parse(line);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
};
