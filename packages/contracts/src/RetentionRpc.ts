/**
 * What is not kept for ever (SPEC section 3): threads that leave the database for an archive, old receipts, blobs that
 * nothing refers to, and the room that they leave in the file.
 */
import { Effect, Schema } from "effect";
import { Rpc, RpcGroup } from "effect/rpc";
import { ThreadId } from "./Ids.ts";
import { JobError, JobProgress } from "./Jobs.ts";
import { AbsolutePath, Timestamp } from "./Model.ts";

const flag = Schema.Boolean.pipe(Schema.withDecodingDefaultKey(Effect.succeed(false)));

export const PruneDatabaseInput = Schema.Struct({
  /** Threads that were deleted before this moment. */
  deletedBefore: Schema.optionalKey(Timestamp),
  /** Threads that were archived before this moment, and still are. */
  archivedBefore: Schema.optionalKey(Timestamp),
  /** These threads, whatever they are, if nothing is at work in them. */
  threadIds: Schema.Array(ThreadId)
    .check(Schema.isMaxLength(1000))
    .pipe(Schema.withDecodingDefaultKey(Effect.succeed([]))),
  /**
   * The file that the threads go to: a new one, on the server's machine. Null: they are not kept anywhere. Without it only
   * a dry run is possible.
   */
  archive: Schema.optionalKey(Schema.NullOr(AbsolutePath)),
  /** Receipts of commands that were accepted or rejected before this moment, a day ago at the latest. */
  receiptsBefore: Schema.optionalKey(Timestamp),
  /** Blobs that nothing refers to. */
  blobs: flag,
  /** Says what it would do, and changes nothing. */
  dryRun: flag,
});
export type PruneDatabaseInput = typeof PruneDatabaseInput.Type;

/** Rows of one table, and how much they hold: the bytes of their values, without what the file needs around them. */
export const TableShare = Schema.Struct({
  table: Schema.String,
  rows: Schema.Int,
  bytes: Schema.Int,
});
export type TableShare = typeof TableShare.Type;

/** Why a thread was chosen. */
export const PruneReason = Schema.Literals(["deleted", "archived", "named"]);

export const PrunableThread = Schema.Struct({
  threadId: ThreadId,
  title: Schema.String,
  reason: PruneReason,
  events: Schema.Int,
  /** Of all that the database holds of it. */
  rows: Schema.Int,
  bytes: Schema.Int,
});
export type PrunableThread = typeof PrunableThread.Type;

/** A thread that was chosen and stays, since something is at work in it. */
export const KeptThread = Schema.Struct({ threadId: ThreadId, message: Schema.String });
export type KeptThread = typeof KeptThread.Type;

/** What a prune would do. */
export const PrunePlan = Schema.Struct({
  kind: Schema.Literal("plan"),
  /** The first 1,000 of them. */
  threads: Schema.Array(PrunableThread),
  threadCount: Schema.Int,
  kept: Schema.Array(KeptThread),
  /** What would go, by table: of the threads, then receipts and blobs beside them. */
  tables: Schema.Array(TableShare),
  fileBytes: Schema.Int,
  /** Room in the file that is free already. */
  freeBytes: Schema.Int,
});
export type PrunePlan = typeof PrunePlan.Type;

/** What a prune did. */
export const PruneReport = Schema.Struct({
  kind: Schema.Literal("report"),
  threadCount: Schema.Int,
  kept: Schema.Array(KeptThread),
  archive: Schema.NullOr(Schema.String),
  tables: Schema.Array(TableShare),
  /** Checkpoints that could not be removed from their repository. */
  checkpointsLeft: Schema.Array(KeptThread),
  fileBytesBefore: Schema.Int,
  fileBytesAfter: Schema.Int,
  seconds: Schema.Finite,
});
export type PruneReport = typeof PruneReport.Type;

export const PruneItem = Schema.Union([JobProgress, PrunePlan, PruneReport]).pipe(
  Schema.toTaggedUnion("kind"),
);
export type PruneItem = typeof PruneItem.Type;

export const VacuumReport = Schema.Struct({
  kind: Schema.Literal("report"),
  pages: Schema.Int,
  fileBytesBefore: Schema.Int,
  fileBytesAfter: Schema.Int,
  seconds: Schema.Finite,
});
export type VacuumReport = typeof VacuumReport.Type;

export const VacuumItem = Schema.Union([JobProgress, VacuumReport]).pipe(Schema.toTaggedUnion("kind"));
export type VacuumItem = typeof VacuumItem.Type;

const method = "orchestration";

export const RetentionRpcs = RpcGroup.make(
  Rpc.make(`${method}.pruneDatabase`, {
    payload: Schema.Unknown,
    success: PruneItem,
    error: JobError,
    stream: true,
  }),
  Rpc.make(`${method}.vacuumDatabase`, {
    payload: Schema.Unknown,
    success: VacuumItem,
    error: JobError,
    stream: true,
  }),
);
