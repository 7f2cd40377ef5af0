/**
 * What clients read (SPEC sections 3 and 7.3). Fields are named as the columns of the projection tables are, in
 * camelCase; a column `x_json` is the field `x`.
 */
import { Schema } from "effect";
import {
  ApprovalRequestId,
  CheckpointRef,
  EventId,
  MessageId,
  ProjectId,
  ProviderSessionId,
  ProviderThreadId,
  ThreadId,
  TurnId,
} from "./Ids.ts";
import {
  AcceptedForSession,
  ActivityTone,
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
  TurnStatus,
  UserInputQuestion,
} from "./Model.ts";
import { ProviderCapabilities } from "./ProviderRuntimeEvent.ts";

const nullable = Schema.NullOr;

export const Project = Schema.Struct({
  projectId: ProjectId,
  title: Schema.String,
  workspaceRoot: Schema.String,
  defaultModel: nullable(ModelSelection),
  scripts: Schema.Array(ProjectScript),
  createdAt: Schema.String,
  updatedAt: Schema.String,
  deletedAt: nullable(Schema.String),
});
export type Project = typeof Project.Type;

/** A prompt that waits for the running turn to end. */
export const QueuedTurn = Schema.Struct({
  turnId: TurnId,
  messageId: MessageId,
  text: Schema.String,
  /** As that of a message. */
  fullText: Schema.optionalKey(BlobRef),
  createdAt: Schema.String,
});
export type QueuedTurn = typeof QueuedTurn.Type;

/** The git worktree that is the thread's own. */
export const ThreadWorktree = Schema.Struct({
  state: Schema.Literals(["wanted", "made", "failed"]),
  /** Null until it is made, unless it was asked for by name. */
  branch: nullable(Schema.String),
  /** What it was asked to begin at; null for where the project stood. */
  from: nullable(Schema.String),
  /** The commit that it began at. */
  baseCommit: nullable(Schema.String),
  /** Why it could not be made. */
  reason: nullable(Schema.String),
});
export type ThreadWorktree = typeof ThreadWorktree.Type;

const ThreadFields = {
  threadId: ThreadId,
  projectId: ProjectId,
  title: Schema.String,
  model: ModelSelection,
  branch: nullable(Schema.String),
  worktreePath: nullable(Schema.String),
  /** Null where the thread has none of its own. */
  worktree: nullable(ThreadWorktree),
  runtimeMode: RuntimeMode,
  latestTurnId: nullable(TurnId),
  forkedFrom: nullable(Schema.Struct({ threadId: ThreadId, turnCount: TurnCount })),
  queuedTurns: Schema.Array(QueuedTurn),
  /** Of all its turns, those that were reverted too; null where no agent has said anything of it. */
  usage: nullable(TokenUsage),
  /** As the agent said it last. */
  context: nullable(ContextUse),
  createdAt: Schema.String,
  updatedAt: Schema.String,
  archivedAt: nullable(Schema.String),
  deletedAt: nullable(Schema.String),
};

export const Message = Schema.Struct({
  messageId: MessageId,
  threadId: ThreadId,
  turnId: nullable(TurnId),
  role: MessageRole,
  text: Schema.String,
  /** The whole text, where `text` is only its beginning. */
  fullText: nullable(BlobRef),
  attachments: Schema.Array(StoredAttachment),
  isStreaming: Schema.Boolean,
  /** Of the event that began it: where it stands in the thread. */
  sequence: Sequence,
  createdAt: Schema.String,
  updatedAt: Schema.String,
});
export type Message = typeof Message.Type;

export const Activity = Schema.Struct({
  activityId: EventId,
  threadId: ThreadId,
  turnId: nullable(TurnId),
  tone: ActivityTone,
  kind: Schema.String,
  summary: Schema.String,
  payload: Schema.Json,
  sequence: Sequence,
  createdAt: Schema.String,
});
export type Activity = typeof Activity.Type;

export const Session = Schema.Struct({
  threadId: ThreadId,
  status: SessionStatus,
  providerName: nullable(Schema.String),
  providerSessionId: nullable(ProviderSessionId),
  providerThreadId: nullable(ProviderThreadId),
  activeTurnId: nullable(TurnId),
  lastError: nullable(Schema.String),
  /** What the agent can do; null before it has started for the first time. */
  capabilities: nullable(ProviderCapabilities),
  stalled: nullable(Stalled),
  /** What a person accepted for as long as it lasts; null for nothing. */
  accepted: nullable(Schema.Array(AcceptedForSession)),
  updatedAt: Schema.String,
});
export type Session = typeof Session.Type;

export const Turn = Schema.Struct({
  turnId: TurnId,
  threadId: ThreadId,
  turnCount: TurnCount,
  status: TurnStatus,
  userMessageId: nullable(MessageId),
  assistantMessageId: nullable(MessageId),
  reason: nullable(Schema.String),
  usage: nullable(TokenUsage),
  startedAt: Schema.String,
  completedAt: nullable(Schema.String),
});
export type Turn = typeof Turn.Type;

export const CheckpointSummary = Schema.Struct({
  threadId: ThreadId,
  turnId: TurnId,
  checkpointTurnCount: TurnCount,
  checkpointRef: CheckpointRef,
  status: CheckpointStatus,
  files: Schema.Array(CheckpointFile),
  /** Files beyond those of the list; null where it is complete. */
  filesOmitted: nullable(Schema.Int),
  assistantMessageId: nullable(MessageId),
  completedAt: Schema.String,
});
export type CheckpointSummary = typeof CheckpointSummary.Type;

/** A request of an agent, open or closed: an approval, or a question (`kind: "user-input"`). */
export const PendingApproval = Schema.Struct({
  requestId: ApprovalRequestId,
  threadId: ThreadId,
  turnId: nullable(TurnId),
  kind: Schema.Union([ApprovalKind, Schema.Literal("user-input")]),
  title: Schema.String,
  detail: Schema.Json,
  questions: Schema.Array(UserInputQuestion),
  status: Schema.Literals(["pending", "resolved"]),
  decision: nullable(RequestOutcome),
  createdAt: Schema.String,
  resolvedAt: nullable(Schema.String),
});
export type PendingApproval = typeof PendingApproval.Type;

/** A thread without its history, for a list: what it is called, and what it does or waits for. */
export const ThreadSummary = Schema.Struct({
  ...ThreadFields,
  session: nullable(Session),
  pendingApprovals: Schema.Array(PendingApproval),
});
export type ThreadSummary = typeof ThreadSummary.Type;

export const Thread = Schema.Struct({
  ...ThreadFields,
  messages: Schema.Array(Message),
  activities: Schema.Array(Activity),
  turns: Schema.Array(Turn),
  checkpoints: Schema.Array(CheckpointSummary),
  session: nullable(Session),
  pendingApprovals: Schema.Array(PendingApproval),
});
export type Thread = typeof Thread.Type;

/** A projector whose rows are older than the newest of the snapshot: it failed, is catching up, or is built anew. */
export const LaggingProjector = Schema.Struct({
  projector: Schema.String,
  lastAppliedSequence: Sequence,
  /** How many events its rows are behind. */
  behind: Schema.Int,
  /** Why it stands still, and at which event; null while it is on its way. */
  fault: nullable(Schema.String),
});
export type LaggingProjector = typeof LaggingProjector.Type;

/** `snapshotSequence`: everything up to it is in here; subscribe from it. */
export const Snapshot = Schema.Struct({
  snapshotSequence: Sequence,
  /** None, as a rule. */
  laggingProjectors: Schema.Array(LaggingProjector),
  projects: Schema.Array(Project),
  threads: Schema.Array(Thread),
});
export type Snapshot = typeof Snapshot.Type;

export const ShellSnapshot = Schema.Struct({
  snapshotSequence: Sequence,
  /** As in the snapshot. */
  laggingProjectors: Schema.Array(LaggingProjector),
  projects: Schema.Array(Project),
  threads: Schema.Array(ThreadSummary),
  /** Give it as `after` to get the next page of threads; null when this page holds the last. */
  nextCursor: nullable(ThreadId),
});
export type ShellSnapshot = typeof ShellSnapshot.Type;

/** One page of a thread: the newest entries, or those before `olderCursor` of the page before. */
export const ThreadSnapshot = Schema.Struct({
  snapshotSequence: Sequence,
  thread: Thread,
  /** Give it as `before` to get the page of older entries; null when this page holds the oldest. */
  olderCursor: nullable(Sequence),
});
export type ThreadSnapshot = typeof ThreadSnapshot.Type;

/** An event of the log that this version of Heddle cannot read, and leaves out of all else that it gives. */
export const QuarantinedEvent = Schema.Struct({
  sequence: Sequence,
  aggregateKind: Schema.String,
  streamId: Schema.String,
  eventType: Schema.String,
  eventVersion: Schema.Int,
  reason: Schema.String,
  /** When it was first met. */
  foundAt: Schema.String,
});
export type QuarantinedEvent = typeof QuarantinedEvent.Type;
