/**
 * Threads that leave the database, in a file of their own: an archive (docs/adr/0017-archive-format.md) whose header names
 * them, with all that cannot be made again from their events. It is read back before anybody relies on it.
 */
import { createHash } from "node:crypto";
import { blobsNamedIn } from "@heddle/event-store/BlobReferences";
import { eventReads } from "@heddle/event-store/EventStore";
import { Effect } from "effect";
import type { SqlClient, SqlError } from "effect/sql";
import { ArchiveDamaged, type ArchiveFileError, type ArchiveFileExists } from "../archive/ArchiveErrors.ts";
import { lineReader, openArchive, writeArchiveFile } from "../archive/ArchiveFile.ts";
import {
  ARCHIVED,
  type ArchivedRow,
  columnsOf,
  decodeLine,
  type Manifest,
  type RowKind,
} from "../archive/ArchiveFormat.ts";
import { selectRows } from "../archive/ArchiveReads.ts";
import { archiveWriter, type ArchiveWriter } from "../archive/ArchiveWriter.ts";

const PAGE_ROWS = 100;

export interface ThreadArchive {
  readonly manifest: Manifest;
  readonly bytes: number;
}

/** Writes the threads to a new file, flushes it, and reads it back. Run it in one transaction. */
export const archiveThreads = Effect.fn("ThreadArchive.archiveThreads")(function* (
  sql: SqlClient.SqlClient,
  threadIds: ReadonlyArray<string>,
  path: string,
): Effect.fn.Return<
  ThreadArchive,
  SqlError.SqlError | ArchiveFileError | ArchiveFileExists | ArchiveDamaged
> {
  const head = yield* eventReads(sql).head;
  const written = yield* writeArchiveFile(path, { replace: false }, (sink) =>
    Effect.gen(function* () {
      const writer = archiveWriter(sink);
      writer.header({ fromSequenceExclusive: 0, after: null, threads: [...threadIds].toSorted() });
      yield* writeThreads(sql, JSON.stringify(threadIds), writer);
      const manifest = yield* writer.end(head);
      return { manifest, bytes: writer.bytes() };
    }),
  );
  yield* Effect.scoped(readBack(path, written.manifest));
  return written;
});

const writeThreads = Effect.fnUntraced(function* <E>(
  sql: SqlClient.SqlClient,
  list: string,
  writer: ArchiveWriter<E>,
) {
  const seen = new Set<string>();
  const blob = (hash: string): Effect.Effect<void, E | SqlError.SqlError> =>
    Effect.gen(function* () {
      if (seen.has(hash)) return;
      seen.add(hash);
      const [row] = yield* selectRows(sql, "blob", "WHERE hash = ?", [hash]);
      if (row === undefined) return;
      // A blob that is JSON may refer to others.
      const content = Buffer.from(row.content.base64, "base64").toString("latin1");
      for (const inner of blobsNamedIn(content)) yield* blob(inner);
      writer.line("blob", { row });
      if (writer.isFull()) yield* writer.flush;
    });
  // The pluses keep SQLite to the order of the key: it would sort all of them for each page.
  const ofThreads = "+aggregate_kind = 'thread' AND +stream_id IN (SELECT value FROM json_each(?))";
  yield* eachRow(sql, "event", { where: ofThreads, key: ["sequence"], list }, (row) =>
    Effect.gen(function* () {
      const { payload_json: payload } = row;
      for (const hash of typeof payload === "string" ? blobsNamedIn(payload) : []) yield* blob(hash);
      writer.event(row);
      if (writer.isFull()) yield* writer.flush;
    }),
  );
  const put = (kind: RowKind) => (row: object) => {
    writer.line(kind, { row });
    return writer.isFull() ? writer.flush : Effect.void;
  };
  const ofAggregates = "+aggregate_kind = 'thread' AND +aggregate_id IN (SELECT value FROM json_each(?))";
  yield* eachRow(
    sql,
    "receipt",
    { where: ofAggregates, key: ["result_sequence", "command_id"], list },
    put("receipt"),
  );
  const named = "thread_id IN (SELECT value FROM json_each(?))";
  yield* eachRow(
    sql,
    "diff",
    { where: named, key: ["thread_id", "from_turn_count", "to_turn_count"], list },
    put("diff"),
  );
  const ofEvents = `EXISTS (SELECT 1 FROM orchestration_events AS event WHERE event.sequence = event_sequence
    AND ${ofThreads.replace("stream_id", "event.stream_id").replace("aggregate_kind", "event.aggregate_kind")})`;
  yield* eachRow(sql, "effect", { where: ofEvents, key: ["effect_id"], list }, put("effect"));
  yield* eachRow(sql, "session", { where: named, key: ["provider_session_id"], list }, put("session"));
});

interface Rows {
  /** A condition with one parameter, the list of threads. */
  readonly where: string;
  readonly key: ReadonlyArray<string>;
  readonly list: string;
}

/** Rows of a table by pages of its key, given to `take` one by one. */
const eachRow = Effect.fnUntraced(function* <Kind extends RowKind, E>(
  sql: SqlClient.SqlClient,
  kind: Kind,
  { where, key, list }: Rows,
  take: (row: ArchivedRow<Kind>) => Effect.Effect<void, E>,
) {
  const columns = columnsOf(kind);
  const names = key.join(", ");
  const places = key.map(() => "?").join(", ");
  let after: ReadonlyArray<unknown> = [];
  for (;;) {
    const beyond = after.length === 0 ? "1" : `(${names}) > (${places})`;
    const rest = `WHERE ${beyond} AND ${where} ORDER BY ${names} LIMIT ${PAGE_ROWS}`;
    const rows = yield* selectRows(sql, kind, rest, [...after, list]);
    for (const row of rows) yield* take(row);
    const last = rows.at(-1);
    if (last === undefined) return;
    const values = Object.values(last);
    after = key.map((column) => values[columns.indexOf(column)]);
  }
});

/** Whether the file is, to its last byte, what was written: each line one of an archive, in its number, and their hash. */
const readBack = Effect.fnUntraced(function* (path: string, expected: Manifest) {
  const file = yield* openArchive(path);
  const reader = lineReader(file, path);
  const hash = createHash("sha256");
  let lines = 0;
  for (;;) {
    const next = yield* reader.next;
    if (next.length === 0) {
      return yield* new ArchiveDamaged({ archive: path, line: lines, problem: "it has no manifest" });
    }
    for (const { bytes, number } of next) {
      lines = number;
      const line = yield* Effect.try({
        try: () => decodeLine(bytes),
        catch: (cause) =>
          new ArchiveDamaged({
            archive: path,
            line: number,
            problem: cause instanceof Error ? cause.message : String(cause),
          }),
      });
      if (line.kind !== "manifest") {
        hash.update(bytes).update("\n");
        continue;
      }
      const rows = Object.values(line.counts).reduce((sum, count) => sum + count, 0);
      if (hash.digest("hex") === expected.sha256 && line.sha256 === expected.sha256 && rows === lines - 2)
        return;
      return yield* new ArchiveDamaged({
        archive: path,
        line: number,
        problem: "it is not what was written",
      });
    }
  }
});

/** The tables of which an archive holds the rows; what else there is of a thread is made of its events. */
export const ARCHIVED_TABLES: ReadonlySet<string> = new Set(
  Object.values(ARCHIVED).map(({ table }) => table),
);
