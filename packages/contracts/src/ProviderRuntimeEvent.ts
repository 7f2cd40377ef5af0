/**
 * The one vocabulary for what agents do (SPEC section 5). Each adapter translates its agent's raw messages into these;
 * the orchestrator turns them into server commands. Text and identifiers are as the agent gave them.
 */
import { Schema } from "effect";
import { ProviderItemId, ProviderSessionId, ProviderThreadId, ProviderTurnId } from "./Ids.ts";
import { ApprovalKind, ContextUse, TokenUsage, TurnOutcome, UserInputQuestion } from "./Model.ts";

/** What an agent can do beyond a plain turn. */
export const ProviderCapabilities = Schema.Struct({
  /** A running turn takes further prompts. */
  steer: Schema.Boolean,
  /** A session can go on in a new process. */
  resume: Schema.Boolean,
  /** A session can go on in a copy of another thread's. Not said by versions before 0.2. */
  fork: Schema.optionalKey(Schema.Boolean),
});
export type ProviderCapabilities = typeof ProviderCapabilities.Type;

/** The agent's process is up and has a session. `resumed`: it is the session that was asked for, with its memory. */
export const SessionStarted = Schema.Struct({
  type: Schema.Literal("session.started"),
  providerSessionId: ProviderSessionId,
  providerThreadId: Schema.optionalKey(ProviderThreadId),
  capabilities: ProviderCapabilities,
  resumed: Schema.Boolean,
});

/** The agent's process is gone. `detail` is the end of its stderr, bounded. */
export const SessionExited = Schema.Struct({
  type: Schema.Literal("session.exited"),
  exitCode: Schema.NullOr(Schema.Int),
  signal: Schema.NullOr(Schema.String),
  detail: Schema.String,
});

export const TurnStarted = Schema.Struct({
  type: Schema.Literal("turn.started"),
  providerTurnId: Schema.optionalKey(ProviderTurnId),
});

export const TurnCompleted = Schema.Struct({
  type: Schema.Literal("turn.completed"),
  status: TurnOutcome,
  /** Why, where the agent said it: `max_tokens`, `refusal`, an error's message. */
  reason: Schema.optionalKey(Schema.String),
});

/** More words of an assistant message. `itemId` is the same for all deltas of one message. */
export const MessageDelta = Schema.Struct({
  type: Schema.Literal("message.delta"),
  itemId: ProviderItemId,
  text: Schema.String,
});

/** A message is whole. `text`, where the agent repeats it in full, is authoritative and is not appended again. */
export const MessageCompleted = Schema.Struct({
  type: Schema.Literal("message.completed"),
  itemId: ProviderItemId,
  text: Schema.optionalKey(Schema.String),
});

/** The agent's reasoning, whole. */
export const Reasoning = Schema.Struct({
  type: Schema.Literal("reasoning"),
  itemId: ProviderItemId,
  text: Schema.String,
});

/** A tool call, upserted by `itemId`; what is absent has not changed. */
export const ToolUpdated = Schema.Struct({
  type: Schema.Literal("tool.updated"),
  itemId: ProviderItemId,
  status: Schema.Literals(["pending", "running", "completed", "failed"]),
  kind: ApprovalKind,
  title: Schema.String,
  /** Bounded: the arguments, output and changed files that the agent showed. */
  payload: Schema.Json,
});

export const PlanUpdated = Schema.Struct({
  type: Schema.Literal("plan.updated"),
  entries: Schema.Array(
    Schema.Struct({
      text: Schema.String,
      status: Schema.Literals(["pending", "in_progress", "completed"]),
    }),
  ),
});

/** The agent waits for a decision. `requestKey` names the request within the session. */
export const ApprovalRequested = Schema.Struct({
  type: Schema.Literal("approval.requested"),
  requestKey: Schema.String,
  itemId: Schema.optionalKey(ProviderItemId),
  kind: ApprovalKind,
  title: Schema.String,
  payload: Schema.Json,
});

/** The agent waits for an answer in words. */
export const UserInputRequested = Schema.Struct({
  type: Schema.Literal("user-input.requested"),
  requestKey: Schema.String,
  questions: Schema.Array(UserInputQuestion),
});

/** The agent took its request back, or it was answered by the runtime mode. */
export const RequestWithdrawn = Schema.Struct({
  type: Schema.Literal("request.withdrawn"),
  requestKey: Schema.String,
});

/** What the turn has used so far, in all: it replaces what was said of the turn before. Comes before `turn.completed`. */
export const UsageUpdated = Schema.Struct({
  type: Schema.Literal("usage.updated"),
  usage: TokenUsage,
  context: Schema.optionalKey(ContextUse),
});

/** Something worth showing that ends nothing: a warning, a retry, an approval given by the runtime mode. */
export const Notice = Schema.Struct({
  type: Schema.Literal("notice"),
  tone: Schema.Literals(["info", "approval", "error"]),
  kind: Schema.String,
  summary: Schema.String,
  payload: Schema.Json,
});

export const ProviderRuntimeEvent = Schema.Union([
  SessionStarted,
  SessionExited,
  TurnStarted,
  TurnCompleted,
  MessageDelta,
  MessageCompleted,
  Reasoning,
  ToolUpdated,
  PlanUpdated,
  ApprovalRequested,
  UserInputRequested,
  RequestWithdrawn,
  UsageUpdated,
  Notice,
]).pipe(Schema.toTaggedUnion("type"));
export type ProviderRuntimeEvent = typeof ProviderRuntimeEvent.Type;
