/**
 * Methods that look into the log (SPEC section 3.7): which events there are, one of them with all that belongs to it, what
 * caused what, and what takes the space. They only read, and each call does a bounded amount of work.
 */
import { Effect, Schema } from "effect";
import { Rpc, RpcGroup } from "effect/rpc";
import { CommandRejected, ReadError } from "./Errors.ts";
import { ActorKind, AggregateKind, OrchestrationEvent } from "./Events.ts";
import { CommandId, MessageId, ProjectId, ThreadId } from "./Ids.ts";
import { BlobHash, Sequence, Timestamp } from "./Model.ts";

const key = Schema.optionalKey;

const limit = (most: number, usual: number) =>
  Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: most })).pipe(
    Schema.withDecodingDefaultKey(Effect.succeed(usual)),
  );

/** Printable and not too long; which ids there are is for the log to say. */
const anyId = Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(500));

/** A moment that there is: the pattern of a timestamp alone would take the 45th of a month. */
const Moment = Timestamp.check(
  Schema.makeFilter((text: string) => !Number.isNaN(Date.parse(text)), {
    message: "Expected a date and time that there is, such as 2026-01-31T12:00:00.000Z",
  }),
);

/** `thread.turn-started`; with `*` for any characters, of the types that this version knows: `thread.turn-*`. */
export const EventTypePattern = Schema.String.check(
  Schema.isMinLength(1),
  Schema.isMaxLength(100),
  Schema.isPattern(/^[a-z0-9.*-]+$/, { message: "Expected a type of event, such as thread.turn-*" }),
);

/** What one looks for in payloads. */
export const SearchedText = Schema.String.check(
  Schema.isMinLength(1),
  Schema.isMaxLength(200),
  Schema.isPattern(/^\P{Surrogate}*$/u, { message: "Expected whole characters" }),
);

/** Which events are meant: those that fit all that is given. */
export const EventFilter = Schema.Struct({
  stream: key(Schema.Struct({ aggregateKind: AggregateKind, streamId: anyId })),
  threadId: key(ThreadId),
  /** The project's own stream, and those of all threads that were ever made in it. */
  projectId: key(ProjectId),
  /** One of these. */
  types: key(Schema.Array(EventTypePattern).check(Schema.isMinLength(1), Schema.isMaxLength(50))),
  actor: key(ActorKind),
  commandId: key(anyId),
  correlationId: key(anyId),
  /** By the server's clock, this moment included. */
  since: key(Moment),
  until: key(Moment),
  /** Both included. */
  fromSequence: key(Sequence),
  toSequence: key(Sequence),
  /**
   * A part of a string that stands somewhere in the payload as a value: not a field's name, not a number. A to Z count as
   * a to z, every other character as itself. Of what is kept as a blob, the part that stands in the event.
   */
  text: key(SearchedText),
});
export type EventFilter = typeof EventFilter.Type;

export const ListEventsInput = Schema.Struct({
  filter: EventFilter.pipe(Schema.withDecodingDefaultKey(Effect.succeed({}))),
  order: Schema.Literals(["oldest", "newest"]).pipe(
    Schema.withDecodingDefaultKey(Effect.succeed("oldest" as const)),
  ),
  /** Where the page before ended. */
  cursor: key(Sequence),
  limit: limit(1000, 100),
});
export type ListEventsInput = typeof ListEventsInput.Type;

/** An event that cannot be read, as far as its row can. */
export const UnreadableEvent = Schema.Struct({
  sequence: Sequence,
  eventId: Schema.String,
  aggregateKind: Schema.String,
  streamId: Schema.String,
  streamVersion: Schema.Int,
  eventType: Schema.String,
  eventVersion: Schema.Int,
  occurredAt: Schema.String,
  commandId: Schema.NullOr(Schema.String),
  causationEventId: Schema.NullOr(Schema.String),
  correlationId: Schema.NullOr(Schema.String),
  actorKind: Schema.String,
  reason: Schema.String,
});
export type UnreadableEvent = typeof UnreadableEvent.Type;

/** A page of what a filter found. It may be empty and still not the last: the call had looked long enough. */
export const EventListPage = Schema.Struct({
  /** In the order that was asked for. */
  events: Schema.Array(OrchestrationEvent),
  /** Fit the filter as far as that can be seen, and cannot be read. */
  unreadable: Schema.Array(UnreadableEvent),
  /** How many events were looked at. */
  examined: Schema.Int,
  /** Where the log stood; follow it from here. */
  headSequence: Sequence,
  /** The event that was looked at last: give it as `cursor` for the next page. Null when nothing is left. */
  nextCursor: Schema.NullOr(Sequence),
});
export type EventListPage = typeof EventListPage.Type;

const given = (fields: ReadonlyArray<string>) =>
  Schema.makeFilter(
    (input: object) =>
      fields.filter((field) => field in input).length === 1 || `Expected exactly one of ${fields.join(", ")}`,
  );

export const GetEventInput = Schema.Struct({ sequence: key(Sequence), eventId: key(anyId) }).check(
  given(["sequence", "eventId"]),
);
export type GetEventInput = typeof GetEventInput.Type;

/** What a command was answered. */
export const CommandReceipt = Schema.Struct({
  commandId: CommandId,
  aggregateKind: AggregateKind,
  aggregateId: Schema.String,
  /** When it was decided, also for a rejected one. */
  acceptedAt: Schema.String,
  /** Its last event; for a rejected one, where the log stood. */
  resultSequence: Sequence,
  status: Schema.Literals(["accepted", "rejected"]),
  error: Schema.NullOr(CommandRejected),
});
export type CommandReceipt = typeof CommandReceipt.Type;

/** Work that an event asked for, and what came of it (SPEC section 8.1). */
export const RequestedEffect = Schema.Struct({
  effectId: Schema.Int,
  eventSequence: Sequence,
  kind: Schema.String,
  lane: Schema.String,
  status: Schema.Literals(["pending", "claimed", "done", "dead"]),
  attempts: Schema.Int,
  dueAt: Schema.String,
  outcome: Schema.NullOr(Schema.String),
  payload: Schema.Json,
  createdAt: Schema.String,
  updatedAt: Schema.String,
});
export type RequestedEffect = typeof RequestedEffect.Type;

/** One event with all that belongs to it. */
export const EventDetails = Schema.Struct({
  /** Null where it cannot be read: then `unreadable` has what there is. */
  event: Schema.NullOr(OrchestrationEvent),
  unreadable: Schema.NullOr(
    Schema.Struct({
      ...UnreadableEvent.fields,
      /** As they are stored, at most 65,536 characters of each. */
      payloadText: Schema.String,
      metadataText: Schema.String,
      /** Characters beyond those. */
      charactersLeftOut: Schema.Int,
    }),
  ),
  /** Of the command that gave it; null where it was pruned. */
  receipt: Schema.NullOr(CommandReceipt),
  effects: Schema.Array(RequestedEffect),
  /** Content that the payload refers to; `stored` says whether it is there. */
  blobs: Schema.Array(Schema.Struct({ hash: BlobHash, bytes: Schema.Int, stored: Schema.Boolean })),
});
export type EventDetails = typeof EventDetails.Type;

export const GetChainInput = Schema.Struct({
  sequence: key(Sequence),
  eventId: key(anyId),
  commandId: key(anyId),
  /** Leaves out what stands up to here, but for the way to what was asked for. */
  fromSequenceExclusive: key(Sequence),
  /** How many nodes at most, beside the way to what was asked for, and effects. */
  limit: limit(2000, 200),
}).check(given(["sequence", "eventId", "commandId"]));
export type GetChainInput = typeof GetChainInput.Type;

const NodeFields = {
  id: Schema.String,
  /** The node that caused it; null at the root, and where the cause is not in the log any more. */
  parent: Schema.NullOr(Schema.String),
  /** Where it stands in the log. An effect stands at its event, a rejected command where the log stood. */
  sequence: Sequence,
  at: Schema.String,
  /** On the way from the root to what was asked for. */
  onPath: Schema.Boolean,
  /** What was asked for. */
  asked: Schema.Boolean,
};

/** A part of a chain of causes and consequences, told apart by `kind`. */
export const ChainNode = Schema.Union([
  /** The command at the root, or one that was rejected meanwhile in the same project or thread. */
  Schema.Struct({
    kind: Schema.Literal("command"),
    ...NodeFields,
    commandId: Schema.String,
    receipt: Schema.NullOr(CommandReceipt),
  }),
  /** An event; its longer texts are cut, and a `detail` is null: `getEvent` gives all of it. */
  Schema.Struct({ kind: Schema.Literal("event"), ...NodeFields, event: OrchestrationEvent }),
  Schema.Struct({ kind: Schema.Literal("unreadable"), ...NodeFields, unreadable: UnreadableEvent }),
  /** Segments of one message, with nothing else of their cause between them. */
  Schema.Struct({
    kind: Schema.Literal("segments"),
    ...NodeFields,
    messageId: MessageId,
    count: Schema.Int,
    lastSequence: Sequence,
    lastAt: Schema.String,
    /** UTF-16 code units of all of them. */
    characters: Schema.Int,
    /** How they begin. */
    text: Schema.String,
  }),
  Schema.Struct({ kind: Schema.Literal("effect"), ...NodeFields, effect: RequestedEffect }),
]).pipe(Schema.toTaggedUnion("kind"));
export type ChainNode = typeof ChainNode.Type;

/** From a command to all that came of it. */
export const EventChain = Schema.Struct({
  /** The command at the root. */
  correlationId: Schema.String,
  /** How many events have it; 0 for a command that was rejected. */
  events: Schema.Int,
  firstSequence: Sequence,
  lastSequence: Sequence,
  startedAt: Schema.String,
  endedAt: Schema.String,
  /** A cause stands before its consequences. */
  nodes: Schema.Array(ChainNode),
  /**
   * Events in the middle that the limit left no room for: `afterSequence`, given as `fromSequenceExclusive`, gets the next
   * of them. Null where there are none.
   */
  leftOut: Schema.NullOr(
    Schema.Struct({ events: Schema.Int, afterSequence: Sequence, beforeSequence: Sequence }),
  ),
});
export type EventChain = typeof EventChain.Type;

const Sized = { events: Schema.Int, payloadBytes: Schema.Int };

/** What the database holds, and what takes the space. */
export const LogStats = Schema.Struct({
  /** When it was counted: an answer is kept for some seconds. */
  takenAt: Schema.String,
  headSequence: Sequence,
  ...Sized,
  firstAt: Schema.NullOr(Schema.String),
  lastAt: Schema.NullOr(Schema.String),
  /** Of the file without its WAL; `freeBytes` of it hold nothing. */
  databaseBytes: Schema.Int,
  freeBytes: Schema.Int,
  /** The largest first. Bytes are pages of the file, null where SQLite cannot tell. */
  tables: Schema.Array(
    Schema.Struct({
      name: Schema.String,
      rows: Schema.Int,
      bytes: Schema.NullOr(Schema.Int),
      indexBytes: Schema.NullOr(Schema.Int),
    }),
  ),
  /** The largest first. */
  types: Schema.Array(Schema.Struct({ eventType: Schema.String, ...Sized })),
  streams: Schema.Int,
  /** The twenty largest. */
  largestStreams: Schema.Array(
    Schema.Struct({ aggregateKind: AggregateKind, streamId: Schema.String, ...Sized }),
  ),
  /** By the server's clock in UTC; the last fourteen on which something happened, the newest first. */
  days: Schema.Array(Schema.Struct({ day: Schema.String, ...Sized })),
  blobs: Schema.Struct({
    count: Schema.Int,
    bytes: Schema.Int,
    largest: Schema.Array(Schema.Struct({ hash: BlobHash, bytes: Schema.Int })),
  }),
  receipts: Schema.Struct({ accepted: Schema.Int, rejected: Schema.Int }),
  effects: Schema.Array(Schema.Struct({ kind: Schema.String, status: Schema.String, count: Schema.Int })),
  quarantined: Schema.Int,
});
export type LogStats = typeof LogStats.Type;

const method = "orchestration";

export const InspectionRpcs = RpcGroup.make(
  Rpc.make(`${method}.listEvents`, {
    payload: Schema.Unknown,
    success: EventListPage,
    error: ReadError,
  }),
  Rpc.make(`${method}.getEvent`, { payload: Schema.Unknown, success: EventDetails, error: ReadError }),
  Rpc.make(`${method}.getChain`, { payload: Schema.Unknown, success: EventChain, error: ReadError }),
  Rpc.make(`${method}.getLogStats`, { payload: Schema.Unknown, success: LogStats, error: ReadError }),
);
