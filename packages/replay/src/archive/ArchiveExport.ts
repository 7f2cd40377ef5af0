/**
 * Writes the log to an archive, as it stands in one moment, while a server may go on with it. Most of the events are read
 * in transactions of a page each, so that the WAL can be cut back meanwhile; what came since, and what changes at all, in
 * one at the end. What is in it, and why, is in docs/adr/0017-archive-format.md.
 */
import { blobsNamedIn } from "@heddle/event-store/BlobReferences";
import { ledgerOf, type MigrationMismatch } from "@heddle/event-store/Migrations";
import { type DatabaseUnavailable, explainSqlError, onlookerLayer } from "@heddle/event-store/SqliteDatabase";
import { selectValues } from "@heddle/sql/OnConnection";
import { Effect } from "effect";
import { SqlClient, SqlError } from "effect/sql";
import { ArchiveDatabaseError, LogEndsBefore, NoLog } from "./ArchiveErrors.ts";
import type { Sink } from "./ArchiveFile.ts";
import type { DiffList, Header, LineKind, Manifest } from "./ArchiveFormat.ts";
import {
  eachRow,
  type EventRow,
  headOf,
  readEvents,
  receiptCursor,
  selectRows,
  tablesOf,
} from "./ArchiveReads.ts";
import { archiveWriter, type ArchiveWriter } from "./ArchiveWriter.ts";
import { seenBlobs } from "./SeenBlobs.ts";

export interface ExportProgress {
  readonly eventsDone: number;
  readonly eventsTotal: number;
}

export interface ExportOptions<E> {
  /** The database's file. It is read, and nothing else. */
  readonly database: string;
  /** 0 for a whole archive. */
  readonly fromSequenceExclusive: number;
  readonly sink: Sink<E>;
  /** Called after each page. */
  readonly onProgress?: (progress: ExportProgress) => Effect.Effect<void>;
}

export interface Exported {
  readonly manifest: Manifest;
  readonly bytes: number;
}

/** So many events are left for the last transaction at most, if the writer is not faster than this reads. */
const TAIL = 1000;
/**
 * Rows that change are taken again from this long before the last archive's end, in milliseconds: a clock may have been
 * set back.
 */
const CLOCK_MARGIN = 60 * 60 * 1000;

/** Exports what is stored after a sequence, up to the head of the log. */
export const exportArchive = <E>(
  options: ExportOptions<E>,
): Effect.Effect<
  Exported,
  E | ArchiveDatabaseError | DatabaseUnavailable | MigrationMismatch | NoLog | LogEndsBefore
> =>
  Effect.flatMap(SqlClient.SqlClient, (sql) => write(sql, options)).pipe(
    Effect.provide(onlookerLayer(options.database)),
    Effect.scoped,
    Effect.catchIf(SqlError.isSqlError, (error) =>
      Effect.fail(
        new ArchiveDatabaseError({
          path: options.database,
          operation: "read",
          reason: explainSqlError(error),
        }),
      ),
    ),
  );

const write = Effect.fn("ArchiveExport.write")(function* <E>(
  sql: SqlClient.SqlClient,
  { database, fromSequenceExclusive: from, sink, onProgress }: ExportOptions<E>,
) {
  const tables = yield* tablesOf(sql);
  yield* checkKnown(sql, database);
  const head = headOf(sql, tables);
  const start = yield* head;
  if (from > start) {
    return yield* new LogEndsBefore({ fromSequenceExclusive: from, headSequence: start });
  }
  const writer = archiveWriter(sink);
  const anchor = yield* anchorAt(sql, from);
  writer.header({ fromSequenceExclusive: from, after: anchor?.after ?? null });
  const total = yield* eventsAfter(sql, from);
  const log = yield* logExport(sql, {
    from,
    writer,
    hasBlobs: tables.has("orchestration_blobs"),
    onPage: () => {
      const eventsDone = writer.counts().event;
      return onProgress?.({ eventsDone, eventsTotal: Math.max(total, eventsDone) }) ?? Effect.void;
    },
  });

  // 1. Up to what cannot change any more: at the head itself rejections may still be added.
  for (let settled = start - 1; settled - log.position() > TAIL; settled = (yield* head) - 1) {
    yield* log.upTo(settled);
  }
  // 2. The rest, and all that changes, as of one moment.
  return yield* sql.withTransaction(
    Effect.gen(function* () {
      const end = yield* head;
      yield* log.upTo(end);
      yield* writeChanging(sql, writer, { tables, since: anchor?.changedSince ?? "" });
      const manifest = yield* writer.end(end);
      return { manifest, bytes: writer.bytes() } satisfies Exported;
    }),
  );
});

/** The tables are those of a version that this one knows, and may be of an earlier one. */
const checkKnown = Effect.fnUntraced(function* (sql: SqlClient.SqlClient, path: string) {
  const { known, mismatch } = yield* ledgerOf(sql);
  if (!known) return yield* new NoLog({ path });
  if (mismatch !== undefined) return yield* mismatch;
});

const eventsAfter = (sql: SqlClient.SqlClient, from: number) =>
  Effect.map(
    // Without a condition, SQLite counts in its smallest index.
    from === 0
      ? selectValues(sql, "SELECT count(*) FROM orchestration_events", [])
      : selectValues(sql, "SELECT count(*) FROM orchestration_events WHERE sequence > ?", [from]),
    (rows) => Number(rows[0]?.[0] ?? 0),
  );

interface Anchor {
  readonly after: NonNullable<Header["after"]>;
  readonly changedSince: string;
}

/** The last event that is not in the archive, and since when rows may have changed that its predecessor holds. */
const anchorAt = Effect.fnUntraced(function* (
  sql: SqlClient.SqlClient,
  from: number,
): Effect.fn.Return<Anchor | undefined, SqlError.SqlError> {
  const statement = `SELECT sequence, event_id, occurred_at FROM orchestration_events
    WHERE sequence <= ? ORDER BY sequence DESC LIMIT 1`;
  const [found] = yield* selectValues(sql, statement, [from]);
  if (found === undefined) return undefined;
  const [sequence, eventId, occurredAt] = found;
  const millis = Date.parse(String(occurredAt)) - CLOCK_MARGIN;
  return {
    after: { sequence: Number(sequence), eventId: String(eventId) },
    changedSince: Number.isNaN(millis) ? "" : new Date(millis).toISOString(),
  };
});

interface LogExport<E> {
  readonly from: number;
  readonly writer: ArchiveWriter<E>;
  readonly hasBlobs: boolean;
  readonly onPage: () => Effect.Effect<void>;
}

/** Events in order; before each the blobs that it is the first to name, behind it the receipts that stand at it. */
const logExport = Effect.fnUntraced(function* <E>(
  sql: SqlClient.SqlClient,
  { from, writer, hasBlobs, onPage }: LogExport<E>,
) {
  const isNew = yield* seenBlobs;
  const receipts = receiptCursor(sql, from);
  const read = readEvents(sql);
  let position = from;

  const writeReceipts = (upTo: number): void => {
    for (let row = receipts.peek(upTo); row !== undefined; row = receipts.peek(upTo)) {
      writer.line("receipt", { row });
      receipts.skip();
    }
  };
  const receiptsUpTo = Effect.fnUntraced(function* (upTo: number, bound: number) {
    writeReceipts(upTo);
    while (receipts.mustRead(upTo)) {
      yield* receipts.read(bound);
      writeReceipts(upTo);
      if (writer.isFull()) yield* writer.flush;
    }
  });
  const blob = (hash: string): Effect.Effect<void, E | SqlError.SqlError> =>
    Effect.gen(function* () {
      if (!isNew(hash)) return;
      const [row] = yield* selectRows(sql, "blob", "WHERE hash = ?", [hash]);
      // Words that look like a reference; or it is missing, and then it is so in the archive.
      if (row === undefined) return;
      const content = Buffer.from(row.content.base64, "base64");
      // A blob that is JSON may refer to others.
      for (const inner of blobsNamedIn(content.toString("latin1"))) yield* blob(inner);
      writer.line("blob", { row });
      if (writer.isFull()) yield* writer.flush;
    });
  const namedBy = ({ payload_json }: EventRow) =>
    hasBlobs && typeof payload_json === "string" && payload_json.includes('blob":"')
      ? blobsNamedIn(payload_json)
      : [];

  return {
    position: () => position,
    upTo: Effect.fnUntraced(function* (bound: number) {
      for (;;) {
        const page = yield* sql.withTransaction(read(position, bound));
        for (const row of page) {
          yield* receiptsUpTo(row.sequence - 1, bound);
          for (const hash of namedBy(row)) yield* blob(hash);
          writer.event(row);
          yield* receiptsUpTo(row.sequence, bound);
          if (writer.isFull()) yield* writer.flush;
        }
        const last = page.at(-1);
        if (last === undefined) break;
        position = last.sequence;
        yield* onPage();
      }
      yield* receiptsUpTo(bound, bound);
      position = bound;
    }),
  };
});

interface Changing {
  readonly tables: ReadonlySet<string>;
  /** Rows that did not change since then are in an earlier archive; empty takes all. */
  readonly since: string;
}

/** What rows change in: of large tables those that may have changed, of small ones all. */
const writeChanging = Effect.fnUntraced(function* <E>(
  sql: SqlClient.SqlClient,
  writer: ArchiveWriter<E>,
  { tables, since }: Changing,
) {
  const put = (kind: LineKind) => (row: object) => {
    writer.line(kind, { row });
    return writer.isFull() ? writer.flush : Effect.void;
  };
  yield* eachRow(
    sql,
    "diff",
    { key: ["thread_id", "from_turn_count", "to_turn_count"], where: "created_at >= ?", given: [since] },
    put("diff"),
  );
  yield* diffLists(sql, (list) => {
    writer.line("diff-list", list);
    return writer.isFull() ? writer.flush : Effect.void;
  });
  yield* eachRow(
    sql,
    "effect",
    {
      key: ["effect_id"],
      // A claim that is given back says no time.
      where: "(updated_at >= ? OR status IN ('pending', 'claimed'))",
      given: [since],
    },
    put("effect"),
  );
  yield* eachRow(sql, "session", { key: ["provider_session_id"] }, put("session"));
  if (tables.has("orchestration_pruned")) {
    yield* eachRow(sql, "pruned", { key: ["thread_id", "last_sequence"] }, put("pruned"));
  }
  if (tables.has("orchestration_pruned_receipts")) {
    yield* eachRow(sql, "pruned-receipts", { key: ["accepted_before"] }, put("pruned-receipts"));
  }
});

/** Which diffs there are, thread by thread. */
const diffLists = Effect.fnUntraced(function* <E>(
  sql: SqlClient.SqlClient,
  take: (list: Omit<DiffList, "kind">) => Effect.Effect<void, E>,
) {
  const next = `SELECT min(thread_id) FROM checkpoint_diff_blobs WHERE thread_id > ?`;
  const ranges = `SELECT from_turn_count, to_turn_count FROM checkpoint_diff_blobs
    WHERE thread_id = ? ORDER BY from_turn_count, to_turn_count`;
  for (let threadId = ""; ;) {
    const found = (yield* selectValues(sql, next, [threadId]))[0]?.[0];
    if (found === undefined || found === null) return;
    threadId = String(found);
    const rows = yield* selectValues(sql, ranges, [threadId]);
    yield* take({ threadId, ranges: rows.map(([from, to]) => [Number(from), Number(to)] as const) });
  }
});
