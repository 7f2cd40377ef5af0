/** Commands that only the server gives (SPEC section 2): what an agent did, and what the server found out. */
import { SERVER_COMMAND_TYPES } from "@heddle/contracts/Commands";
import type { SessionState } from "@heddle/contracts/Events";
import type {
  ApprovalRequestId,
  CheckpointRef,
  CommandId,
  MessageId,
  ThreadId,
  TurnId,
} from "@heddle/contracts/Ids";
import type {
  ActivityTone,
  ApprovalKind,
  BlobRef,
  CheckpointFile,
  CheckpointStatus,
  RequestOutcome,
  ContextUse,
  Stalled,
  StoredAttachment,
  TokenUsage,
  TurnOutcome,
  UserInputQuestion,
} from "@heddle/contracts/Model";
import type { Schema } from "effect";

interface Base<Type extends string> {
  readonly type: Type;
  readonly commandId: CommandId;
  readonly threadId: ThreadId;
}

export interface SessionSet extends Base<"thread.session.set"> {
  readonly session: SessionState;
}

/** The agent's process is gone, or is to count as gone: its turn and requests end with it, in one commit. Turns that
 * have not begun go on in a new session. */
export interface SessionEnd extends Base<"thread.session.end"> {
  readonly status: "stopped" | "interrupted" | "error";
  /** What a running turn ends as. */
  readonly turnStatus: TurnOutcome;
  readonly reason: string | null;
}

/** The turn is not heard of any more, or, with null, it is heard again. */
export interface SessionStall extends Base<"thread.session.stall"> {
  readonly turnId: TurnId;
  readonly stalled: Stalled | null;
}

export interface TurnBegin extends Base<"thread.turn.begin"> {
  readonly turnId: TurnId;
}

export interface TurnComplete extends Base<"thread.turn.complete"> {
  readonly turnId: TurnId;
  readonly status: TurnOutcome;
  readonly reason: string | null;
}

export interface TurnUsageRecord extends Base<"thread.turn.usage.record"> {
  readonly turnId: TurnId;
  /** Of the turn so far. */
  readonly usage: TokenUsage;
  readonly context?: ContextUse;
}

export interface TurnDiffComplete extends Base<"thread.turn.diff.complete"> {
  readonly turnId: TurnId;
  readonly turnCount: number;
  readonly checkpointRef: CheckpointRef;
  readonly status: CheckpointStatus;
  readonly files: ReadonlyArray<CheckpointFile>;
  readonly assistantMessageId: MessageId | null;
}

/** A stored segment of an assistant's message. */
export interface AssistantDelta extends Base<"thread.message.assistant.delta"> {
  readonly turnId: TurnId | null;
  readonly messageId: MessageId;
  readonly offset: number;
  readonly text: string;
}

export interface AssistantComplete extends Base<"thread.message.assistant.complete"> {
  readonly turnId: TurnId | null;
  readonly messageId: MessageId;
  readonly offset: number;
  readonly text: string;
}

/** A whole message that was said elsewhere: the history of a fork. */
export interface MessageImport extends Base<"thread.message.import"> {
  readonly messageId: MessageId;
  readonly role: "user" | "assistant" | "system";
  readonly text: string;
  readonly fullText?: BlobRef;
  readonly attachments: ReadonlyArray<StoredAttachment>;
  readonly createdAt: string;
}

export interface ActivityAppend extends Base<"thread.activity.append"> {
  readonly turnId: TurnId | null;
  readonly tone: ActivityTone;
  readonly kind: string;
  readonly summary: string;
  readonly detail: Schema.Json;
  /** Of what was done elsewhere; now, without it. */
  readonly createdAt?: string;
}

export interface ApprovalRequest extends Base<"thread.approval.request"> {
  readonly turnId: TurnId | null;
  readonly requestId: ApprovalRequestId;
  readonly kind: ApprovalKind;
  readonly title: string;
  readonly detail: Schema.Json;
}

export interface ApprovalResolve extends Base<"thread.approval.resolve"> {
  readonly requestId: ApprovalRequestId;
  readonly outcome: RequestOutcome;
}

export interface UserInputRequest extends Base<"thread.user-input.request"> {
  readonly turnId: TurnId | null;
  readonly requestId: ApprovalRequestId;
  readonly questions: ReadonlyArray<UserInputQuestion>;
}

export interface UserInputResolve extends Base<"thread.user-input.resolve"> {
  readonly requestId: ApprovalRequestId;
  readonly outcome: RequestOutcome;
}

export interface RevertComplete extends Base<"thread.checkpoint.revert.complete"> {
  readonly turnCount: number;
  readonly files: ReadonlyArray<string>;
  readonly skipped: ReadonlyArray<{ readonly path: string; readonly reason: string }>;
  readonly safetyRef: CheckpointRef;
}

export interface RevertFail extends Base<"thread.checkpoint.revert.fail"> {
  readonly reason: string;
}

/** The thread's own worktree is there. */
export interface WorktreeMade extends Base<"thread.worktree.made"> {
  readonly branch: string;
  readonly worktreePath: string;
  readonly baseCommit: string;
}

export interface WorktreeFail extends Base<"thread.worktree.fail"> {
  readonly reason: string;
}

export type ServerCommand =
  | SessionSet
  | SessionEnd
  | SessionStall
  | TurnBegin
  | TurnComplete
  | TurnUsageRecord
  | TurnDiffComplete
  | AssistantDelta
  | AssistantComplete
  | MessageImport
  | ActivityAppend
  | ApprovalRequest
  | ApprovalResolve
  | UserInputRequest
  | UserInputResolve
  | RevertComplete
  | RevertFail
  | WorktreeMade
  | WorktreeFail;

const SERVER_TYPES: ReadonlySet<string> = new Set(SERVER_COMMAND_TYPES);

export const isServerCommand = (command: { readonly type: string }): command is ServerCommand =>
  SERVER_TYPES.has(command.type);
