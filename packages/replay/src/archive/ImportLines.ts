/** Takes a verified archive into the database, line by line. */
import type { FileHandle } from "node:fs/promises";
import { selectValues } from "@heddle/sql/OnConnection";
import { Effect } from "effect";
import type { SqlClient, SqlError } from "effect/sql";
import { ArchiveDamaged, type ArchiveFileError } from "./ArchiveErrors.ts";
import { lineReader, type ReadFrom } from "./ArchiveFile.ts";
import { type ArchivedRow, type ArchiveLine, decodeLine } from "./ArchiveFormat.ts";
import { changingImport } from "./ImportChanging.ts";
import { threadRemover } from "./ImportPruned.ts";
import { type Batch, emptyBatch, isEmpty, isFull, logInserter } from "./ImportRows.ts";
import type { Verified } from "./ImportVerify.ts";

export interface ImportLinesOptions {
  readonly file: FileHandle;
  readonly archive: string;
  readonly verified: Verified;
  /** The last event of the database before. */
  readonly end: number;
  /** Where its log stood. */
  readonly headBefore: number;
  readonly onProgress: (bytes: number) => Effect.Effect<void>;
}

type LineError = ArchiveFileError | ArchiveDamaged | SqlError.SqlError;

export const importLines = Effect.fn("ImportLines.importLines")(function* (
  sql: SqlClient.SqlClient,
  options: ImportLinesOptions,
): Effect.fn.Return<void, LineError> {
  const { verified, headBefore } = options;
  const { headSequence } = verified.manifest;
  // 1. What was pruned there makes room first: a thread of the same name may have begun again since.
  if (verified.prunedFrom !== undefined) {
    const remove = yield* threadRemover(sql, { archiveIsNewer: headSequence > headBefore });
    yield* eachLine(options, verified.prunedFrom, (line) =>
      line.kind === "pruned" ? remove(line.row) : Effect.void,
    );
  }
  // 2. The log, and 3. what changes, unless the database has gone on since.
  const log = yield* logImport(sql, options);
  const changing = headSequence < headBefore ? undefined : changingImport(sql, headSequence > headBefore);
  yield* eachLine(options, { offset: 0, number: 1 }, (line, number) => {
    switch (line.kind) {
      case "heddle-archive":
      case "pruned":
        return Effect.void;
      case "blob":
      case "event":
      case "receipt":
        return log.take(line, number);
      default:
        return Effect.andThen(log.flush, changing?.(line) ?? Effect.void);
    }
  });
});

/** Gives the lines from a place on to `take`, one after the other. */
const eachLine = Effect.fnUntraced(function* (
  { file, archive, onProgress }: ImportLinesOptions,
  from: ReadFrom,
  take: (line: ArchiveLine, number: number) => Effect.Effect<void, LineError>,
) {
  const reader = lineReader(file, archive, from);
  for (let lines = yield* reader.next; lines.length > 0; lines = yield* reader.next) {
    for (const { bytes, number } of lines) {
      const line = yield* Effect.try({
        try: () => decodeLine(bytes),
        catch: () =>
          new ArchiveDamaged({ archive, line: number, problem: "it was changed while it was imported" }),
      });
      yield* take(line, number);
    }
    yield* onProgress(reader.position());
  }
});

type LogLine = Extract<ArchiveLine, { readonly kind: "blob" | "event" | "receipt" }>;

/** Adds what stands behind the database's end, in transactions that never part the events of a command. */
const logImport = Effect.fnUntraced(function* (
  sql: SqlClient.SqlClient,
  { archive, end }: ImportLinesOptions,
) {
  const insert = logInserter(sql);
  const [pruned] = yield* selectValues(sql, "SELECT 1 FROM orchestration_pruned LIMIT 1", []);
  let batch: Batch = emptyBatch();
  let firstLine = 0;
  let lastCommandId: string | null = null;

  const flush = Effect.suspend(() => {
    const full = batch;
    batch = emptyBatch();
    const refused = (cause: unknown) =>
      Effect.fail(
        new ArchiveDamaged({
          archive,
          line: firstLine,
          problem: `of the lines from here on, the database does not take one: ${String(cause)}`,
        }),
      );
    return insert(full).pipe(
      Effect.catchReasons("SqlError", {
        ConstraintError: ({ cause }) => refused(cause),
        UniqueViolation: ({ cause }) => refused(cause),
      }),
    );
  });

  /** An archive that was written while a thread was pruned may hold some of its events. */
  const isPruned = (aggregateKind: string, threadId: string, sequence: number) =>
    pruned !== undefined && aggregateKind === "thread"
      ? Effect.map(selectValues(sql, PRUNED, [threadId, sequence]), (rows) => rows.length > 0)
      : Effect.succeed(false);

  return {
    flush: Effect.suspend(() => (isEmpty(batch) ? Effect.void : flush)),
    take: Effect.fnUntraced(function* (line: LogLine, number: number) {
      if (isEmpty(batch)) firstLine = number;
      switch (line.kind) {
        case "blob":
          batch.blobs.push(line.row);
          batch.bytes += line.row.size;
          return;
        case "receipt": {
          const { row } = line;
          if (row.result_sequence < end) return;
          if (yield* isPruned(row.aggregate_kind, row.aggregate_id, row.result_sequence)) return;
          batch.receipts.push(row);
          return;
        }
        case "event": {
          const { row } = line;
          if (row.sequence <= end) return;
          if (yield* isPruned(row.aggregate_kind, row.stream_id, row.sequence)) return;
          if (isFull(batch) && (row.command_id === null || row.command_id !== lastCommandId)) yield* flush;
          if (isEmpty(batch)) firstLine = number;
          lastCommandId = row.command_id;
          batch.events.push(row);
          batch.bytes += sizeOf(row);
          return;
        }
      }
    }),
  };
});

const PRUNED = "SELECT 1 FROM orchestration_pruned WHERE thread_id = ? AND last_sequence >= ?";

const sizeOf = ({ payload_json: payload }: ArchivedRow<"event">): number =>
  typeof payload === "string" ? payload.length : payload.base64.length;
