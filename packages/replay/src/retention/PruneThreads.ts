/**
 * Takes threads out of the database: each is marked in one transaction with what hides it, and its rows go in short ones.
 * What is marked stays marked over a kill, and is brought to its end by the next prune, or the next start.
 */
import type { KeptThread, TableShare } from "@heddle/contracts/RetentionRpc";
import { ThreadId } from "@heddle/contracts/Ids";
import { Pruned, type PrunedThread } from "@heddle/event-store/Pruned";
import { HEADER_TABLES, type RowCounts, threadParts } from "@heddle/event-store/ThreadRows";
import { Runner } from "@heddle/projections/Runner";
import { Clock, Effect } from "effect";
import { SqlClient, type SqlError } from "effect/sql";
import type { JobMeter } from "../JobMeter.ts";
import { type ChosenThread, streamOf, whyKept } from "./PruneReads.ts";
import type { PruneParts } from "./PruneStore.ts";
import { inShortSteps } from "./ShortSteps.ts";

/** Removes the checkpoints that a prune which was cut short has left; says what could not be removed. */
export const removeLeftCheckpoints = Effect.fn("PruneThreads.removeLeftCheckpoints")(function* (
  parts: Pick<PruneParts, "removeCheckpoints">,
) {
  const pruned = yield* Pruned;
  const left: Array<KeptThread> = [];
  for (const thread of yield* pruned.withCheckpoints) {
    const problem = yield* parts.removeCheckpoints(thread);
    if (problem === undefined) yield* pruned.checkpointsRemoved(thread);
    else left.push({ threadId: ThreadId.make(thread.threadId), message: problem });
  }
  return left;
});

export interface PrunedThreads {
  readonly count: number;
  readonly kept: ReadonlyArray<KeptThread>;
  /** Rows that went, without their bytes. */
  readonly tables: ReadonlyArray<TableShare>;
  readonly checkpointsLeft: ReadonlyArray<KeptThread>;
}

export const pruneThreads = Effect.fn("PruneThreads.pruneThreads")(function* (
  parts: PruneParts,
  threads: ReadonlyArray<ChosenThread>,
  archive: string | null,
  meter: JobMeter,
): Effect.fn.Return<PrunedThreads, SqlError.SqlError, SqlClient.SqlClient | Pruned | Runner> {
  const sql = yield* SqlClient.SqlClient;
  const pruned = yield* Pruned;
  const runner = yield* Runner;
  const kinds = yield* threadParts(sql);
  const rows = new Map<string, number>();
  const kept: Array<KeptThread> = [];
  let threadCount = 0;
  const count = (counts: RowCounts): void => {
    for (const [table, deleted] of counts) rows.set(table, (rows.get(table) ?? 0) + deleted);
  };

  const takeOut = Effect.fnUntraced(function* (thread: PrunedThread) {
    for (const kind of kinds) {
      yield* inShortSteps(parts.exclusively, (size) =>
        Effect.map(sql.withTransaction(kind.deleteSome(thread, size)), ({ counts, more }) => {
          count(counts);
          return more;
        }),
      );
    }
    // Projectors remember rows that are no more.
    const finish = Effect.tap(sql.withTransaction(pruned.finish(thread)), (finished) =>
      Effect.andThen(runner.reload, Effect.sync(finished)),
    );
    yield* parts.exclusively(finish);
    threadCount += 1;
  });

  // 1. What an earlier prune has left.
  for (const thread of yield* pruned.open) yield* takeOut(thread);

  // 2. What was chosen, if it is still as it was then.
  for (const [index, thread] of threads.entries()) {
    yield* meter.at(index, threads.length);
    const marked = yield* parts.exclusively(mark(sql, pruned, parts, thread, archive));
    if (typeof marked === "string") {
      kept.push({ threadId: ThreadId.make(thread.threadId), message: marked });
      continue;
    }
    count(marked.counts);
    yield* takeOut(marked.thread);
  }
  yield* meter.at(threads.length, threads.length);
  const checkpointsLeft = yield* removeLeftCheckpoints(parts);
  const tables = [...rows].map(([table, deleted]) => ({ table, rows: deleted, bytes: 0 }));
  return { count: threadCount, kept, tables, checkpointsLeft };
});

/** Marks and hides the thread, or says why it stays: what was archived must be all of it. */
const mark = Effect.fnUntraced(function* (
  sql: SqlClient.SqlClient,
  pruned: Pruned["Service"],
  parts: PruneParts,
  { threadId, folder, ...chosen }: ChosenThread,
  archive: string | null,
) {
  const now = new Date(yield* Clock.currentTimeMillis).toISOString();
  const marked = yield* sql.withTransaction(
    Effect.gen(function* () {
      const why = yield* whyKept(sql, threadId);
      if (why !== undefined) return why;
      const log = yield* streamOf(sql, threadId);
      if (log === undefined || log.lastSequence !== chosen.lastSequence || log.events !== chosen.events) {
        return "Something happened in it meanwhile.";
      }
      const thread: PrunedThread = {
        threadId,
        firstSequence: log.firstSequence,
        lastSequence: log.lastSequence,
        eventCount: log.events,
        archive,
        checkpointsIn: folder === "" ? null : folder,
        prunedAt: now,
      };
      const committed = yield* pruned.mark(thread);
      const counts = new Map<string, number>();
      for (const table of HEADER_TABLES) {
        const gone = yield* sql`DELETE FROM ${sql(table)} WHERE thread_id = ${threadId} RETURNING 1`;
        counts.set(table, gone.length);
      }
      return { thread, counts, committed };
    }),
  );
  if (typeof marked === "string") return marked;
  marked.committed();
  parts.threadHidden(threadId);
  return marked;
});
