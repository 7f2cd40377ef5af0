/**
 * The read model built a second time, in a database file beside the live one, by the same projectors; and its rows compared
 * with those that are stored. What it does is long, so it runs on a thread of its own (`ShadowThread`).
 */
import type { RowDifference } from "@heddle/contracts/ProjectionRpc";
import type { StoreUnavailable } from "@heddle/contracts/Errors";
import { Sequence } from "@heddle/contracts/Model";
import { Context, type Effect, Schema, type Stream } from "effect";
import { SqlValue } from "./SqlValue.ts";

/**
 * Up to which event a projector's rows are built. `head`: that of the log, whenever one looks. `cursor`: the one at which
 * the stored rows stand, whenever one looks. `fixed`: the head when they were built; they stay there.
 */
export const ShadowTarget = Schema.Struct({
  projector: Schema.String,
  until: Schema.Literals(["head", "cursor", "fixed"]),
});
export type ShadowTarget = typeof ShadowTarget.Type;

/** How far the building is. */
export const Built = Schema.Struct({
  done: Sequence,
  total: Sequence,
  /** Where a run that was killed had come to; 0 where this one began at the beginning. */
  resumedFrom: Sequence,
  /** Projectors that cannot take an event, and why. They are left where they are. */
  faults: Schema.Array(Schema.Struct({ projector: Schema.String, message: Schema.String })),
});
export type Built = typeof Built.Type;

/** The values of a row's key columns. */
export const RowKey = Schema.Array(SqlValue);
export type RowKey = typeof RowKey.Type;

export const CompareRequest = Schema.Struct({
  projector: Schema.String,
  /** The key behind which to go on; null at the beginning. */
  after: Schema.NullOr(RowKey),
});
export type CompareRequest = typeof CompareRequest.Type;

/** A range of rows in the order of their keys, both sides at one event. */
export const Compared = Schema.Struct({
  sequence: Sequence,
  rows: Schema.Int,
  missing: Schema.Array(RowKey),
  surplus: Schema.Array(RowKey),
  differing: Schema.Array(RowKey),
  /** Behind which key to go on; null at the end. */
  next: Schema.NullOr(RowKey),
  /** Why nothing can be compared: the projector failed on an event. */
  fault: Schema.NullOr(Schema.String),
});
export type Compared = typeof Compared.Type;

export const RowsRequest = Schema.Struct({
  projector: Schema.String,
  keys: Schema.Array(RowKey),
  /** Also the rows that stand where a right row belongs; without it, such a key is put off. */
  together: Schema.Boolean,
});
export type RowsRequest = typeof RowsRequest.Type;

/** What should stand under some keys. */
export const RightRows = Schema.Struct({
  columns: Schema.Array(Schema.String),
  /** How many of the keys that were asked for are answered: an answer is bounded in bytes. */
  answered: Schema.Int,
  /** Of these, the ones whose place is held by a row of another key. */
  putOff: Schema.Array(RowKey),
  /** The others, and what was asked for together with them. */
  keys: Schema.Array(RowKey),
  /** The rows that the log gives under these keys. */
  rows: Schema.Array(Schema.Array(SqlValue)),
});
export type RightRows = typeof RightRows.Type;

export interface ShadowService {
  /** Builds the rows up to their targets, and says how far it is some times a second. */
  readonly build: Stream.Stream<Built, StoreUnavailable>;
  /** About how many rows there are to compare. */
  readonly count: (projector: string) => Effect.Effect<number, StoreUnavailable>;
  /** Compares the next range of rows, and notes the first differences for `differences`. */
  readonly compare: (request: CompareRequest) => Effect.Effect<Compared, StoreUnavailable>;
  readonly rows: (request: RowsRequest) => Effect.Effect<RightRows, StoreUnavailable>;
  /** The differences that were noted, with the event from which on each is one. */
  readonly differences: (projector: string) => Effect.Effect<ReadonlyArray<RowDifference>, StoreUnavailable>;
}

export class Shadow extends Context.Service<Shadow, ShadowService>()("heddle/replay/Shadow") {}
