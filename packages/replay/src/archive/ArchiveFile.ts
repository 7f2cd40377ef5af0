/** Archives as files: written beside and renamed, so that a name stands for a whole archive; read as a stream of lines. */
import { existsSync } from "node:fs";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { Effect, Exit } from "effect";
import { ArchiveDamaged, ArchiveFileError, ArchiveFileExists } from "./ArchiveErrors.ts";
import { MAX_LINE_BYTES } from "./ArchiveFormat.ts";

/** Takes the bytes of an archive, one piece after the other. */
export type Sink<E = ArchiveFileError> = (bytes: Uint8Array) => Effect.Effect<void, E>;

const attempt = <A>(path: string, operation: ArchiveFileError["operation"], run: () => Promise<A>) =>
  Effect.tryPromise({ try: run, catch: (cause) => new ArchiveFileError({ path, operation, cause }) });

/**
 * Gives `use` a sink, and the file its name once all is on disk. Where `use` fails, there is no file; where the process is
 * killed, `<path>.partial` is left, which the next run replaces.
 */
export const writeArchiveFile = <A, E, R>(
  path: string,
  options: { readonly replace: boolean },
  use: (sink: Sink) => Effect.Effect<A, E, R>,
): Effect.Effect<A, E | ArchiveFileError | ArchiveFileExists, R> =>
  Effect.gen(function* () {
    if (!options.replace && existsSync(path)) return yield* new ArchiveFileExists({ path });
    const partial = `${path}.partial`;
    const result = yield* Effect.acquireUseRelease(
      attempt(partial, "open", () => open(partial, "w", 0o600)),
      (file) =>
        use((bytes) => Effect.asVoid(attempt(partial, "write", () => file.writeFile(bytes)))).pipe(
          Effect.tap(attempt(partial, "flush", () => file.sync())),
        ),
      (file, exit) =>
        Effect.promise(async () => {
          await file.close();
          if (Exit.isFailure(exit)) await rm(partial, { force: true });
        }),
    );
    yield* attempt(path, "rename", () => rename(partial, path));
    yield* attempt(dirname(path), "flush", () => flushFolder(dirname(path)));
    return result;
  });

/** A name is on disk when its folder is. */
const flushFolder = async (folder: string): Promise<void> => {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
};

/** An archive that is open for reading. */
export const openArchive = (path: string) =>
  Effect.acquireRelease(
    attempt(path, "open", () => open(path, "r")),
    (file) => Effect.promise(() => file.close()),
  );

export interface Line {
  /** From 1. */
  readonly number: number;
  /** Of its first byte in the file. */
  readonly offset: number;
  /** Without the line's end. */
  readonly bytes: Uint8Array;
}

const PIECE_BYTES = 1024 * 1024;
const LINE_END = 0x0a;

export interface LineReader {
  /** The next lines; none at the end of the file. Fails where that is in the middle of a line, and on one that is too long. */
  readonly next: Effect.Effect<ReadonlyArray<Line>, ArchiveFileError | ArchiveDamaged>;
  /** How far the file has been read, in bytes. */
  readonly position: () => number;
}

export interface ReadFrom {
  readonly offset: number;
  /** Of the line that begins there. */
  readonly number: number;
}

/** The lines of an open archive from a place on. */
export const lineReader = (
  file: FileHandle,
  archive: string,
  { offset, number }: ReadFrom = { offset: 0, number: 1 },
  maxBytes = MAX_LINE_BYTES,
): LineReader => {
  let position = offset;
  let lineNumber = number;
  /** The beginning of a line whose end has not been read. */
  let rest: Array<Buffer> = [];
  let restBytes = 0;
  const damaged = (problem: string) => new ArchiveDamaged({ archive, line: lineNumber, problem });

  const split = (piece: Buffer): ReadonlyArray<Line> => {
    const lines: Array<Line> = [];
    let from = 0;
    for (let end = piece.indexOf(LINE_END); end !== -1; end = piece.indexOf(LINE_END, from)) {
      const tail = piece.subarray(from, end);
      const bytes = rest.length === 0 ? tail : Buffer.concat([...rest, tail]);
      lines.push({ number: lineNumber, offset: position + from - restBytes, bytes });
      lineNumber += 1;
      rest = [];
      restBytes = 0;
      from = end + 1;
    }
    if (from < piece.length) {
      rest.push(piece.subarray(from));
      restBytes += piece.length - from;
    }
    return lines;
  };

  return {
    position: () => position,
    next: Effect.gen(function* () {
      for (;;) {
        const piece = Buffer.allocUnsafe(PIECE_BYTES);
        const { bytesRead } = yield* attempt(archive, "read", () =>
          file.read(piece, 0, PIECE_BYTES, position),
        );
        if (bytesRead === 0) {
          return restBytes === 0 ? [] : yield* damaged("the file ends in the middle of a line");
        }
        const lines = split(piece.subarray(0, bytesRead));
        position += bytesRead;
        if (restBytes > maxBytes) return yield* damaged(`it is longer than ${maxBytes} bytes`);
        if (lines.length > 0) return lines;
      }
    }),
  };
};
