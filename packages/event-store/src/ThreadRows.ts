/**
 * All that the database holds of one thread, table by table, deleted in steps of a bounded size. A table with a column
 * `thread_id` belongs to this by that alone, so that a new one is not forgotten; an index that begins with it keeps each
 * step short.
 */
import { Effect } from "effect";
import type { SqlClient, SqlError } from "effect/sql";
import type { Pruned, PrunedThread } from "./Pruned.ts";

/** Rows that went, by their table. */
export type RowCounts = ReadonlyMap<string, number>;

/** One kind of rows of a thread. */
export interface ThreadPart {
  readonly name: string;
  /** Deletes so many at most, inside the caller's transaction. `more`: some may be left. */
  readonly deleteSome: (
    thread: PrunedThread,
    limit: number,
  ) => Effect.Effect<{ readonly counts: RowCounts; readonly more: boolean }, SqlError.SqlError>;
}

/** What hides a thread: without these rows no list, no search and no decision finds it. */
export const HEADER_TABLES = ["projection_threads", "projection_thread_sessions"] as const;

export interface ThreadTable {
  readonly name: string;
  /** Columns that name a row. */
  readonly key: string;
}

interface ColumnRow {
  readonly table_name: string;
  readonly key_column: string;
  readonly without_rowid: number;
}

/** The tables with a row or more for each thread, by their schema; not what remembers that threads were pruned. */
export const threadTables = (
  sql: SqlClient.SqlClient,
): Effect.Effect<ReadonlyArray<ThreadTable>, SqlError.SqlError> =>
  Effect.map(
    sql<ColumnRow>`SELECT list.name AS table_name, list.wr AS without_rowid, key.name AS key_column
      FROM pragma_table_list AS list
      JOIN pragma_table_info(list.name) AS column ON column.name = 'thread_id'
      JOIN pragma_table_info(list.name) AS key ON key.pk > 0 OR list.wr = 0
      WHERE list.schema = 'main' AND list.type = 'table' AND list.name <> 'orchestration_pruned'
      ORDER BY list.name, key.pk`,
    (rows) =>
      [...Map.groupBy(rows, (row) => row.table_name)].map(([name, columns]) => ({
        name,
        key: columns[0]?.without_rowid ? columns.map(({ key_column }) => key_column).join(", ") : "rowid",
      })),
  );

/** The kinds of rows in the order in which they go: what is derived, then what it was derived from. */
export const threadParts = Effect.fnUntraced(function* (
  sql: SqlClient.SqlClient,
): Effect.fn.Return<ReadonlyArray<ThreadPart>, SqlError.SqlError> {
  const tables = yield* threadTables(sql);
  return [...tables.map((table) => tablePart(sql, table)), eventsPart(sql), receiptsPart(sql)];
});

/** Rows that a step deletes where nobody waits. */
const ROWS_AT_START = 2000;

/** At start, before anything else reads or writes: takes out what is left of threads that were marked. */
export const finishPruned = Effect.fn("ThreadRows.finishPruned")(function* (
  sql: SqlClient.SqlClient,
  pruned: Pruned["Service"],
): Effect.fn.Return<void, SqlError.SqlError> {
  const open = yield* pruned.open;
  if (open.length === 0) return;
  const parts = yield* threadParts(sql);
  for (const thread of open) {
    for (const part of parts) {
      const step = sql.withTransaction(part.deleteSome(thread, ROWS_AT_START));
      while ((yield* step).more);
    }
    const finished = yield* sql.withTransaction(pruned.finish(thread));
    finished();
  }
  yield* Effect.logInfo(`Took out what was left of ${open.length} threads that were being pruned.`);
});

const counted = (name: string, rows: number, limit: number) => ({
  counts: new Map(rows === 0 ? [] : [[name, rows]]),
  more: rows === limit,
});

const tablePart = (sql: SqlClient.SqlClient, { name, key }: ThreadTable): ThreadPart => ({
  name,
  deleteSome: ({ threadId }, limit) =>
    sql
      .unsafe(
        `DELETE FROM ${name} WHERE (${key}) IN (SELECT ${key} FROM ${name} WHERE thread_id = ? LIMIT ?) RETURNING 1`,
        [threadId, limit],
      )
      .pipe(Effect.map((rows) => counted(name, rows.length, limit))),
});

/**
 * Events from the last to the first, so that what is left has no hole, and with them what points at them. A snapshot of
 * the fold goes with the first of these steps.
 */
const eventsPart = (sql: SqlClient.SqlClient): ThreadPart => ({
  name: "orchestration_events",
  deleteSome: Effect.fnUntraced(function* ({ threadId, lastSequence }, limit) {
    const counts = new Map<string, number>();
    const remove = (name: string, rows: Effect.Effect<ReadonlyArray<unknown>, SqlError.SqlError>) =>
      Effect.map(rows, ({ length }) => (length > 0 ? counts.set(name, length) : counts));
    yield* remove(
      "orchestration_stream_snapshots",
      sql`DELETE FROM orchestration_stream_snapshots
        WHERE aggregate_kind = 'thread' AND stream_id = ${threadId} RETURNING 1`,
    );
    const found = yield* sql<{ sequence: number }>`SELECT sequence FROM orchestration_events
      WHERE aggregate_kind = 'thread' AND stream_id = ${threadId} AND sequence <= ${lastSequence}
      ORDER BY stream_version DESC LIMIT ${limit}`;
    const sequences = JSON.stringify(found.map(({ sequence }) => sequence));
    const listed = sql`(SELECT value FROM json_each(${sequences}))`;
    yield* remove(
      "orchestration_effects",
      sql`DELETE FROM orchestration_effects WHERE event_sequence IN ${listed} RETURNING 1`,
    );
    yield* remove(
      "orchestration_quarantine",
      sql`DELETE FROM orchestration_quarantine WHERE sequence IN ${listed} RETURNING 1`,
    );
    yield* remove(
      "orchestration_events",
      sql`DELETE FROM orchestration_events WHERE sequence IN ${listed} RETURNING 1`,
    );
    return { counts, more: found.length === limit };
  }),
});

const receiptsPart = (sql: SqlClient.SqlClient): ThreadPart => ({
  name: "orchestration_command_receipts",
  deleteSome: ({ threadId }, limit) =>
    sql`DELETE FROM orchestration_command_receipts WHERE command_id IN (
        SELECT command_id FROM orchestration_command_receipts
        WHERE aggregate_kind = 'thread' AND aggregate_id = ${threadId} LIMIT ${limit}) RETURNING 1`.pipe(
      Effect.map((rows) => counted("orchestration_command_receipts", rows.length, limit)),
    ),
});
