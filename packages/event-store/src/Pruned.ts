/**
 * Threads that were taken out of the log (`orchestration_pruned`, docs/adr/0019-retention.md): the holes that it has. A
 * thread is marked first, in one transaction with what hides it; its rows go afterwards, in small ones, and a mark that is
 * still open is worked off at the next start.
 */
import { Context, Effect, Layer } from "effect";
import { SqlClient, type SqlError } from "effect/sql";

export interface PrunedThread {
  readonly threadId: string;
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly eventCount: number;
  /** Name of the archive file that holds its content, null where none was written. */
  readonly archive: string | null;
  /** Folder whose checkpoints of the thread are still to be removed. */
  readonly checkpointsIn: string | null;
  readonly prunedAt: string;
}

interface PrunedRow {
  readonly thread_id: string;
  readonly first_sequence: number;
  readonly last_sequence: number;
  readonly event_count: number;
  readonly archive: string | null;
  readonly checkpoints_in: string | null;
  readonly pruned_at: string;
}

/** Where the log stands: its last event, or the last one that was taken out. Sequences are never given out again. */
export const HEAD_SQL = `SELECT max(coalesce((SELECT max(sequence) FROM orchestration_events), 0),
  coalesce((SELECT max(last_sequence) FROM orchestration_pruned), 0)) AS head`;

export interface PrunedReads {
  /** Those of which rows may be left. */
  readonly open: Effect.Effect<ReadonlyArray<PrunedThread>, SqlError.SqlError>;
  /** Those whose checkpoints are still there. */
  readonly withCheckpoints: Effect.Effect<ReadonlyArray<PrunedThread>, SqlError.SqlError>;
  /** The last sequence that was taken out of a thread; 0 where none was. */
  readonly lastOf: (threadId: string) => Effect.Effect<number, SqlError.SqlError>;
}

/** The reads of what was pruned, on one connection. */
export const prunedReads = (sql: SqlClient.SqlClient): PrunedReads => ({
  open: Effect.map(
    sql<PrunedRow>`SELECT * FROM orchestration_pruned WHERE state = 'pruning' ORDER BY thread_id`,
    (rows) => rows.map(fromRow),
  ),
  withCheckpoints: Effect.map(
    sql<PrunedRow>`SELECT * FROM orchestration_pruned WHERE checkpoints_in IS NOT NULL ORDER BY thread_id`,
    (rows) => rows.map(fromRow),
  ),
  lastOf: (threadId) =>
    sql<{ last: number }>`SELECT coalesce(max(last_sequence), 0) AS last FROM orchestration_pruned
      WHERE thread_id = ${threadId}`.pipe(Effect.map((rows) => rows[0]?.last ?? 0)),
});

export class Pruned extends Context.Service<
  Pruned,
  PrunedReads & {
    /** The last sequence that was ever taken out of the log; 0 where nothing was. */
    readonly last: () => number;
    /** The same of one thread, if that was since the start of this process. */
    readonly lastSinceStart: (threadId: string) => number;
    /** The thread is marked, and its rows are on their way out: for commands it is not there. */
    readonly isPruning: (threadId: string) => boolean;
    /** Marks a thread, inside the caller's transaction. Run what it gives once that is committed. */
    readonly mark: (thread: PrunedThread) => Effect.Effect<() => void, SqlError.SqlError>;
    /** Says that nothing of the thread is left, inside the caller's transaction; run what it gives after the commit. */
    readonly finish: (thread: PrunedThread) => Effect.Effect<() => void, SqlError.SqlError>;
    readonly checkpointsRemoved: (thread: PrunedThread) => Effect.Effect<void, SqlError.SqlError>;
  }
>()("heddle/event-store/Pruned") {
  static readonly layer = Layer.effect(
    Pruned,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient;
      const reads = prunedReads(sql);
      const [stored] = yield* sql<{ last: number | null }>`
        SELECT max(last_sequence) AS last FROM orchestration_pruned`;
      let last = stored?.last ?? 0;
      const sinceStart = new Map<string, number>();
      const pruning = new Set((yield* reads.open).map(({ threadId }) => threadId));
      return Pruned.of({
        ...reads,
        last: () => last,
        lastSinceStart: (threadId) => sinceStart.get(threadId) ?? 0,
        isPruning: (threadId) => pruning.has(threadId),
        mark: (thread) =>
          sql`INSERT INTO orchestration_pruned ${sql.insert({ ...toRow(thread), state: "pruning" })}`.pipe(
            Effect.as(() => {
              last = Math.max(last, thread.lastSequence);
              sinceStart.set(thread.threadId, thread.lastSequence);
              pruning.add(thread.threadId);
            }),
          ),
        finish: ({ threadId, lastSequence }) =>
          sql`UPDATE orchestration_pruned SET state = 'done'
            WHERE thread_id = ${threadId} AND last_sequence = ${lastSequence}`.pipe(
            Effect.as(() => {
              pruning.delete(threadId);
            }),
          ),
        checkpointsRemoved: ({ threadId, lastSequence }) =>
          sql`UPDATE orchestration_pruned SET checkpoints_in = NULL
            WHERE thread_id = ${threadId} AND last_sequence = ${lastSequence}`.pipe(
            Effect.asVoid,
            sql.withTransaction,
          ),
      });
    }),
  );
}

const fromRow = (row: PrunedRow): PrunedThread => ({
  threadId: row.thread_id,
  firstSequence: row.first_sequence,
  lastSequence: row.last_sequence,
  eventCount: row.event_count,
  archive: row.archive,
  checkpointsIn: row.checkpoints_in,
  prunedAt: row.pruned_at,
});

const toRow = (thread: PrunedThread): PrunedRow => ({
  thread_id: thread.threadId,
  first_sequence: thread.firstSequence,
  last_sequence: thread.lastSequence,
  event_count: thread.eventCount,
  archive: thread.archive,
  checkpoints_in: thread.checkpointsIn,
  pruned_at: thread.prunedAt,
});
