/**
 * The state of the projections, and the jobs that build them a second time beside the live ones (SPEC section 3): to mend
 * them, or to see whether they are what the log gives.
 */
import { Effect, Schema } from "effect";
import { Rpc, RpcGroup } from "effect/rpc";
import { ReadError } from "./Errors.ts";
import { JobError, JobProgress } from "./Jobs.ts";
import { Sequence } from "./Model.ts";

/**
 * `live`: its rows are those of the log's head. `behind`: those of an earlier event, and it goes on from there. `filling`:
 * they are being built anew. `faulted`: it failed on an event, and stands before it.
 */
export const ProjectionState = Schema.Literals(["live", "behind", "filling", "faulted"]);
export type ProjectionState = typeof ProjectionState.Type;

export const ProjectionStatus = Schema.Struct({
  projector: Schema.String,
  version: Schema.Int,
  state: ProjectionState,
  lastAppliedSequence: Sequence,
  /** Events of the log that it has not had. */
  behind: Schema.Int,
  /** Why it failed, and at which event. */
  fault: Schema.NullOr(Schema.String),
});
export type ProjectionStatus = typeof ProjectionStatus.Type;

export const ProjectionStatuses = Schema.Struct({
  headSequence: Sequence,
  projectors: Schema.Array(ProjectionStatus),
});
export type ProjectionStatuses = typeof ProjectionStatuses.Type;

/** Names of projectors; all of them where there are none. */
const names = Schema.Array(Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(100)))
  .check(Schema.isMaxLength(100))
  .pipe(Schema.withDecodingDefaultKey(Effect.succeed([])));

export const RebuildProjectionsInput = Schema.Struct({ names });
export type RebuildProjectionsInput = typeof RebuildProjectionsInput.Type;

export const VerifyProjectionsInput = Schema.Struct({
  names,
  /** Also corrects what differs. */
  repair: Schema.Boolean.pipe(Schema.withDecodingDefaultKey(Effect.succeed(false))),
  /** How many differences of each table are given one by one; all of them are counted. */
  limit: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1000 })).pipe(
    Schema.withDecodingDefaultKey(Effect.succeed(20)),
  ),
});
export type VerifyProjectionsInput = typeof VerifyProjectionsInput.Type;

/** A column in which a row is not what the log gives. Values are given as text, long ones cut. */
export const ColumnDifference = Schema.Struct({
  column: Schema.String,
  stored: Schema.NullOr(Schema.String),
  rebuilt: Schema.NullOr(Schema.String),
  /**
   * The event from which on the log gives something else than what is stored. Where it never gave that, the event from
   * which on it gives what it gives now. Null where this was not looked for, as the thread is too long.
   */
  since: Schema.NullOr(Sequence),
});
export type ColumnDifference = typeof ColumnDifference.Type;

/**
 * A row that is not what the log gives. `missing`: the log gives it, and it is not stored; `surplus`: it is stored, and the
 * log does not give it; `differs`: in some columns.
 */
export const RowDifference = Schema.Struct({
  kind: Schema.Literal("difference"),
  projector: Schema.String,
  table: Schema.String,
  /** The row's primary key, by columns. */
  key: Schema.Record(Schema.String, Schema.String),
  side: Schema.Literals(["missing", "surplus", "differs"]),
  /** Empty for a row that stands on one side only. */
  columns: Schema.Array(ColumnDifference),
  /** Of the columns, the earliest. Null for a surplus row that the log never gave, too. */
  since: Schema.NullOr(Sequence),
});
export type RowDifference = typeof RowDifference.Type;

/** What became of one projection. */
export const ProjectionReport = Schema.Struct({
  projector: Schema.String,
  table: Schema.String,
  /** Rows that the log gives, and surplus ones. */
  rows: Schema.Int,
  missing: Schema.Int,
  surplus: Schema.Int,
  differing: Schema.Int,
  /** Whether they were corrected. */
  corrected: Schema.Boolean,
  /** The event up to which it was compared at last. */
  sequence: Sequence,
  seconds: Schema.Finite,
  /** Why its rows could not be compared, or why it stands still: it failed on an event. */
  fault: Schema.NullOr(Schema.String),
});
export type ProjectionReport = typeof ProjectionReport.Type;

export const ProjectionJobReport = Schema.Struct({
  kind: Schema.Literal("report"),
  /** Nothing differs any more, and none is faulted. */
  sound: Schema.Boolean,
  projections: Schema.Array(ProjectionReport),
  /** Events that were folded, and the sequence that an earlier, killed run had come to: 0 where there was none. */
  events: Schema.Int,
  resumedFrom: Sequence,
  seconds: Schema.Finite,
});
export type ProjectionJobReport = typeof ProjectionJobReport.Type;

/** What the jobs give: how far they are, what differs, and at last the report. */
export const ProjectionJobItem = Schema.Union([JobProgress, RowDifference, ProjectionJobReport]);
export type ProjectionJobItem = typeof ProjectionJobItem.Type;

const method = "orchestration";

export const ProjectionRpcs = RpcGroup.make(
  Rpc.make(`${method}.getProjectionStatus`, {
    payload: Schema.Unknown,
    success: ProjectionStatuses,
    error: ReadError,
  }),
  Rpc.make(`${method}.rebuildProjections`, {
    payload: Schema.Unknown,
    success: ProjectionJobItem,
    error: JobError,
    stream: true,
  }),
  Rpc.make(`${method}.verifyProjections`, {
    payload: Schema.Unknown,
    success: ProjectionJobItem,
    error: JobError,
    stream: true,
  }),
);
