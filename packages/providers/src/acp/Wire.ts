/**
 * What agents send, as far as Heddle reads it. Looser than the SDK's own schemas on purpose: an enum value or a field
 * that a newer agent adds must not cost the message that it came in.
 */
import { ApprovalKind, type ApprovalKind as Kind } from "@heddle/contracts/Model";
import { Schema } from "effect";
import { maybe } from "../shared/Read.ts";

/** The error with which an agent refuses whom it does not know. */
export const AUTH_REQUIRED = -32000;

const Meta = Schema.Record(Schema.String, Schema.Unknown);

export const SessionNotification = Schema.Struct({
  sessionId: Schema.String,
  update: Schema.Record(Schema.String, Schema.Unknown),
});

export const ContentChunk = Schema.Struct({
  content: Schema.Struct({
    type: Schema.String,
    text: maybe(Schema.String),
    mimeType: maybe(Schema.String),
    uri: maybe(Schema.String),
  }),
  messageId: maybe(Schema.String),
});
export type ContentChunk = typeof ContentChunk.Type;

export const ToolCall = Schema.Struct({
  toolCallId: Schema.String,
  title: maybe(Schema.String),
  name: maybe(Schema.String),
  kind: maybe(Schema.String),
  status: maybe(Schema.String),
  content: maybe(Schema.Array(Schema.Unknown)),
  locations: maybe(Schema.Array(Schema.Unknown)),
  rawInput: Schema.optionalKey(Schema.Unknown),
  rawOutput: Schema.optionalKey(Schema.Unknown),
  _meta: maybe(Meta),
});
export type ToolCall = typeof ToolCall.Type;

export const ToolContent = Schema.Union([
  Schema.Struct({
    type: Schema.Literal("diff"),
    path: Schema.String,
    oldText: maybe(Schema.String),
    newText: Schema.String,
  }),
  Schema.Struct({
    type: Schema.Literal("content"),
    content: Schema.Struct({ type: Schema.String, text: maybe(Schema.String), uri: maybe(Schema.String) }),
  }),
  Schema.Struct({ type: Schema.Literal("terminal"), terminalId: Schema.String }),
]);

/** How Zed's clients and the agents around them pass a command's output; no part of the protocol, but all there is. */
export const TerminalMeta = Schema.Struct({
  terminal_output: maybe(Schema.Struct({ data: Schema.String })),
  terminal_output_delta: maybe(Schema.Struct({ data: Schema.String })),
  terminal_exit: maybe(Schema.Struct({ exit_code: maybe(Schema.Int), signal: maybe(Schema.String) })),
});

export const Plan = Schema.Struct({
  entries: Schema.Array(Schema.Struct({ content: Schema.String, status: maybe(Schema.String) })),
});

export const AgentNotice = Schema.Struct({
  severity: Schema.String,
  title: Schema.String,
  description: maybe(Schema.String),
});

export const Compaction = Schema.Struct({
  compactionId: Schema.String,
  status: Schema.String,
  error: maybe(Schema.String),
});

/** Agents tell of tries again here, each in an extension of its own. */
export const SessionInfo = Schema.Struct({ _meta: maybe(Meta) });
export const Trouble = Schema.Struct({ error: Schema.Struct({ message: Schema.String }) });

const Tokens = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0));

/** `cost` is of the whole session. */
export const UsageUpdate = Schema.Struct({
  used: Tokens,
  size: Tokens,
  cost: maybe(
    Schema.Struct({
      amount: Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0)),
      currency: Schema.String,
    }),
  ),
});

/** Of one turn. */
export const PromptUsage = Schema.Struct({
  totalTokens: Tokens,
  inputTokens: Tokens,
  outputTokens: Tokens,
  thoughtTokens: maybe(Tokens),
  cachedReadTokens: maybe(Tokens),
  cachedWriteTokens: maybe(Tokens),
});

export const CurrentMode = Schema.Struct({ currentModeId: Schema.String });

export const PermissionRequest = Schema.Struct({
  toolCall: ToolCall,
  options: Schema.Array(Schema.Struct({ optionId: Schema.String, name: Schema.String, kind: Schema.String })),
});

export const InitializeResponse = Schema.Struct({
  protocolVersion: Schema.Int,
  agentCapabilities: maybe(
    Schema.Struct({
      loadSession: maybe(Schema.Boolean),
      promptCapabilities: maybe(
        Schema.Struct({
          image: maybe(Schema.Boolean),
          audio: maybe(Schema.Boolean),
          embeddedContext: maybe(Schema.Boolean),
        }),
      ),
      sessionCapabilities: maybe(Schema.Record(Schema.String, Schema.Unknown)),
    }),
  ),
  authMethods: maybe(
    Schema.Array(
      Schema.Struct({ id: Schema.String, name: Schema.String, description: maybe(Schema.String) }),
    ),
  ),
  _meta: maybe(Meta),
});
export type InitializeResponse = typeof InitializeResponse.Type;

/** Of `session/new` and `session/fork`; `session/load` and `session/resume` answer the same without the id. */
export const SessionResponse = Schema.Struct({
  sessionId: maybe(Schema.String),
  modes: maybe(
    Schema.Struct({
      currentModeId: Schema.String,
      availableModes: Schema.Array(Schema.Struct({ id: Schema.String, name: Schema.String })),
    }),
  ),
  configOptions: maybe(Schema.Array(Schema.Unknown)),
});
export type SessionResponse = typeof SessionResponse.Type;

export const PromptResponse = Schema.Struct({ stopReason: Schema.String, usage: maybe(Schema.Unknown) });

export const ResumeCursor = Schema.Struct({ sessionId: Schema.String });

/** `_session/steering`, which the agents that have it announce under `_meta.steering`. */
export const SteeringResponse = Schema.Struct({ outcome: Schema.String });

const isKind = Schema.is(ApprovalKind);

/** A kind that is not exactly one of those known is `other`. */
export const toKind = (kind: string | null | undefined): Kind | undefined =>
  kind === null || kind === undefined ? undefined : isKind(kind) ? kind : "other";
