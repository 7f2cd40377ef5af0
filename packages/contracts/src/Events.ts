/**
 * Events (SPEC sections 4 and 7.2): what happened, in the past tense. The schemas here are the storage format; a changed
 * one gets a new version and an upcaster, history is never rewritten.
 */
import { Schema } from "effect";
import {
  ApprovalRequestId,
  CheckpointRef,
  CommandId,
  EventId,
  MessageId,
  ProjectId,
  ProviderItemId,
  ProviderSessionId,
  ProviderThreadId,
  ProviderTurnId,
  ThreadId,
  TurnId,
} from "./Ids.ts";
import {
  AcceptedForSession,
  ActivityTone,
  ApprovalDecision,
  ApprovalKind,
  BlobRef,
  CheckpointFile,
  CheckpointStatus,
  ContextUse,
  MessageRole,
  ModelSelection,
  ProjectScript,
  RequestOutcome,
  RuntimeMode,
  Sequence,
  SessionStatus,
  Stalled,
  StoredAttachment,
  TokenUsage,
  TurnCount,
  TurnOutcome,
  UserInputQuestion,
} from "./Model.ts";
import { ProviderCapabilities } from "./ProviderRuntimeEvent.ts";

const key = Schema.optionalKey;

/** State of a thread's agent session, as `thread.session-set` carries it: whole, since it is small. */
export const SessionState = Schema.Struct({
  status: SessionStatus,
  providerName: Schema.NullOr(Schema.String),
  providerSessionId: Schema.NullOr(ProviderSessionId),
  providerThreadId: Schema.NullOr(ProviderThreadId),
  activeTurnId: Schema.NullOr(TurnId),
  lastError: Schema.NullOr(Schema.String),
  capabilities: key(ProviderCapabilities),
  /** While the turn is not heard of. */
  stalled: key(Stalled),
  /** What a person accepted for as long as this session lasts. */
  accepted: key(Schema.Array(AcceptedForSession)),
});
export type SessionState = typeof SessionState.Type;

/** What a turn is to do; a queued one carries the whole prompt, since its message is not in the transcript yet. */
const TurnRequest = {
  threadId: ThreadId,
  turnId: TurnId,
  messageId: MessageId,
  model: key(ModelSelection),
  effort: key(Schema.String),
};

const Diffed = {
  threadId: ThreadId,
  turnId: TurnId,
  turnCount: TurnCount,
  checkpointRef: CheckpointRef,
  status: CheckpointStatus,
  /** At most 1,000 of them; `filesOmitted` counts the rest. */
  files: Schema.Array(CheckpointFile),
  filesOmitted: key(Schema.Int),
  assistantMessageId: Schema.NullOr(MessageId),
  completedAt: Schema.String,
};

/** The payload of each event type, at its current version. */
export const EventPayloads = {
  "project.created": Schema.Struct({
    projectId: ProjectId,
    title: Schema.String,
    workspaceRoot: Schema.String,
    defaultModel: Schema.NullOr(ModelSelection),
    createdAt: Schema.String,
  }),
  "project.meta-updated": Schema.Struct({
    projectId: ProjectId,
    title: key(Schema.String),
    workspaceRoot: key(Schema.String),
    defaultModel: key(Schema.NullOr(ModelSelection)),
    scripts: key(Schema.Array(ProjectScript)),
  }),
  "project.deleted": Schema.Struct({ projectId: ProjectId }),

  "thread.created": Schema.Struct({
    threadId: ThreadId,
    projectId: ProjectId,
    title: Schema.String,
    model: ModelSelection,
    branch: Schema.NullOr(Schema.String),
    worktreePath: Schema.NullOr(Schema.String),
    runtimeMode: RuntimeMode,
    forkedFrom: Schema.NullOr(Schema.Struct({ threadId: ThreadId, turnCount: TurnCount })),
    createdAt: Schema.String,
  }),
  "thread.meta-updated": Schema.Struct({
    threadId: ThreadId,
    title: key(Schema.String),
    model: key(ModelSelection),
    branch: key(Schema.NullOr(Schema.String)),
    worktreePath: key(Schema.NullOr(Schema.String)),
  }),
  /** A git worktree is to be made for the thread, which works nowhere else. Null: a name of the server's; where the project stands. */
  "thread.worktree-requested": Schema.Struct({
    threadId: ThreadId,
    branch: Schema.NullOr(Schema.String),
    from: Schema.NullOr(Schema.String),
    createdAt: Schema.String,
  }),
  "thread.worktree-made": Schema.Struct({
    threadId: ThreadId,
    branch: Schema.String,
    /** The project's folder in it. */
    worktreePath: Schema.String,
    baseCommit: Schema.String,
    createdAt: Schema.String,
  }),
  /** It is still wanted: the next turn tries once more. */
  "thread.worktree-failed": Schema.Struct({
    threadId: ThreadId,
    reason: Schema.String,
    createdAt: Schema.String,
  }),
  "thread.deleted": Schema.Struct({ threadId: ThreadId }),
  "thread.archived": Schema.Struct({ threadId: ThreadId }),
  "thread.unarchived": Schema.Struct({ threadId: ThreadId }),
  "thread.runtime-mode-set": Schema.Struct({ threadId: ThreadId, runtimeMode: RuntimeMode }),

  /**
   * Words of a message. A person's comes whole. An assistant's comes in segments with `streaming: true`, each with the
   * `offset` (in UTF-16 code units) at which its text stands, and ends with one with `streaming: false`.
   */
  "thread.message-sent": Schema.Struct({
    threadId: ThreadId,
    messageId: MessageId,
    turnId: Schema.NullOr(TurnId),
    role: MessageRole,
    text: Schema.String,
    /** The whole text, where it is too long for an event: `text` is then its beginning. */
    fullText: key(BlobRef),
    offset: Schema.Int,
    streaming: Schema.Boolean,
    attachments: Schema.Array(StoredAttachment),
    createdAt: Schema.String,
  }),

  "thread.turn-start-requested": Schema.Struct({ ...TurnRequest, createdAt: Schema.String }),
  "thread.turn-queued": Schema.Struct({
    ...TurnRequest,
    commandId: CommandId,
    text: Schema.String,
    fullText: key(BlobRef),
    attachments: Schema.Array(StoredAttachment),
    createdAt: Schema.String,
  }),
  "thread.turn-steer-requested": Schema.Struct({ ...TurnRequest, createdAt: Schema.String }),
  "thread.turn-interrupt-requested": Schema.Struct({
    threadId: ThreadId,
    turnId: TurnId,
    createdAt: Schema.String,
  }),
  "thread.turn-started": Schema.Struct({
    threadId: ThreadId,
    turnId: TurnId,
    turnCount: TurnCount,
    messageId: MessageId,
    startedAt: Schema.String,
  }),
  "thread.turn-completed": Schema.Struct({
    threadId: ThreadId,
    turnId: TurnId,
    status: TurnOutcome,
    reason: Schema.NullOr(Schema.String),
    completedAt: Schema.String,
  }),
  "thread.turn-diff-completed": Schema.Struct(Diffed),
  /** What the turn has used so far, and the thread with it; a later one of the turn replaces it. */
  "thread.turn-usage-recorded": Schema.Struct({
    threadId: ThreadId,
    turnId: TurnId,
    usage: TokenUsage,
    threadUsage: TokenUsage,
    context: key(ContextUse),
    recordedAt: Schema.String,
  }),
  /** The order of all prompts that wait. */
  "thread.queue-reordered": Schema.Struct({ threadId: ThreadId, turnIds: Schema.Array(TurnId) }),

  "thread.approval-requested": Schema.Struct({
    threadId: ThreadId,
    turnId: Schema.NullOr(TurnId),
    requestId: ApprovalRequestId,
    kind: ApprovalKind,
    title: Schema.String,
    detail: Schema.Json,
    createdAt: Schema.String,
  }),
  "thread.approval-response-requested": Schema.Struct({
    threadId: ThreadId,
    requestId: ApprovalRequestId,
    decision: ApprovalDecision,
    createdAt: Schema.String,
  }),
  "thread.approval-resolved": Schema.Struct({
    threadId: ThreadId,
    requestId: ApprovalRequestId,
    outcome: RequestOutcome,
    resolvedAt: Schema.String,
  }),
  "thread.user-input-requested": Schema.Struct({
    threadId: ThreadId,
    turnId: Schema.NullOr(TurnId),
    requestId: ApprovalRequestId,
    questions: Schema.Array(UserInputQuestion),
    createdAt: Schema.String,
  }),
  "thread.user-input-response-requested": Schema.Struct({
    threadId: ThreadId,
    requestId: ApprovalRequestId,
    answers: Schema.Record(Schema.String, Schema.String),
    createdAt: Schema.String,
  }),
  "thread.user-input-resolved": Schema.Struct({
    threadId: ThreadId,
    requestId: ApprovalRequestId,
    outcome: RequestOutcome,
    resolvedAt: Schema.String,
  }),

  "thread.checkpoint-revert-requested": Schema.Struct({
    threadId: ThreadId,
    turnCount: TurnCount,
    createdAt: Schema.String,
  }),
  "thread.checkpoint-revert-failed": Schema.Struct({
    threadId: ThreadId,
    turnCount: TurnCount,
    reason: Schema.String,
  }),
  /** The workspace is as it was at the end of turn `turnCount`; what belongs to the removed turns leaves the read model. */
  "thread.reverted": Schema.Struct({
    threadId: ThreadId,
    turnCount: TurnCount,
    removedTurnIds: Schema.Array(TurnId),
    latestTurnId: Schema.NullOr(TurnId),
    files: Schema.Array(Schema.String),
    filesOmitted: key(Schema.Int),
    /** Changed by the turns as well, but left as they are, since taking them back was not safe. */
    skipped: Schema.Array(Schema.Struct({ path: Schema.String, reason: Schema.String })),
    skippedOmitted: key(Schema.Int),
    /** The files as they were before the revert. */
    safetyRef: CheckpointRef,
  }),

  "thread.session-stop-requested": Schema.Struct({ threadId: ThreadId, createdAt: Schema.String }),
  "thread.session-set": Schema.Struct({ threadId: ThreadId, session: SessionState }),

  "thread.activity-appended": Schema.Struct({
    threadId: ThreadId,
    turnId: Schema.NullOr(TurnId),
    tone: ActivityTone,
    kind: Schema.String,
    summary: Schema.String,
    detail: Schema.Json,
    createdAt: Schema.String,
  }),
} as const;

export type EventType = keyof typeof EventPayloads;
export const EVENT_TYPES = Object.keys(EventPayloads) as ReadonlyArray<EventType>;
export type EventPayload<Type extends EventType> = (typeof EventPayloads)[Type]["Type"];

/** Version at which each type is written now. Types that are not named are at 1. */
export const EVENT_VERSIONS: Partial<Record<EventType, number>> = {};
export const eventVersion = (type: EventType): number => EVENT_VERSIONS[type] ?? 1;

export const AggregateKind = Schema.Literals(["project", "thread"]);
export type AggregateKind = typeof AggregateKind.Type;

export const ActorKind = Schema.Literals(["client", "server", "provider"]);
export type ActorKind = typeof ActorKind.Type;

/** Facts about where an event came from. Provider ids stand here and in the session, never in a stream id. */
export const EventMetadata = Schema.Struct({
  providerSessionId: key(ProviderSessionId),
  providerThreadId: key(ProviderThreadId),
  providerTurnId: key(ProviderTurnId),
  providerItemId: key(ProviderItemId),
  adapterKey: key(Schema.String),
  requestId: key(Schema.String),
  ingestedAt: key(Schema.String),
});
export type EventMetadata = typeof EventMetadata.Type;

const EnvelopeFields = {
  /** Global order, dense from 1. */
  sequence: Sequence,
  eventId: EventId,
  aggregateKind: AggregateKind,
  /** A project's or a thread's id. */
  streamId: Schema.String,
  /** Dense from 1 within the stream. */
  streamVersion: Schema.Int,
  /** Version of the payload's schema as it is here, after upcasting. */
  eventVersion: Schema.Int,
  /** The server's clock, ISO 8601 in UTC. */
  occurredAt: Schema.String,
  /** The command that gave the event. */
  commandId: Schema.NullOr(CommandId),
  /** The event because of which this one happened; null at the root of a chain. */
  causationEventId: Schema.NullOr(EventId),
  /** The command at the root of the chain: the same from a prompt to its last diff. */
  correlationId: Schema.NullOr(Schema.String),
  actorKind: ActorKind,
  metadata: EventMetadata,
};

export type EventEnvelope<Type extends EventType = EventType> = {
  readonly [T in Type]: {
    readonly sequence: number;
    readonly eventId: EventId;
    readonly aggregateKind: AggregateKind;
    readonly streamId: string;
    readonly streamVersion: number;
    readonly eventType: T;
    readonly eventVersion: number;
    readonly occurredAt: string;
    readonly commandId: CommandId | null;
    readonly causationEventId: EventId | null;
    readonly correlationId: string | null;
    readonly actorKind: ActorKind;
    readonly payload: EventPayload<T>;
    readonly metadata: EventMetadata;
  };
}[Type];

/** What read models are made of: an event without what it came of. */
export type ProjectedEvent<Type extends EventType = EventType> = {
  readonly [T in Type]: Pick<
    EventEnvelope<T>,
    "sequence" | "eventId" | "streamId" | "eventType" | "occurredAt" | "payload"
  >;
}[Type];

/** An event that a decision gives, before it has a place in the log. */
export type NewEvent = {
  readonly [T in EventType]: { readonly eventType: T; readonly payload: EventPayload<T> };
}[EventType];

const envelopeOf = <Type extends EventType>(type: Type) =>
  Schema.Struct({ ...EnvelopeFields, eventType: Schema.Literal(type), payload: EventPayloads[type] });

/** The full envelope as a reader gets it (SPEC section 7.2): every column of `orchestration_events` is a field. */
export const OrchestrationEvent: Schema.Codec<EventEnvelope, unknown> = Schema.Union(
  EVENT_TYPES.map((type) => envelopeOf(type)),
) as Schema.Codec<EventEnvelope, unknown>;
