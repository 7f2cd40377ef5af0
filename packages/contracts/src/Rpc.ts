/**
 * The RPC methods (SPEC section 3), over WebSocket at `/rpc` in JSON frames.
 *
 * Payloads are `Unknown` on purpose: decoding is the first step of each handler, so that bad input gets a typed
 * `InvalidInput` that names the field. Left to the RPC server it would be a defect.
 */
import { Effect, Schema } from "effect";
import { Rpc, RpcGroup } from "effect/rpc";
import { AgentRpcs } from "./AgentRpc.ts";
import { DispatchError, ReadError } from "./Errors.ts";
import { OrchestrationEvent } from "./Events.ts";
import { MessageId, ThreadId } from "./Ids.ts";
import { ImportRpcs } from "./ImportRpc.ts";
import { InspectionRpcs } from "./InspectionRpc.ts";
import { BlobHash, Sequence, TurnCount } from "./Model.ts";
import { ProjectionRpcs } from "./ProjectionRpc.ts";
import { RetentionRpcs } from "./RetentionRpc.ts";
import { QuarantinedEvent, ShellSnapshot, Snapshot, ThreadSnapshot } from "./ReadModel.ts";
import { AtFields, oneMoment, TravelRpcs } from "./TravelRpc.ts";

const limit = (most: number, usual: number) =>
  Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: most })).pipe(
    Schema.withDecodingDefaultKey(Effect.succeed(usual)),
  );

export const DispatchResult = Schema.Struct({ sequence: Sequence });
export type DispatchResult = typeof DispatchResult.Type;

export const GetShellSnapshotInput = Schema.Struct({
  /** How many threads a page has at most; all of them without it. */
  limit: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1000 }))),
  after: Schema.optionalKey(ThreadId),
});

export const GetThreadSnapshotInput = Schema.Struct({
  threadId: ThreadId,
  /** How many messages and activities a page has at most; a page also ends at about 1 MiB. */
  limit: limit(1000, 100),
  before: Schema.optionalKey(Sequence),
  ...AtFields,
}).check(oneMoment);

export const GetTurnDiffInput = Schema.Struct({
  threadId: ThreadId,
  fromTurnCount: TurnCount,
  toTurnCount: TurnCount,
});

/** From the start of turn `fromTurnCount + 1` to the end of turn `toTurnCount`, in git's unified format. */
export const TurnDiff = Schema.Struct({ ...GetTurnDiffInput.fields, diff: Schema.String });
export type TurnDiff = typeof TurnDiff.Type;

const MEBIBYTE = 1_048_576;

export const GetBlobInput = Schema.Struct({
  hash: BlobHash,
  offset: Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)).pipe(
    Schema.withDecodingDefaultKey(Effect.succeed(0)),
  ),
  /** How many bytes a page has at most. */
  limit: limit(8 * MEBIBYTE, MEBIBYTE),
});

/** A page of a blob's bytes. */
export const BlobPage = Schema.Struct({
  hash: BlobHash,
  /** Of the whole blob, in bytes. */
  size: Schema.Int,
  offset: Schema.Int,
  /** Base64. */
  data: Schema.String,
  /** Give it as `offset` for the next page; null when this page reached the end. */
  nextOffset: Schema.NullOr(Schema.Int),
});
export type BlobPage = typeof BlobPage.Type;

export const ReplayEventsInput = Schema.Struct({
  fromSequenceExclusive: Sequence,
  limit: limit(5000, 1000),
});

export const EventPage = Schema.Struct({
  events: Schema.Array(OrchestrationEvent),
  /** The last event of the log when the page was read. */
  headSequence: Sequence,
  /** Give it as `fromSequenceExclusive` for the next page; null when this page reached the head. */
  nextFromSequenceExclusive: Schema.NullOr(Sequence),
});
export type EventPage = typeof EventPage.Type;

export const GetQuarantineInput = Schema.Struct({
  fromSequenceExclusive: Sequence.pipe(Schema.withDecodingDefaultKey(Effect.succeed(0))),
  limit: limit(1000, 100),
});

/** Events that this server cannot read, as far as it has met them: a page of them, in order. */
export const QuarantinePage = Schema.Struct({
  events: Schema.Array(QuarantinedEvent),
  /** How many there are in all. */
  total: Schema.Int,
  /** Give it as `fromSequenceExclusive` for the next page; null when this page holds the last. */
  nextFromSequenceExclusive: Schema.NullOr(Sequence),
});
export type QuarantinePage = typeof QuarantinePage.Type;

export const SubscribeInput = Schema.Struct({ fromSequenceExclusive: Sequence });
export const SubscribeThreadInput = Schema.Struct({
  threadId: ThreadId,
  fromSequenceExclusive: Sequence,
});

/** What a subscription gives, told apart by `kind`. */
export const FeedItem = Schema.Union([
  /** The next event, in order, each once. */
  Schema.Struct({ kind: Schema.Literal("event"), event: OrchestrationEvent }),
  /** All that was stored when the subscription began has been given; what follows is live. Said once. */
  Schema.Struct({ kind: Schema.Literal("synchronized"), sequence: Sequence }),
  /**
   * Words of a reply as they come, not stored; `offset` (UTF-16 code units) is where they stand in the message, so that
   * they join the stored segments without doubling. Only in `subscribeThread`; may be left out for a slow reader.
   */
  Schema.Struct({
    kind: Schema.Literal("delta"),
    threadId: ThreadId,
    messageId: MessageId,
    offset: Schema.Int,
    text: Schema.String,
  }),
  /** The cursor cannot be continued from: take a snapshot and subscribe from its sequence. The stream ends. */
  Schema.Struct({ kind: Schema.Literal("reset"), headSequence: Sequence }),
]).pipe(Schema.toTaggedUnion("kind"));
export type FeedItem = typeof FeedItem.Type;

const method = "orchestration";

export const OrchestrationRpcs = RpcGroup.make(
  Rpc.make(`${method}.dispatchCommand`, {
    payload: Schema.Unknown,
    success: DispatchResult,
    error: DispatchError,
  }),
  Rpc.make(`${method}.getSnapshot`, { payload: Schema.Unknown, success: Snapshot, error: ReadError }),
  Rpc.make(`${method}.getShellSnapshot`, {
    payload: Schema.Unknown,
    success: ShellSnapshot,
    error: ReadError,
  }),
  Rpc.make(`${method}.getThreadSnapshot`, {
    payload: Schema.Unknown,
    success: ThreadSnapshot,
    error: ReadError,
  }),
  Rpc.make(`${method}.getTurnDiff`, { payload: Schema.Unknown, success: TurnDiff, error: ReadError }),
  Rpc.make(`${method}.getBlob`, { payload: Schema.Unknown, success: BlobPage, error: ReadError }),
  Rpc.make(`${method}.replayEvents`, { payload: Schema.Unknown, success: EventPage, error: ReadError }),
  Rpc.make(`${method}.getQuarantine`, {
    payload: Schema.Unknown,
    success: QuarantinePage,
    error: ReadError,
  }),
  Rpc.make(`${method}.subscribe`, {
    payload: Schema.Unknown,
    success: FeedItem,
    error: ReadError,
    stream: true,
  }),
  Rpc.make(`${method}.subscribeThread`, {
    payload: Schema.Unknown,
    success: FeedItem,
    error: ReadError,
    stream: true,
  }),
).merge(InspectionRpcs, ProjectionRpcs, RetentionRpcs, TravelRpcs, AgentRpcs, ImportRpcs);
