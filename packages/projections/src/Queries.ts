/**
 * What clients read (SPEC section 7.4), from projection tables only. Each answer is read in one transaction, so that its
 * rows and its `snapshotSequence` belong together.
 */
import { NotFound } from "@heddle/contracts/Errors";
import type { ProjectId, ThreadId, TurnId } from "@heddle/contracts/Ids";
import type {
  LaggingProjector,
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
import { SqlClient, type SqlError, type Statement } from "effect/sql";
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

/** A page of a thread ends at about this many bytes of text, attachments, payloads and lists of files. */
const PAGE_BYTES = 1_048_576;
/** What an entry costs beside them. */
const ENTRY_BYTES = 300;

export interface ShellPage {
  /** All threads without it. */
  readonly limit?: number;
  /** Thread after which the page begins; the first page without it. */
  readonly after?: ThreadId;
}

export interface ThreadPage {
  readonly threadId: ThreadId;
  readonly limit: number;
  /** Sequence before which the page ends; the newest page without it. */
  readonly before?: number;
}

export interface SaidBefore {
  readonly threadId: ThreadId;
  /** The turn whose messages are left out. */
  readonly turnId: TurnId;
  /** Of messages, and of each one's text. */
  readonly limit: number;
  readonly characters: number;
}

/** A message as somebody who was not there is told of it. */
export interface SaidMessage {
  readonly role: Message["role"];
  /** Its beginning. */
  readonly text: string;
  /** Whether there is more of it. */
  readonly cut: boolean;
  /** Names of its attachments. */
  readonly attachments: ReadonlyArray<string>;
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
    /** Without what was deleted. Costs what the page holds: the rows of other threads are not looked at. */
    readonly shellSnapshot: (page: ShellPage) => Effect.Effect<ShellSnapshot, ReadFailure>;
    readonly threadSnapshot: (page: ThreadPage) => Effect.Effect<ThreadSnapshot, ReadFailure | NotFound>;
    /** A thread without its history, deleted ones too; undefined where there is none. */
    readonly thread: (threadId: ThreadId) => Effect.Effect<ThreadSummary | undefined, ReadFailure>;
    /** Turns that a thread has begun, less those that were reverted. */
    readonly turnCount: (threadId: ThreadId) => Effect.Effect<number, ReadFailure>;
    /** A turn that has begun, unless it was reverted. */
    readonly turn: (turnId: TurnId) => Effect.Effect<Turn | undefined, ReadFailure>;
    /** The messages of a thread up to the end of a turn, oldest first. */
    readonly history: (
      threadId: ThreadId,
      turnCount: number,
    ) => Effect.Effect<ReadonlyArray<Message>, ReadFailure>;
    /** What was said in a thread outside of a turn: its newest messages, newest first, and how many there are. */
    readonly saidBefore: (
      request: SaidBefore,
    ) => Effect.Effect<
      { readonly newest: ReadonlyArray<SaidMessage>; readonly total: number },
      SqlError.SqlError
    >;
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
  /** How far the snapshot is, and which of its parts are behind the others. */
  const progress = sql<Omit<LaggingProjector, "behind">>`
    SELECT projector, last_applied_sequence AS "lastAppliedSequence", fault FROM projection_state`.pipe(
    Effect.map((states) => {
      const head = Math.max(0, ...states.map(({ lastAppliedSequence }) => lastAppliedSequence));
      return {
        snapshotSequence: Math.min(head, ...states.map(({ lastAppliedSequence }) => lastAppliedSequence)),
        laggingProjectors: states
          .map((state) => ({ ...state, behind: head - state.lastAppliedSequence }))
          .filter(({ behind, fault }) => behind > 0 || fault !== null),
      };
    }),
  );
  // Sorted by an expression: else SQLite goes through all that a thread ever asked, on the index that has their order.
  const openApprovals = (ofThreads: Statement.Fragment) =>
    select(sql, approvalRows, sql`WHERE status = 'pending' AND ${ofThreads} ORDER BY +sequence`);

  const snapshot = Effect.gen(function* () {
    const state = yield* progress;
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
      ...state,
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

  const shellSnapshot = Effect.fnUntraced(function* ({ limit, after }: ShellPage) {
    const state = yield* progress;
    const projects = yield* select(sql, projectRows, sql`WHERE deleted_at IS NULL ORDER BY project_id`);
    const from: string = after ?? "";
    // One more than the page holds says whether there is a next one.
    const found = yield* select(
      sql,
      threadRows,
      sql`WHERE deleted_at IS NULL AND thread_id > ${from} ORDER BY thread_id
        ${limit === undefined ? sql.literal("") : sql`LIMIT ${limit + 1}`}`,
    );
    const heads = found.slice(0, limit);
    const last = heads.at(-1)?.threadId ?? null;
    const ofPage = sql`thread_id > ${from} AND thread_id <= ${last}`;
    const sessions = byThread(yield* select(sql, sessionRows, sql`WHERE ${ofPage}`));
    const approvals = byThread(yield* openApprovals(ofPage));
    return {
      ...state,
      projects,
      threads: heads.map((head) => ({
        ...head,
        session: sessions(head.threadId)[0] ?? null,
        pendingApprovals: approvals(head.threadId),
      })),
      nextCursor: heads.length < found.length ? last : null,
    };
  });

  const thread = Effect.fnUntraced(function* (threadId: ThreadId) {
    const [head] = yield* select(sql, threadRows, sql`WHERE thread_id = ${threadId}`);
    if (head === undefined) return undefined;
    const [session] = yield* select(sql, sessionRows, sql`WHERE thread_id = ${threadId}`);
    const pendingApprovals = yield* openApprovals(sql`thread_id = ${threadId}`);
    return { ...head, session: session ?? null, pendingApprovals };
  });

  /** Where a page begins: the lowest sequence that still fits, and whether there is more below it. */
  const pageStart = Effect.fnUntraced(function* ({ threadId, limit }: ThreadPage, before: number) {
    // octet_length, since length counts characters, and stops at a NUL.
    const newest = (table: string, columns: ReadonlyArray<string>, counts: 0 | 1, from: number) => {
      const bytes = columns.map((column) => `coalesce(octet_length(${column}), 0)`).join(" + ");
      return sql<{ sequence: number; turnId: string | null; bytes: number; counts: 0 | 1 }>`
        SELECT sequence, turn_id AS "turnId", ${sql.literal(bytes)} AS bytes, ${counts} AS counts
        FROM ${sql(table)}
        WHERE thread_id = ${threadId} AND sequence >= ${from} AND sequence < ${before}
        ORDER BY sequence DESC LIMIT ${limit + 1}`;
    };
    const counted = [
      ...(yield* newest("projection_thread_messages", ["text", "full_text_json", "attachments_json"], 1, 0)),
      ...(yield* newest("projection_thread_activities", ["payload_json"], 1, 0)),
    ]
      .toSorted(newestFirst)
      .slice(0, limit + 1);
    const oldest = counted[limit]?.sequence ?? 0;
    const entries = [
      ...counted,
      // Not counted, but they fill the page as well.
      ...(yield* newest("projection_pending_approvals", ["detail_json", "questions_json"], 0, oldest)),
    ].toSorted(newestFirst);
    const files = yield* filesBytes(entries);
    let bytes = 0;
    let taken = 0;
    let from = 0;
    for (const { sequence, turnId, counts, ...entry } of entries) {
      // A turn's files come with the first of its entries.
      bytes += entry.bytes + ENTRY_BYTES + ((turnId !== null && files.get(turnId)) || 0);
      if ((counts && taken === limit) || (taken > 0 && bytes > PAGE_BYTES)) return { from, hasMore: true };
      if (turnId !== null) files.delete(turnId);
      if (counts) from = sequence;
      taken += counts;
    }
    return { from: 0, hasMore: false };
  });

  /** How long the list of files is that each turn of some entries changed. */
  const filesBytes = (entries: ReadonlyArray<{ readonly turnId: string | null }>) => {
    const turnIds = new Set(entries.flatMap(({ turnId }) => turnId ?? []));
    return sql<{ turnId: string; bytes: number }>`
      SELECT turn.turn_id AS "turnId", octet_length(files_json) AS bytes FROM projection_thread_turns AS turn
      JOIN projection_checkpoints AS checkpoint
        ON checkpoint.thread_id = turn.thread_id AND checkpoint_turn_count = turn_count
      WHERE ${inList(sql, "turn.turn_id", [...turnIds])}`.pipe(
      Effect.map((rows) => new Map(rows.map(({ turnId, bytes }) => [turnId, bytes]))),
    );
  };

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
    const turns = yield* select(
      sql,
      turnRows,
      sql`WHERE ${inList(sql, "turn_id", [...turnIds])} ORDER BY turn_count`,
    );
    // By their counts, for which there is an index.
    const checkpoints = yield* select(
      sql,
      checkpointRows,
      sql`WHERE thread_id = ${threadId} AND checkpoint_turn_count >= ${turns.at(0)?.turnCount ?? 0}
        AND checkpoint_turn_count <= ${turns.at(-1)?.turnCount ?? -1} ORDER BY checkpoint_turn_count`,
    );
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
        turns,
        checkpoints: checkpoints.filter(({ turnId }) => turnIds.has(turnId)),
        pendingApprovals: [...older, ...approvals],
      },
      olderCursor: hasMore ? from : null,
    };
  });

  return {
    snapshot: sql.withTransaction(snapshot),
    shellSnapshot: (page) => sql.withTransaction(shellSnapshot(page)),
    threadSnapshot: (page) => sql.withTransaction(threadSnapshot(page)),
    thread: (threadId) => sql.withTransaction(thread(threadId)),
    turnCount: (threadId) =>
      sql<{ count: number }>`SELECT coalesce(max(turn_count), 0) AS count FROM projection_thread_turns
        WHERE thread_id = ${threadId}`.pipe(Effect.map((rows) => rows[0]?.count ?? 0)),
    turn: (turnId) => Effect.map(select(sql, turnRows, sql`WHERE turn_id = ${turnId}`), ([turn]) => turn),
    history: (threadId, turnCount) =>
      select(
        sql,
        messageRows,
        sql`WHERE thread_id = ${threadId} AND (turn_id IS NULL OR turn_id IN (
            SELECT turn_id FROM projection_thread_turns WHERE thread_id = ${threadId} AND turn_count <= ${turnCount}
          )) ORDER BY sequence`,
      ),
    saidBefore: ({ threadId, turnId, limit, characters }) =>
      sql.withTransaction(
        Effect.gen(function* () {
          const of = sql`thread_id = ${threadId} AND turn_id IS NOT ${turnId}`;
          const rows = yield* sql<SaidRow>`
            SELECT role, substr(text, 1, ${characters}) AS text,
              full_text_json IS NOT NULL OR length(text) > ${characters} AS cut,
              (SELECT json_group_array(json_extract(value, '$.name')) FROM json_each(attachments_json)) AS names
            FROM projection_thread_messages WHERE ${of} ORDER BY sequence DESC LIMIT ${limit}`;
          const [count] = yield* sql<{ total: number }>`
            SELECT count(*) AS total FROM projection_thread_messages WHERE ${of}`;
          return {
            newest: rows.map(({ role, text, cut, names }) => ({
              role,
              text,
              cut: cut === 1,
              attachments: JSON.parse(names) as ReadonlyArray<string>,
            })),
            total: count?.total ?? 0,
          };
        }),
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

interface SaidRow {
  readonly role: Message["role"];
  readonly text: string;
  readonly cut: 0 | 1;
  readonly names: string;
}

const newestFirst = (left: { readonly sequence: number }, right: { readonly sequence: number }): number =>
  right.sequence - left.sequence;

/** Rows by their thread, in the order in which they came. */
const byThread = <Row extends { readonly threadId: ThreadId }>(rows: ReadonlyArray<Row>) => {
  const groups = Map.groupBy(rows, (row) => row.threadId);
  return (threadId: ThreadId): ReadonlyArray<Row> => groups.get(threadId) ?? [];
};
