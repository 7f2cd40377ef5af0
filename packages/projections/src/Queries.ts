/**
 * What clients read (SPEC section 7.4), from projection tables only. Each answer is read in one transaction, so that its
 * rows and its `snapshotSequence` belong together.
 */
import { NotFound } from "@heddle/contracts/Errors";
import type { ProjectId, ThreadId } from "@heddle/contracts/Ids";
import type {
  Message,
  PendingApproval,
  Project,
  ShellSnapshot,
  Snapshot,
  ThreadSnapshot,
  ThreadSummary,
  Turn,
} from "@heddle/contracts/ReadModel";
import { inList } from "@heddle/sql/InList";
import { Context, Effect, Layer, type Schema } from "effect";
import { SqlClient, type SqlError } from "effect/sql";
import {
  activityRows,
  approvalRows,
  checkpointRows,
  messageRows,
  projectRows,
  select,
  sessionRows,
  threadRows,
  turnRows,
} from "./Rows.ts";

/** A page of a thread ends at about this many bytes of text, attachments and payloads. */
const PAGE_BYTES = 1_048_576;
/** What an entry costs beside them. */
const ENTRY_BYTES = 300;

export interface ThreadPage {
  readonly threadId: ThreadId;
  readonly limit: number;
  /** Sequence before which the page ends; the newest page without it. */
  readonly before?: number;
}

export interface UnsettledThread {
  readonly threadId: ThreadId;
  /** The turn that claims to run. */
  readonly runningTurn: Turn | null;
}

type ReadFailure = SqlError.SqlError | Schema.SchemaError;

export class Queries extends Context.Service<
  Queries,
  {
    readonly snapshot: Effect.Effect<Snapshot, ReadFailure>;
    /** Without what was deleted. */
    readonly shellSnapshot: Effect.Effect<ShellSnapshot, ReadFailure>;
    readonly threadSnapshot: (page: ThreadPage) => Effect.Effect<ThreadSnapshot, ReadFailure | NotFound>;
    /** A thread without its history, deleted ones too; undefined where there is none. */
    readonly thread: (threadId: ThreadId) => Effect.Effect<ThreadSummary | undefined, ReadFailure>;
    /** Turns that a thread has begun, less those that were reverted. */
    readonly turnCount: (threadId: ThreadId) => Effect.Effect<number, ReadFailure>;
    /** The messages of a thread up to the end of a turn, oldest first. */
    readonly history: (
      threadId: ThreadId,
      turnCount: number,
    ) => Effect.Effect<ReadonlyArray<Message>, ReadFailure>;
    /** Threads of a project that are not deleted. */
    readonly threadsOf: (projectId: ProjectId) => Effect.Effect<ReadonlyArray<ThreadId>, ReadFailure>;
    /** Threads that claim a live session, a running turn or an open request: after a start, none of them is true. */
    readonly unsettledThreads: Effect.Effect<ReadonlyArray<UnsettledThread>, ReadFailure>;
    /** Deleted ones too; undefined where there is none. */
    readonly project: (projectId: ProjectId) => Effect.Effect<Project | undefined, ReadFailure>;
  }
>()("heddle/projections/Queries") {
  static readonly layer = Layer.effect(
    Queries,
    Effect.map(SqlClient.SqlClient, (sql) => Queries.of(queries(sql))),
  );
}

const queries = (sql: SqlClient.SqlClient): Queries["Service"] => {
  const snapshotSequence = sql<{ sequence: number | null }>`
    SELECT min(last_applied_sequence) AS sequence FROM projection_state`.pipe(
    Effect.map((rows) => rows[0]?.sequence ?? 0),
  );
  const openApprovals = (threadId?: ThreadId) =>
    select(
      sql,
      approvalRows,
      sql`WHERE status = 'pending' ${threadId === undefined ? sql.literal("") : sql`AND thread_id = ${threadId}`}
        ORDER BY sequence`,
    );

  const snapshot = Effect.gen(function* () {
    const sequence = yield* snapshotSequence;
    const projects = yield* select(sql, projectRows, sql`ORDER BY project_id`);
    const heads = yield* select(sql, threadRows, sql`ORDER BY thread_id`);
    const messages = byThread(yield* select(sql, messageRows, sql`ORDER BY thread_id, sequence`));
    const activities = byThread(yield* select(sql, activityRows, sql`ORDER BY thread_id, sequence`));
    const turns = byThread(yield* select(sql, turnRows, sql`ORDER BY thread_id, turn_count`));
    const checkpoints = byThread(
      yield* select(sql, checkpointRows, sql`ORDER BY thread_id, checkpoint_turn_count`),
    );
    const sessions = byThread(yield* select(sql, sessionRows, sql``));
    const approvals = byThread(yield* select(sql, approvalRows, sql`ORDER BY thread_id, sequence`));
    return {
      snapshotSequence: sequence,
      projects,
      threads: heads.map((head) => ({
        ...head,
        messages: messages(head.threadId),
        activities: activities(head.threadId),
        turns: turns(head.threadId),
        checkpoints: checkpoints(head.threadId),
        session: sessions(head.threadId)[0] ?? null,
        pendingApprovals: approvals(head.threadId),
      })),
    };
  });

  const shellSnapshot = Effect.gen(function* () {
    const sequence = yield* snapshotSequence;
    const projects = yield* select(sql, projectRows, sql`WHERE deleted_at IS NULL ORDER BY project_id`);
    const heads = yield* select(sql, threadRows, sql`WHERE deleted_at IS NULL ORDER BY thread_id`);
    const sessions = byThread(yield* select(sql, sessionRows, sql``));
    const approvals = byThread(yield* openApprovals());
    return {
      snapshotSequence: sequence,
      projects,
      threads: heads.map((head) => ({
        ...head,
        session: sessions(head.threadId)[0] ?? null,
        pendingApprovals: approvals(head.threadId),
      })),
    };
  });

  const thread = Effect.fnUntraced(function* (threadId: ThreadId) {
    const [head] = yield* select(sql, threadRows, sql`WHERE thread_id = ${threadId}`);
    if (head === undefined) return undefined;
    const [session] = yield* select(sql, sessionRows, sql`WHERE thread_id = ${threadId}`);
    const pendingApprovals = yield* openApprovals(threadId);
    return { ...head, session: session ?? null, pendingApprovals };
  });

  /** Where a page begins: the lowest sequence that still fits, and whether there is more below it. */
  const pageStart = Effect.fnUntraced(function* ({ threadId, limit }: ThreadPage, before: number) {
    // octet_length, since length counts characters, and stops at a NUL.
    const newest = (table: string, bytes: string) =>
      sql<{ sequence: number; bytes: number }>`
        SELECT sequence, ${sql.literal(bytes)} AS bytes FROM ${sql(table)}
        WHERE thread_id = ${threadId} AND sequence < ${before} ORDER BY sequence DESC LIMIT ${limit + 1}`;
    const entries = [
      ...(yield* newest("projection_thread_messages", "octet_length(text) + octet_length(attachments_json)")),
      ...(yield* newest("projection_thread_activities", "octet_length(payload_json)")),
    ].toSorted((left, right) => right.sequence - left.sequence);
    let bytes = 0;
    let taken = 0;
    for (const entry of entries) {
      bytes += entry.bytes + ENTRY_BYTES;
      if (taken === limit || (taken > 0 && bytes > PAGE_BYTES)) break;
      taken += 1;
    }
    const hasMore = taken < entries.length;
    return { from: hasMore ? (entries[taken - 1]?.sequence ?? 0) : 0, hasMore };
  });

  const threadSnapshot = Effect.fnUntraced(function* (page: ThreadPage) {
    const { threadId } = page;
    const head = yield* thread(threadId);
    if (head === undefined || head.deletedAt !== null) {
      const message = "There is no such thread, or it was deleted.";
      return yield* new NotFound({ kind: "thread", id: threadId, message });
    }
    const newest = page.before === undefined;
    const before = page.before ?? Number.MAX_SAFE_INTEGER;
    const { from, hasMore } = yield* pageStart(page, before);
    const window = sql`WHERE thread_id = ${threadId} AND sequence >= ${from} AND sequence < ${before} ORDER BY sequence`;
    const messages = yield* select(sql, messageRows, window);
    const activities = yield* select(sql, activityRows, window);
    const approvals = yield* select(sql, approvalRows, window);
    const turnIds = new Set<string>();
    for (const { turnId } of [...messages, ...activities]) if (turnId !== null) turnIds.add(turnId);
    if (newest && head.latestTurnId !== null) turnIds.add(head.latestTurnId);
    const ofTurns = sql`WHERE thread_id = ${threadId} AND ${inList(sql, "turn_id", [...turnIds])}`;
    const shown = new Set<string>(approvals.map((approval) => approval.requestId));
    const older: ReadonlyArray<PendingApproval> = newest
      ? head.pendingApprovals.filter((approval) => !shown.has(approval.requestId))
      : [];
    return {
      snapshotSequence: yield* snapshotSequence,
      thread: {
        ...head,
        messages,
        activities,
        turns: yield* select(sql, turnRows, sql`${ofTurns} ORDER BY turn_count`),
        checkpoints: yield* select(sql, checkpointRows, sql`${ofTurns} ORDER BY checkpoint_turn_count`),
        pendingApprovals: [...older, ...approvals],
      },
      olderCursor: hasMore ? from : null,
    };
  });

  return {
    snapshot: sql.withTransaction(snapshot),
    shellSnapshot: sql.withTransaction(shellSnapshot),
    threadSnapshot: (page) => sql.withTransaction(threadSnapshot(page)),
    thread: (threadId) => sql.withTransaction(thread(threadId)),
    turnCount: (threadId) =>
      sql<{ count: number }>`SELECT coalesce(max(turn_count), 0) AS count FROM projection_thread_turns
        WHERE thread_id = ${threadId}`.pipe(Effect.map((rows) => rows[0]?.count ?? 0)),
    history: (threadId, turnCount) =>
      select(
        sql,
        messageRows,
        sql`WHERE thread_id = ${threadId} AND (turn_id IS NULL OR turn_id IN (
            SELECT turn_id FROM projection_thread_turns WHERE thread_id = ${threadId} AND turn_count <= ${turnCount}
          )) ORDER BY sequence`,
      ),
    threadsOf: (projectId) =>
      sql<{ threadId: ThreadId }>`SELECT thread_id AS "threadId" FROM projection_threads
        WHERE project_id = ${projectId} AND deleted_at IS NULL ORDER BY thread_id`.pipe(
        Effect.map((rows) => rows.map(({ threadId }) => threadId)),
      ),
    unsettledThreads: sql.withTransaction(
      Effect.gen(function* () {
        const running = yield* select(sql, turnRows, sql`WHERE status = 'running'`);
        const claiming = yield* sql<{ threadId: ThreadId }>`
          SELECT thread_id AS "threadId" FROM projection_thread_sessions WHERE status IN ('starting', 'running', 'ready')
          UNION SELECT thread_id FROM projection_pending_approvals WHERE status = 'pending'`;
        const threadIds = new Set([...running, ...claiming].map(({ threadId }) => threadId));
        return [...threadIds].map((threadId) => ({
          threadId,
          runningTurn: running.find((turn) => turn.threadId === threadId) ?? null,
        }));
      }),
    ),
    project: (projectId) =>
      select(sql, projectRows, sql`WHERE project_id = ${projectId}`).pipe(Effect.map((rows) => rows[0])),
  };
};

/** Rows by their thread, in the order in which they came. */
const byThread = <Row extends { readonly threadId: ThreadId }>(rows: ReadonlyArray<Row>) => {
  const groups = Map.groupBy(rows, (row) => row.threadId);
  return (threadId: ThreadId): ReadonlyArray<Row> => groups.get(threadId) ?? [];
};
