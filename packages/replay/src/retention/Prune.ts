/**
 * Keeps the database small (docs/adr/0019-retention.md): threads leave it for an archive, old receipts and blobs that
 * nothing refers to go, and the file shrinks. All of it while the server serves, and in an order in which a kill at any
 * moment loses nothing.
 */
import type { JobError } from "@heddle/contracts/Jobs";
import { InternalError, NotFound, StoreUnavailable } from "@heddle/contracts/Errors";
import { ThreadId } from "@heddle/contracts/Ids";
import type {
  KeptThread,
  PruneDatabaseInput,
  PruneItem,
  PrunePlan,
  TableShare,
  VacuumItem,
} from "@heddle/contracts/RetentionRpc";
import { basename } from "node:path";
import type { Pruned } from "@heddle/event-store/Pruned";
import type { Receipts } from "@heddle/event-store/Receipts";
import { explainSqlError } from "@heddle/event-store/SqliteDatabase";
import { Runner } from "@heddle/projections/Runner";
import { Clock, Context, Effect, Layer, Queue, Stream } from "effect";
import type { RpcClientError } from "effect/rpc";
import { SqlClient, type SqlError } from "effect/sql";
import { pageCounts } from "../database/DatabaseStats.ts";
import { beginPhase } from "../JobMeter.ts";
import { OneJob } from "../OneJob.ts";
import { sweepBlobs } from "./PruneBlobs.ts";
import { type ChosenThread, summed } from "./PruneReads.ts";
import { pruneReceipts } from "./PruneReceipts.ts";
import type { PruneParts } from "./PruneStore.ts";
import { PruneThread } from "./PruneThread.ts";
import { pruneThreads, removeLeftCheckpoints } from "./PruneThreads.ts";
import { vacuumInSteps } from "./Vacuum.ts";

export class Prune extends Context.Service<
  Prune,
  {
    /** Says what would go, and with `dryRun` nothing else; the job runs for as long as its stream is read. */
    readonly prune: (request: PruneDatabaseInput) => Stream.Stream<PruneItem, JobError>;
    /** Gives free room back to the disk. */
    readonly vacuum: Stream.Stream<VacuumItem, JobError>;
  }
>()("heddle/replay/Prune") {
  static readonly layer = (parts: PruneParts) =>
    Layer.effect(
      Prune,
      Effect.gen(function* () {
        const jobs = yield* OneJob;
        const services = yield* Effect.context<Services>();
        const sql = yield* SqlClient.SqlClient;
        const asStream = <A>(job: (say: Say<A>) => Effect.Effect<void, JobFailure, Services>) =>
          Stream.callback<A, JobError>(
            (queue) =>
              job((item) => Queue.offer(queue, item)).pipe(
                Effect.provide(services),
                Effect.catchTags({ SqlError: notPruned, RpcClientError: threadDied }),
                Effect.andThen(Queue.end(queue)),
              ),
            { bufferSize: 64 },
          );
        yield* Effect.forkScoped(
          Effect.flatMap(removeLeftCheckpoints(parts), (left) =>
            Effect.forEach(left, ({ message }) => Effect.logWarning(message), { discard: true }),
          ).pipe(
            Effect.provide(services),
            Effect.catchTag("SqlError", (error) =>
              Effect.logWarning(`Checkpoints of pruned threads are left: ${explainSqlError(error)}`),
            ),
          ),
        );
        return Prune.of({
          prune: (request) =>
            jobs.stream(
              request.dryRun ? "A look at what a prune would do" : "A prune",
              asStream<PruneItem>((say) => prune(parts, request, say)),
            ),
          vacuum: jobs.stream(
            "A vacuum",
            asStream<VacuumItem>((say) =>
              Effect.flatMap(vacuumInSteps(sql, parts.exclusively, say), (report) =>
                Effect.asVoid(say(report)),
              ),
            ),
          ),
        });
      }),
    );
}

type Services = SqlClient.SqlClient | Pruned | Receipts | Runner | PruneThread;
type JobFailure = JobError | SqlError.SqlError | RpcClientError.RpcClientError;
type Say<A> = (item: A) => Effect.Effect<unknown>;

const notPruned = (error: SqlError.SqlError) =>
  Effect.fail(
    new StoreUnavailable({
      operation: "prune",
      retryable: error.isRetryable,
      message: `The database could not be pruned further: ${explainSqlError(error)}. Nothing is lost: prune again after that, and it goes on.`,
    }),
  );

const threadDied = (error: RpcClientError.RpcClientError) =>
  Effect.andThen(
    Effect.logError("The thread of a prune ended", error),
    Effect.fail(
      new InternalError({
        reference: "prune",
        message:
          "The thread that reads for the prune ended; the server's log has more. Prune again, and it goes on.",
      }),
    ),
  );

const prune = Effect.fn("Prune.prune")(function* (
  parts: PruneParts,
  request: PruneDatabaseInput,
  say: Say<PruneItem>,
): Effect.fn.Return<void, JobFailure, Services> {
  const sql = yield* SqlClient.SqlClient;
  const thread = yield* PruneThread;
  const began = yield* Clock.currentTimeMillis;

  // 1. What goes, and what must stay.
  const { archive = null, receiptsBefore, ...selection } = request;
  const { chosen, kept, unknown } = yield* thread.use((reads) => reads.choose(selectionOf(selection)));
  const [missing] = unknown;
  if (missing !== undefined) {
    return yield* new NotFound({
      kind: "thread",
      id: missing,
      message: `There is no thread ${missing}. Nothing was changed.`,
    });
  }
  const keptThreads = kept.map(asKept);
  const plan = yield* planOf(request, chosen, keptThreads, say);
  yield* say(plan);
  if (request.dryRun) return;

  // 2. What goes is in an archive, on disk and read back, before anything is changed.
  if (chosen.length > 0) {
    yield* requireLive;
    yield* parts.dropShadow;
  }
  if (chosen.length > 0 && archive !== null) {
    const meter = yield* beginPhase("archiving", "threads", say);
    yield* meter.at(0, chosen.length);
    yield* thread.use((reads) =>
      reads.archive({ threadIds: chosen.map(({ threadId }) => threadId), path: archive }),
    );
    yield* meter.at(chosen.length, chosen.length);
  }

  // 3. Threads, receipts, blobs, and the room that they leave.
  const threads = yield* pruneThreads(
    parts,
    chosen,
    archive === null ? null : basename(archive),
    yield* beginPhase("taking out threads", "threads", say),
  );
  const beside: Array<TableShare> = [];
  if (receiptsBefore !== undefined) {
    const meter = yield* beginPhase("taking out receipts", "rows", say);
    const rows = yield* pruneReceipts(parts, new Date(receiptsBefore).toISOString(), meter);
    beside.push({ table: "orchestration_command_receipts", rows, bytes: 0 });
  }
  if (request.blobs) {
    const looking = yield* beginPhase("looking for blobs", "rows", say);
    yield* looking.at(0, null);
    const found = yield* thread.use((reads) => reads.unreferencedBlobs({ withoutThreads: [] }));
    const meter = yield* beginPhase("taking out blobs", "rows", say);
    beside.push({ table: "orchestration_blobs", ...(yield* sweepBlobs(parts, found, meter)) });
  }
  const { fileBytesBefore, fileBytesAfter } = yield* vacuumed(parts, sql, plan, say);
  yield* say({
    kind: "report",
    threadCount: threads.count,
    kept: [...keptThreads, ...threads.kept],
    archive: chosen.length > 0 ? archive : null,
    tables: withBytes(
      summed([...threads.tables, ...beside]).filter(({ rows }) => rows > 0),
      plan.tables,
    ),
    checkpointsLeft: threads.checkpointsLeft,
    fileBytesBefore,
    fileBytesAfter,
    seconds: ((yield* Clock.currentTimeMillis) - began) / 1000,
  });
});

const vacuumed = (parts: PruneParts, sql: SqlClient.SqlClient, plan: PrunePlan, say: Say<PruneItem>) =>
  Effect.map(vacuumInSteps(sql, parts.exclusively, say), ({ fileBytesAfter }) => ({
    fileBytesBefore: plan.fileBytes,
    fileBytesAfter,
  }));

const selectionOf = ({
  threadIds,
  deletedBefore,
  archivedBefore,
}: Pick<PruneDatabaseInput, "threadIds" | "deletedBefore" | "archivedBefore">) => ({
  threadIds,
  ...(deletedBefore !== undefined && { deletedBefore }),
  ...(archivedBefore !== undefined && { archivedBefore }),
});

const asKept = ({
  threadId,
  message,
}: {
  readonly threadId: string;
  readonly message: string;
}): KeptThread => ({
  threadId: ThreadId.make(threadId),
  message,
});

/** The bytes of what was planned, where as many rows went. */
const withBytes = (
  tables: ReadonlyArray<TableShare>,
  planned: ReadonlyArray<TableShare>,
): ReadonlyArray<TableShare> =>
  tables.map((share) => ({
    ...share,
    bytes: Math.max(share.bytes, planned.find(({ table }) => table === share.table)?.bytes ?? 0),
  }));

/** The threads that a plan lists at most; it counts all of them. */
const LISTED = 1000;

const planOf = Effect.fnUntraced(function* (
  { receiptsBefore, blobs }: PruneDatabaseInput,
  chosen: ReadonlyArray<ChosenThread>,
  kept: ReadonlyArray<KeptThread>,
  say: Say<PruneItem>,
) {
  const thread = yield* PruneThread;
  const sql = yield* SqlClient.SqlClient;
  const meter = yield* beginPhase("measuring", "threads", say);
  const shares: Array<TableShare> = [];
  const threads: Array<PrunePlan["threads"][number]> = [];
  for (const [index, { threadId, title, reason, events }] of chosen.entries()) {
    const own = yield* thread.use((reads) => reads.shares({ threadId }));
    shares.push(...own);
    const rows = own.reduce((sum, share) => sum + share.rows, 0);
    const bytes = own.reduce((sum, share) => sum + share.bytes, 0);
    if (index < LISTED)
      threads.push({ threadId: ThreadId.make(threadId), title, reason, events, rows, bytes });
    yield* meter.at(index + 1, chosen.length);
  }
  if (receiptsBefore !== undefined) {
    const before = new Date(receiptsBefore).toISOString();
    shares.push(yield* thread.use((reads) => reads.receiptShare({ before })));
  }
  if (blobs) {
    const withoutThreads = chosen.map(({ threadId }) => threadId);
    const unreferenced = yield* thread.use((reads) => reads.unreferencedBlobs({ withoutThreads }));
    shares.push({
      table: "orchestration_blobs",
      rows: unreferenced.blobs.length,
      bytes: unreferenced.blobs.reduce((sum, blob) => sum + blob.bytes, 0),
    });
  }
  const { pages, pageBytes, freePages } = yield* pageCounts(sql);
  return {
    kind: "plan",
    threads,
    threadCount: chosen.length,
    kept,
    tables: summed(shares).filter(({ rows }) => rows > 0),
    fileBytes: pages * pageBytes,
    freeBytes: freePages * pageBytes,
  } satisfies PrunePlan;
});

/** A projection that is behind would be given events of threads that are half gone. */
const requireLive = Effect.gen(function* () {
  const runner = yield* Runner;
  const other = (yield* runner.status).find(({ state }) => state !== "live");
  if (other === undefined) return;
  return yield* new StoreUnavailable({
    operation: "prune",
    retryable: true,
    message: `The projection ${other.projector} is ${other.state}${other.fault === null ? "" : ` (${other.fault})`}. Threads can be pruned when all projections are live; \`heddle projections status\` shows them. Nothing was changed.`,
  });
});
