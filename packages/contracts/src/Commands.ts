/**
 * Commands (SPEC section 2): imperatives that a client sends, all through one method. The server's own commands are in
 * the orchestrator's world and not part of this contract; only their names are, so that a client that sends one is told.
 */
import { Effect, Schema } from "effect";
import { ApprovalRequestId, CommandId, MessageId, ProjectId, ThreadId, TurnId } from "./Ids.ts";
import {
  AbsolutePath,
  ApprovalDecision,
  Attachment,
  BranchName,
  DispatchMode,
  ModelSelection,
  ProjectScript,
  PromptText,
  RuntimeMode,
  Timestamp,
  Title,
  TurnCount,
  WorktreeRequest,
} from "./Model.ts";

const command = <const Type extends string, const Fields extends Schema.Struct.Fields>(
  type: Type,
  fields: Fields,
) => Schema.Struct({ type: Schema.Literal(type), commandId: CommandId, ...fields });

export const ProjectCreate = command("project.create", {
  projectId: ProjectId,
  title: Title,
  workspaceRoot: AbsolutePath,
  defaultModel: Schema.optionalKey(Schema.NullOr(ModelSelection)),
  createdAt: Timestamp,
});

export const ProjectMetaUpdate = command("project.meta.update", {
  projectId: ProjectId,
  title: Schema.optionalKey(Title),
  workspaceRoot: Schema.optionalKey(AbsolutePath),
  defaultModel: Schema.optionalKey(Schema.NullOr(ModelSelection)),
  scripts: Schema.optionalKey(Schema.Array(ProjectScript).check(Schema.isMaxLength(200))),
});

export const ProjectDelete = command("project.delete", { projectId: ProjectId });

export const ThreadCreate = command("thread.create", {
  threadId: ThreadId,
  projectId: ProjectId,
  title: Title,
  model: ModelSelection,
  branch: Schema.NullOr(BranchName),
  worktreePath: Schema.NullOr(AbsolutePath),
  /** Makes one for this thread; `worktreePath` is null then. */
  worktree: Schema.optionalKey(WorktreeRequest),
  runtimeMode: Schema.optionalKey(RuntimeMode),
  createdAt: Timestamp,
});

export const ThreadMetaUpdate = command("thread.meta.update", {
  threadId: ThreadId,
  title: Schema.optionalKey(Title),
  model: Schema.optionalKey(ModelSelection),
  branch: Schema.optionalKey(Schema.NullOr(BranchName)),
  worktreePath: Schema.optionalKey(Schema.NullOr(AbsolutePath)),
});

export const ThreadDelete = command("thread.delete", { threadId: ThreadId });
export const ThreadArchive = command("thread.archive", { threadId: ThreadId });
export const ThreadUnarchive = command("thread.unarchive", { threadId: ThreadId });

/** Makes `threadId` out of another thread's history up to the end of a turn (0: an empty one with its settings). */
export const ThreadFork = command("thread.fork", {
  threadId: ThreadId,
  sourceThreadId: ThreadId,
  turnCount: TurnCount,
  title: Schema.optionalKey(Title),
  createdAt: Timestamp,
});

export const ThreadRuntimeModeSet = command("thread.runtime-mode.set", {
  threadId: ThreadId,
  runtimeMode: RuntimeMode,
});

export const UserMessage = Schema.Struct({
  messageId: MessageId,
  role: Schema.Literal("user"),
  text: PromptText,
  attachments: Schema.Array(Attachment)
    .check(Schema.isMaxLength(20))
    .pipe(Schema.withDecodingDefaultKey(Effect.succeed([]))),
});
export type UserMessage = typeof UserMessage.Type;

export const ThreadTurnStart = command("thread.turn.start", {
  threadId: ThreadId,
  message: UserMessage,
  model: Schema.optionalKey(ModelSelection),
  effort: Schema.optionalKey(Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(64))),
  dispatchMode: Schema.optionalKey(DispatchMode),
  createdAt: Timestamp,
});

/** The prompts that wait, in their new order; those that are not named come behind, as they stand. */
export const ThreadQueueReorder = command("thread.queue.reorder", {
  threadId: ThreadId,
  turnIds: Schema.Array(TurnId).check(Schema.isMinLength(1), Schema.isMaxLength(50)),
});

export const ThreadTurnInterrupt = command("thread.turn.interrupt", {
  threadId: ThreadId,
  turnId: Schema.optionalKey(TurnId),
  createdAt: Timestamp,
});

export const ThreadApprovalRespond = command("thread.approval.respond", {
  threadId: ThreadId,
  requestId: ApprovalRequestId,
  decision: ApprovalDecision,
  createdAt: Timestamp,
});

/** Answers an agent's question: one answer for each question id. */
export const ThreadUserInputRespond = command("thread.user-input.respond", {
  threadId: ThreadId,
  requestId: ApprovalRequestId,
  answers: Schema.Record(Schema.String, Schema.String.check(Schema.isMaxLength(100_000))).check(
    Schema.isMaxProperties(100),
  ),
  createdAt: Timestamp,
});

export const ThreadCheckpointRevert = command("thread.checkpoint.revert", {
  threadId: ThreadId,
  turnCount: TurnCount,
  createdAt: Timestamp,
});

export const ThreadSessionStop = command("thread.session.stop", { threadId: ThreadId, createdAt: Timestamp });

/** Every command that a client may send, told apart by `type`. */
export const ClientCommand = Schema.Union([
  ProjectCreate,
  ProjectMetaUpdate,
  ProjectDelete,
  ThreadCreate,
  ThreadMetaUpdate,
  ThreadDelete,
  ThreadArchive,
  ThreadUnarchive,
  ThreadFork,
  ThreadRuntimeModeSet,
  ThreadTurnStart,
  ThreadTurnInterrupt,
  ThreadQueueReorder,
  ThreadApprovalRespond,
  ThreadUserInputRespond,
  ThreadCheckpointRevert,
  ThreadSessionStop,
]).pipe(Schema.toTaggedUnion("type"));
export type ClientCommand = typeof ClientCommand.Type;
/** What goes over the wire: a model may be a plain string. */
export type ClientCommandInput = typeof ClientCommand.Encoded;

/** Commands that only the server may give (SPEC section 2): a client that sends one gets `ServerOnlyCommand`. */
export const SERVER_COMMAND_TYPES = [
  "thread.session.set",
  "thread.session.end",
  "thread.session.stall",
  "thread.turn.begin",
  "thread.turn.complete",
  "thread.turn.usage.record",
  "thread.turn.diff.complete",
  "thread.message.assistant.delta",
  "thread.message.assistant.complete",
  "thread.message.import",
  "thread.activity.append",
  "thread.approval.request",
  "thread.approval.resolve",
  "thread.user-input.request",
  "thread.user-input.resolve",
  "thread.checkpoint.revert.complete",
  "thread.checkpoint.revert.fail",
  "thread.worktree.made",
  "thread.worktree.fail",
] as const;
