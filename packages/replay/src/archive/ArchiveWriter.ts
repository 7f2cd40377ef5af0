/** Puts lines together to pieces for a sink, and counts and hashes what goes by. */
import { createHash } from "node:crypto";
import { Effect } from "effect";
import type { Sink } from "./ArchiveFile.ts";
import { encodeLine, type Header, LINE_KINDS, type LineKind, type Manifest } from "./ArchiveFormat.ts";

const PIECE_CHARACTERS = 256 * 1024;

export const archiveWriter = <E>(sink: Sink<E>) => {
  const hash = createHash("sha256");
  const counts = Object.fromEntries(LINE_KINDS.map((kind) => [kind, 0])) as Record<LineKind, number>;
  let waiting: Array<string> = [];
  let characters = 0;
  let bytes = 0;
  let first: number | null = null;
  let last: number | null = null;

  const flush = Effect.suspend(() => {
    if (waiting.length === 0) return Effect.void;
    const piece = Buffer.from(waiting.join(""));
    waiting = [];
    characters = 0;
    bytes += piece.length;
    hash.update(piece);
    return sink(piece);
  });

  const add = (line: object): void => {
    const text = encodeLine(line);
    waiting.push(text);
    characters += text.length;
  };

  return {
    bytes: () => bytes,
    counts: (): Readonly<Record<LineKind, number>> => counts,
    /** Enough waits to be written. */
    isFull: (): boolean => characters >= PIECE_CHARACTERS,
    flush,
    header: (header: Omit<Header, "kind" | "version">) => {
      add({ kind: "heddle-archive", version: 1, ...header });
    },
    /** Takes a line; write what waits once it is enough. */
    line: (kind: LineKind, content: object): void => {
      counts[kind] += 1;
      add({ kind, ...content });
    },
    event: (row: { readonly sequence: number }): void => {
      first ??= row.sequence;
      last = row.sequence;
      counts.event += 1;
      add({ kind: "event", row });
    },
    /** The last line. */
    end: Effect.fnUntraced(function* (headSequence: number) {
      yield* flush;
      const manifest: Manifest = {
        kind: "manifest",
        counts: { ...counts },
        firstSequence: first,
        lastSequence: last,
        headSequence,
        sha256: hash.digest("hex"),
      };
      const line = Buffer.from(encodeLine(manifest));
      bytes += line.length;
      yield* sink(line);
      return manifest;
    }),
  };
};

export type ArchiveWriter<E> = ReturnType<typeof archiveWriter<E>>;
