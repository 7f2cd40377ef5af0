/**
 * Long jobs on the database (SPEC section 3): streaming methods that say how far they are, and end with a report. Ending
 * the stream ends the job. One of them runs at a time.
 */
import { Schema } from "effect";
import { InternalError, InvalidInput, NotFound, StoreUnavailable } from "./Errors.ts";

/** How far a job is. Said some times a second, and once at the end of each phase. */
export const JobProgress = Schema.Struct({
  kind: Schema.Literal("progress"),
  /** What it does just now, as a word for a person: `building`, `comparing`. */
  phase: Schema.String,
  done: Schema.Int,
  /** Null where it is not known. */
  total: Schema.NullOr(Schema.Int),
  unit: Schema.Literals(["events", "rows", "bytes", "pages", "threads"]),
  /** Of this phase so far. */
  perSecond: Schema.NullOr(Schema.Finite),
  secondsLeft: Schema.NullOr(Schema.Finite),
});
export type JobProgress = typeof JobProgress.Type;

/** Another job is at work on the database. Nothing was changed: wait for its end, or end it. */
export class MaintenanceBusy extends Schema.TaggedError<MaintenanceBusy>()("MaintenanceBusy", {
  /** The job that runs. */
  job: Schema.String,
  startedAt: Schema.String,
  message: Schema.String,
}) {}

export const JobError = Schema.Union([
  InvalidInput,
  NotFound,
  MaintenanceBusy,
  StoreUnavailable,
  InternalError,
]);
export type JobError = typeof JobError.Type;
