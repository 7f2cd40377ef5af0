/**
 * What claude sends by way of the SDK, as far as Heddle reads it. Looser than the SDK's own types on purpose: a kind or a
 * field that a newer claude adds must not cost the message that it came in.
 */
import { Schema } from "effect";
import { maybe } from "../shared/Read.ts";

export const ResumeCursor = Schema.Struct({ sessionId: Schema.String });

/** What any message may have. */
export const Head = Schema.Struct({
  type: Schema.String,
  subtype: maybe(Schema.String),
  uuid: maybe(Schema.String),
  session_id: maybe(Schema.String),
  /** The call of the subagent that it comes from. */
  parent_tool_use_id: maybe(Schema.String),
  isReplay: maybe(Schema.Boolean),
});
export type Head = typeof Head.Type;

/** A piece of a message: words, a thought, a call of a tool, or what came of one. */
export const Block = Schema.Struct({
  type: Schema.String,
  text: maybe(Schema.String),
  thinking: maybe(Schema.String),
  id: maybe(Schema.String),
  name: maybe(Schema.String),
  input: maybe(Schema.Unknown),
  tool_use_id: maybe(Schema.String),
  content: maybe(Schema.Unknown),
  is_error: maybe(Schema.Boolean),
});
export type Block = typeof Block.Type;

export const AssistantMessage = Schema.Struct({
  uuid: Schema.String,
  message: Schema.Struct({ id: Schema.String, content: Schema.Array(Schema.Unknown) }),
  /** In one word, where the model could not be asked; the text is for a person. */
  error: maybe(Schema.String),
});

export const UserMessage = Schema.Struct({
  message: Schema.Struct({ content: Schema.Unknown }),
  tool_use_result: maybe(Schema.Unknown),
});

export const BlockList = Schema.Array(Schema.Unknown);

const Tokens = Schema.Struct({
  input_tokens: maybe(Schema.Finite),
  output_tokens: maybe(Schema.Finite),
  cache_read_input_tokens: maybe(Schema.Finite),
  cache_creation_input_tokens: maybe(Schema.Finite),
});
export type Tokens = typeof Tokens.Type;

export const StreamEvent = Schema.Struct({
  event: Schema.Struct({
    type: Schema.String,
    index: maybe(Schema.Int),
    message: maybe(Schema.Struct({ id: Schema.String, model: maybe(Schema.String), usage: maybe(Tokens) })),
    content_block: maybe(Block),
    delta: maybe(Schema.Struct({ text: maybe(Schema.String), thinking: maybe(Schema.String) })),
    usage: maybe(Tokens),
  }),
});
export type StreamEvent = (typeof StreamEvent.Type)["event"];

export const ModelUsage = Schema.Struct({
  inputTokens: Schema.Finite,
  outputTokens: Schema.Finite,
  cacheReadInputTokens: maybe(Schema.Finite),
  cacheCreationInputTokens: maybe(Schema.Finite),
  costUSD: maybe(Schema.Finite),
  contextWindow: maybe(Schema.Finite),
});

export const Result = Schema.Struct({
  subtype: Schema.String,
  is_error: maybe(Schema.Boolean),
  result: maybe(Schema.String),
  errors: maybe(Schema.Array(Schema.String)),
  stop_reason: maybe(Schema.String),
  terminal_reason: maybe(Schema.String),
  api_error_status: maybe(Schema.Finite),
  startup_failure_reason: maybe(Schema.String),
  /** The prompts that it answers. */
  user_message_uuid: maybe(Schema.String),
  user_message_uuids: maybe(Schema.Array(Schema.String)),
  usage: maybe(Tokens),
  /** Of the whole session, also of what it was before this process. */
  modelUsage: maybe(Schema.Record(Schema.String, ModelUsage)),
  model_usage_since_last_result: maybe(Schema.Record(Schema.String, ModelUsage)),
});
export type Result = typeof Result.Type;

export const CommandLifecycle = Schema.Struct({ command_uuid: Schema.String, state: Schema.String });

export const ApiRetry = Schema.Struct({
  attempt: Schema.Finite,
  max_retries: Schema.Finite,
  error_status: maybe(Schema.Finite),
  error: maybe(Schema.String),
});

export const CompactBoundary = Schema.Struct({
  compact_metadata: Schema.Struct({ trigger: Schema.String, pre_tokens: maybe(Schema.Finite) }),
});

export const PermissionDenied = Schema.Struct({
  tool_name: Schema.String,
  decision_reason: maybe(Schema.String),
  message: maybe(Schema.String),
});

export const WritesLost = Schema.Struct({
  error_code: Schema.String,
  lost: Schema.Array(Schema.String),
});

export const RateLimit = Schema.Struct({
  rate_limit_info: Schema.Struct({
    status: Schema.String,
    resetsAt: maybe(Schema.Finite),
    rateLimitType: maybe(Schema.String),
  }),
});

/** Of messages that are words for a person and nothing else. */
export const Words = Schema.Struct({ content: maybe(Schema.String) });

export const Level = Schema.Struct({ level: maybe(Schema.String) });

export const Questions = Schema.Struct({
  questions: Schema.Array(
    Schema.Struct({
      question: Schema.String,
      header: maybe(Schema.String),
      multiSelect: maybe(Schema.Boolean),
      options: maybe(
        Schema.Array(Schema.Struct({ label: Schema.String, description: maybe(Schema.String) })),
      ),
    }),
  ),
});

export const Todos = Schema.Struct({
  todos: Schema.Array(Schema.Struct({ content: Schema.String, status: Schema.String })),
});
export const TaskUpdate = Schema.Struct({
  taskId: Schema.String,
  subject: maybe(Schema.String),
  status: maybe(Schema.String),
});
export const TaskCreated = Schema.Struct({
  task: Schema.Struct({ id: Schema.String, subject: Schema.String }),
});
export const TaskListed = Schema.Struct({
  tasks: Schema.Array(Schema.Struct({ id: Schema.String, subject: Schema.String, status: Schema.String })),
});
