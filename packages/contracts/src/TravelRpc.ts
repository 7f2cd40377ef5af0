/** Time travel (SPEC section 3.8): the read model as it stood right after an event, and what differs between two moments. */
import { Effect, Schema } from "effect";
import { Rpc, RpcGroup } from "effect/rpc";
import { ReadError } from "./Errors.ts";
import { ThreadId } from "./Ids.ts";
import { Sequence, Timestamp } from "./Model.ts";
import { Activity, CheckpointSummary, Message, PendingApproval, Turn } from "./ReadModel.ts";

const key = Schema.optionalKey;

/** A time that there is: the pattern of a timestamp alone would take the 45th of a month. */
const Time = Timestamp.check(
  Schema.makeFilter((text: string) => !Number.isNaN(Date.parse(text)), {
    message: "Expected a date and time that there is, such as 2026-01-31T12:00:00.000Z",
  }),
);

/** When, for a method that else answers for now: right after an event, or after all that happened up to a time. */
export const AtFields = { atSequence: key(Sequence), atTime: key(Time) };

/** One of the two, or neither. */
export const oneMoment = Schema.makeFilter(
  ({ atSequence, atTime }: { readonly atSequence?: number; readonly atTime?: string }) =>
    atSequence === undefined || atTime === undefined,
  { message: "Expected atSequence or atTime, not both" },
);

export const GetSnapshotInput = Schema.Struct(AtFields).check(oneMoment);

const isOne = (sequence: number | undefined, time: string | undefined) =>
  (sequence === undefined) !== (time === undefined);

export const GetThreadChangesInput = Schema.Struct({
  threadId: ThreadId,
  fromSequence: key(Sequence),
  fromTime: key(Time),
  /** Now, without either. */
  toSequence: key(Sequence),
  toTime: key(Time),
  /** How many entries are told at most. */
  limit: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1000 })).pipe(
    Schema.withDecodingDefaultKey(Effect.succeed(100)),
  ),
}).check(
  Schema.makeFilter(({ fromSequence, fromTime }) => isOne(fromSequence, fromTime), {
    message: "Expected either fromSequence or fromTime",
  }),
  Schema.makeFilter(({ toSequence, toTime }) => toSequence === undefined || toTime === undefined, {
    message: "Expected toSequence or toTime, not both",
  }),
);

/** A field that differs. */
export const FieldChange = Schema.Union([
  Schema.Struct({ field: Schema.String, before: Schema.Json, after: Schema.Json }),
  /** Of a text that went on. */
  Schema.Struct({ field: Schema.String, appended: Schema.String }),
]);
export type FieldChange = typeof FieldChange.Type;

const entryChanges = <S extends Schema.Constraint>(entry: S) =>
  Schema.Struct({
    added: Schema.Array(entry),
    changed: Schema.Array(Schema.Struct({ id: Schema.String, changes: Schema.Array(FieldChange) })),
    /** Ids of those that a revert took away. */
    removed: Schema.Array(Schema.String),
  });

/** What differs in a thread between two moments. A checkpoint's id is its turn count. */
export const ThreadChanges = Schema.Struct({
  threadId: ThreadId,
  fromSequence: Sequence,
  toSequence: Sequence,
  thread: Schema.Array(FieldChange),
  session: Schema.Array(FieldChange),
  messages: entryChanges(Message),
  activities: entryChanges(Activity),
  turns: entryChanges(Turn),
  checkpoints: entryChanges(CheckpointSummary),
  requests: entryChanges(PendingApproval),
  /** Entries that only events behind this one touched are left out, since there are too many; null where all are here. */
  cutAt: Schema.NullOr(Sequence),
  /** There are more removed entries than are told. */
  moreRemoved: Schema.Boolean,
});
export type ThreadChanges = typeof ThreadChanges.Type;

export const TravelRpcs = RpcGroup.make(
  Rpc.make("orchestration.getThreadChanges", {
    payload: Schema.Unknown,
    success: ThreadChanges,
    error: ReadError,
  }),
);
