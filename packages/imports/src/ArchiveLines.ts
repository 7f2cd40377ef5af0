/** Keeps a session's lines as the agent wrote them, compressed. */
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { PassThrough } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip, createZstdDecompress } from "node:zlib";
import { Effect } from "effect";
import { COMPRESSED } from "./FileLines.ts";
import { TranscriptFileError } from "./TranscriptSource.ts";

/** Writes the whole of `file`, gzipped, to `archive`, in place of what was there. Read again, it is the same lines. */
export const archiveLines = (file: string, archive: string): Effect.Effect<void, TranscriptFileError> => {
  // Beside and renamed, so that a crash leaves the archive that was there.
  const fresh = `${archive}.${process.pid}`;
  return Effect.tryPromise({
    try: async (signal) => {
      await mkdir(dirname(archive), { recursive: true, mode: 0o700 });
      try {
        await pipeline(
          createReadStream(file),
          file.endsWith(COMPRESSED) ? createZstdDecompress() : new PassThrough(),
          createGzip(),
          createWriteStream(fresh, { mode: 0o600 }),
          { signal },
        );
        await rename(fresh, archive);
      } finally {
        await rm(fresh, { force: true });
      }
    },
    catch: (cause) =>
      new TranscriptFileError({
        operation: "archive",
        file,
        message: `The lines of ${file} could not be kept in ${archive}: ${cause instanceof Error ? cause.message : String(cause)}`,
        cause,
      }),
  });
};
