/**
 * What a prune asks before it changes anything: which threads go, which must stay and why, and how much each holds. Reads
 * that may be long; they run on a thread of their own, or in a process that only looks.
 */
import { PruneReason, type TableShare } from "@heddle/contracts/RetentionRpc";
import { inList } from "@heddle/sql/InList";
import { threadTables } from "@heddle/event-store/ThreadRows";
import { Effect, Schema } from "effect";
import type { SqlClient, SqlError } from "effect/sql";

export const PruneSelection = Schema.Struct({
  deletedBefore: Schema.optionalKey(Schema.String),
  archivedBefore: Schema.optionalKey(Schema.String),
  threadIds: Schema.Array(Schema.String),
});
export type PruneSelection = typeof PruneSelection.Type;

/** A thread that may go, as it was when it was looked at. */
export const ChosenThread = Schema.Struct({
  threadId: Schema.String,
  title: Schema.String,
  reason: PruneReason,
  /** The folder that its checkpoints are of. */
  folder: Schema.String,
  firstSequence: Schema.Int,
  lastSequence: Schema.Int,
  events: Schema.Int,
});
export type ChosenThread = typeof ChosenThread.Type;

export const Choice = Schema.Struct({
  chosen: Schema.Array(ChosenThread),
  kept: Schema.Array(Schema.Struct({ threadId: Schema.String, message: Schema.String })),
  /** Names that are of no thread. */
  unknown: Schema.Array(Schema.String),
});
export type Choice = typeof Choice.Type;

interface ThreadRow {
  readonly thread_id: string;
  readonly title: string;
  readonly folder: string;
  readonly deleted_at: string | null;
  readonly archived_at: string | null;
}

/** Threads by their state and age, and those that are named; without those in which something is at work. */
export const chooseThreads = Effect.fn("PruneReads.chooseThreads")(function* (
  sql: SqlClient.SqlClient,
  selection: PruneSelection,
): Effect.fn.Return<Choice, SqlError.SqlError> {
  // Timestamps may come in any zone; those that are stored are in UTC.
  const deletedBefore = inUtc(selection.deletedBefore);
  const archivedBefore = inUtc(selection.archivedBefore);
  const rows = yield* sql<ThreadRow>`SELECT thread_id, thread.title AS title, thread.deleted_at AS deleted_at,
      archived_at, coalesce(worktree_path, workspace_root, '') AS folder
    FROM projection_threads AS thread LEFT JOIN projection_projects AS project USING (project_id)
    WHERE thread.deleted_at < ${deletedBefore}
      OR (archived_at < ${archivedBefore} AND thread.deleted_at IS NULL)
      OR ${inList(sql, "thread_id", selection.threadIds)}
    ORDER BY thread_id`;
  const chosen: Array<ChosenThread> = [];
  const kept: Array<Choice["kept"][number]> = [];
  const named = new Set(selection.threadIds);
  for (const { thread_id: threadId, title, folder, ...row } of rows) {
    const message = yield* whyKept(sql, threadId);
    const log = yield* streamOf(sql, threadId);
    if (message !== undefined) kept.push({ threadId, message });
    if (message !== undefined || log === undefined) continue;
    const reason = named.has(threadId) ? "named" : row.deleted_at === null ? "archived" : "deleted";
    chosen.push({ threadId, title, reason, folder, ...log });
  }
  const found = new Set(rows.map(({ thread_id }) => thread_id));
  return { chosen, kept, unknown: selection.threadIds.filter((threadId) => !found.has(threadId)) };
});

const inUtc = (timestamp: string | undefined): string | null =>
  timestamp === undefined ? null : new Date(timestamp).toISOString();

export interface StreamExtent {
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly events: number;
}

/** Where a thread's events stand in the log; undefined where it has none. */
export const streamOf = (
  sql: SqlClient.SqlClient,
  threadId: string,
): Effect.Effect<StreamExtent | undefined, SqlError.SqlError> =>
  Effect.map(
    sql<StreamExtent>`SELECT min(sequence) AS "firstSequence", max(sequence) AS "lastSequence",
      count(*) AS events FROM orchestration_events
      WHERE aggregate_kind = 'thread' AND stream_id = ${threadId}`,
    ([row]) => (row === undefined || row.events === 0 ? undefined : row),
  );

interface Busy {
  readonly turns: number;
  readonly requests: number;
  readonly sessions: number;
  readonly processes: number;
  readonly queued: number;
  readonly effects: number;
  readonly forks: number;
}

/** What is at work in a thread, as a sentence; undefined where nothing is. Each by an index of what is open. */
export const whyKept = (
  sql: SqlClient.SqlClient,
  threadId: string,
): Effect.Effect<string | undefined, SqlError.SqlError> =>
  Effect.map(
    sql<Busy>`SELECT
      (SELECT count(*) FROM projection_thread_turns WHERE thread_id = ${threadId} AND status = 'running') AS turns,
      (SELECT count(*) FROM projection_pending_approvals
        WHERE thread_id = ${threadId} AND status = 'pending') AS requests,
      (SELECT count(*) FROM projection_thread_sessions
        WHERE thread_id = ${threadId} AND status IN ('starting', 'running', 'ready')) AS sessions,
      (SELECT count(*) FROM provider_session_runtime
        WHERE thread_id = ${threadId} AND status IN ('starting', 'running')) AS processes,
      (SELECT count(*) FROM projection_threads
        WHERE thread_id = ${threadId} AND deleted_at IS NULL AND queued_turns_json <> '[]') AS queued,
      (SELECT count(*) FROM orchestration_effects WHERE status IN ('pending', 'claimed')
        AND lane IN (${`thread/${threadId}`}, ${`control/${threadId}`})) AS effects,
      (SELECT count(*) FROM orchestration_effects JOIN projection_threads
          ON orchestration_effects.lane = 'thread/' || projection_threads.thread_id
        WHERE status IN ('pending', 'claimed') AND kind = 'thread.copy-history'
          AND forked_from_json ->> '$.threadId' = ${threadId}) AS forks`,
    ([busy]) => {
      if (busy === undefined) return undefined;
      if (busy.turns > 0) return "A turn runs in it.";
      if (busy.sessions + busy.processes > 0) return "An agent's session is open in it.";
      if (busy.requests > 0) return "A request of an agent is open in it.";
      if (busy.queued > 0) return "Prompts wait in it.";
      if (busy.effects > 0) return "Something is still to be done because of it.";
      if (busy.forks > 0) return "A fork still copies its history.";
      return undefined;
    },
  );

const EVENT_PARTS = [
  { table: "orchestration_events", where: "aggregate_kind = 'thread' AND stream_id = ?" },
  {
    table: "orchestration_effects",
    where: `event_sequence IN (SELECT sequence FROM orchestration_events
      WHERE aggregate_kind = 'thread' AND stream_id = ?)`,
  },
  { table: "orchestration_command_receipts", where: "aggregate_kind = 'thread' AND aggregate_id = ?" },
  { table: "orchestration_stream_snapshots", where: "aggregate_kind = 'thread' AND stream_id = ?" },
] as const;

/** What the database holds of a thread, by table. */
export const sharesOf = Effect.fn("PruneReads.sharesOf")(function* (
  sql: SqlClient.SqlClient,
  threadId: string,
): Effect.fn.Return<ReadonlyArray<TableShare>, SqlError.SqlError> {
  const tables = yield* threadTables(sql);
  const parts = [...tables.map(({ name }) => ({ table: name, where: "thread_id = ?" })), ...EVENT_PARTS];
  const shares = yield* Effect.forEach(parts, ({ table, where }) => shareOf(sql, table, where, [threadId]));
  return shares.filter(({ rows }) => rows > 0);
});

/** How many rows of a table a condition is true of, and the bytes of their values. */
export const shareOf = Effect.fnUntraced(function* (
  sql: SqlClient.SqlClient,
  table: string,
  where: string,
  parameters: ReadonlyArray<unknown>,
): Effect.fn.Return<TableShare, SqlError.SqlError> {
  const columns = yield* sql<{ name: string }>`SELECT name FROM pragma_table_info(${table})`;
  const bytes = columns.map(({ name }) => `coalesce(octet_length(${name}), 0)`).join(" + ");
  const [row] = yield* sql.unsafe<{ rows: number; bytes: number }>(
    `SELECT count(*) AS rows, coalesce(sum(${bytes}), 0) AS bytes FROM ${table} WHERE ${where}`,
    parameters,
  );
  return { table, rows: row?.rows ?? 0, bytes: row?.bytes ?? 0 };
});

/** Puts shares of the same table together. */
export const summed = (shares: ReadonlyArray<TableShare>): ReadonlyArray<TableShare> =>
  [...Map.groupBy(shares, ({ table }) => table)]
    .map(([table, parts]) => ({
      table,
      rows: parts.reduce((sum, { rows }) => sum + rows, 0),
      bytes: parts.reduce((sum, { bytes }) => sum + bytes, 0),
    }))
    .toSorted((left, right) => right.bytes - left.bytes);
