/**
 * What `codex app-server` sends, as far as Heddle reads it. Looser than Protocol.ts on purpose: a status, a kind or a
 * field that a newer codex adds must not cost the message that it came in. The types at the end hold the two together.
 */
import { Schema } from "effect";
import { maybe } from "../shared/Read.ts";
import type * as Protocol from "./Protocol.ts";

const OfThread = { threadId: Schema.String };
const Tokens = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0));
const OfItem = { ...OfThread, turnId: Schema.String, itemId: Schema.String };

/** Of `thread/start`, `thread/resume` and `thread/fork`. */
export const ThreadResponse = Schema.Struct({
  thread: Schema.Struct({ id: Schema.String }),
});

export const ConfigResponse = Schema.Struct({
  config: Schema.Struct({
    sandbox_workspace_write: maybe(
      Schema.Struct({
        writable_roots: maybe(Schema.Array(Schema.String)),
        network_access: maybe(Schema.Boolean),
        exclude_tmpdir_env_var: maybe(Schema.Boolean),
        exclude_slash_tmp: maybe(Schema.Boolean),
      }),
    ),
  }),
});

export const TurnStartResponse = Schema.Struct({ turn: Schema.Struct({ id: Schema.String }) });

export const TerminalsResponse = Schema.Struct({
  data: Schema.Array(Schema.Struct({ itemId: Schema.String, processId: Schema.String })),
});

export const ResumeCursor = Schema.Struct({ threadId: Schema.String });

const TurnError = Schema.Struct({
  message: Schema.String,
  codexErrorInfo: maybe(Schema.Unknown),
  additionalDetails: maybe(Schema.String),
});
export type TurnError = typeof TurnError.Type;

export const Item = Schema.Struct({ type: Schema.String, id: Schema.String });

export const TurnNotification = Schema.Struct({
  ...OfThread,
  turn: Schema.Struct({
    id: Schema.String,
    status: Schema.String,
    error: maybe(TurnError),
    items: maybe(Schema.Array(Schema.Unknown)),
  }),
});
export type EndedTurn = (typeof TurnNotification.Type)["turn"];

export const ItemNotification = Schema.Struct({ ...OfThread, item: Schema.Unknown });

export const Delta = Schema.Struct({
  ...OfItem,
  delta: Schema.String,
  /** Of a summary of reasoning: which paragraph. */
  summaryIndex: maybe(Schema.Int),
});
export type Delta = typeof Delta.Type;

export const PlanNotification = Schema.Struct({
  ...OfThread,
  plan: Schema.Array(Schema.Struct({ step: Schema.String, status: Schema.String })),
});

export const ErrorNotification = Schema.Struct({
  ...OfThread,
  error: TurnError,
  willRetry: Schema.Boolean,
});

/** `configWarning` says `summary`, the others `message`; some name no thread. */
export const Warning = Schema.Struct({
  threadId: maybe(Schema.String),
  message: maybe(Schema.String),
  summary: maybe(Schema.String),
  details: maybe(Schema.String),
});

export const ModelRerouted = Schema.Struct({
  ...OfThread,
  fromModel: Schema.String,
  toModel: Schema.String,
});

/** Cached tokens are among those of the input, and those of reasoning among those of the output. */
const TokenCount = Schema.Struct({
  totalTokens: Tokens,
  inputTokens: Tokens,
  cachedInputTokens: Tokens,
  outputTokens: Tokens,
});
export type TokenCount = typeof TokenCount.Type;

export const UsageNotification = Schema.Struct({
  ...OfThread,
  turnId: Schema.String,
  tokenUsage: Schema.Struct({
    /** Of the thread, since it was made. */
    total: TokenCount,
    /** Of the request to the model that ended last: what its context holds. */
    last: TokenCount,
    modelContextWindow: maybe(Tokens),
  }),
});

export const RequestResolved = Schema.Struct({ requestId: Schema.Union([Schema.String, Schema.Number]) });

/** An agent's words; a plan that it proposes has the same form. */
export const MessageItem = Schema.Struct({ id: Schema.String, text: Schema.String });

export const ReasoningItem = Schema.Struct({
  id: Schema.String,
  summary: maybe(Schema.Array(Schema.String)),
  content: maybe(Schema.Array(Schema.String)),
});

export const CommandItem = Schema.Struct({
  command: Schema.String,
  cwd: maybe(Schema.String),
  aggregatedOutput: maybe(Schema.String),
  exitCode: maybe(Schema.Int),
});

export const FileChange = Schema.Struct({
  path: Schema.String,
  kind: Schema.Struct({ type: Schema.String, move_path: maybe(Schema.String) }),
  diff: Schema.String,
});
export type FileChange = typeof FileChange.Type;

export const FileChangeItem = Schema.Struct({ changes: Schema.Array(FileChange) });

export const PatchNotification = Schema.Struct({ ...OfItem, changes: Schema.Array(FileChange) });

/** Any other call of a tool: whichever of these it has. */
export const ToolItem = Schema.Struct({
  status: maybe(Schema.String),
  server: maybe(Schema.String),
  namespace: maybe(Schema.String),
  tool: maybe(Schema.Unknown),
  query: maybe(Schema.String),
  path: maybe(Schema.String),
});

const OfRequest = { itemId: Schema.String, reason: maybe(Schema.String) };

export const CommandApproval = Schema.Struct({
  ...OfRequest,
  kind: maybe(Schema.String),
  command: maybe(Schema.String),
  cwd: maybe(Schema.String),
  networkApprovalContext: maybe(Schema.Struct({ host: Schema.String })),
  additionalPermissions: maybe(Schema.Unknown),
});

export const FileChangeApproval = Schema.Struct({ ...OfRequest, grantRoot: maybe(Schema.String) });

export const PermissionsApproval = Schema.Struct({
  ...OfRequest,
  permissions: Schema.Struct({ network: maybe(Schema.Unknown), fileSystem: maybe(Schema.Unknown) }),
});

export const UserInputRequest = Schema.Struct({
  questions: Schema.Array(
    Schema.Struct({
      id: Schema.String,
      header: Schema.String,
      question: Schema.String,
      isSecret: maybe(Schema.Boolean),
      options: maybe(
        Schema.Array(Schema.Struct({ label: Schema.String, description: maybe(Schema.String) })),
      ),
    }),
  ),
});

type ItemOf<Type extends Protocol.ThreadItem["type"]> = Extract<Protocol.ThreadItem, { type: Type }>;
type Told<Method extends Protocol.ServerNotification["method"]> = Extract<
  Protocol.ServerNotification,
  { method: Method }
>["params"];
type Asked<Method extends Protocol.ServerRequest["method"]> = Extract<
  Protocol.ServerRequest,
  { method: Method }
>["params"];

/** An error here: codex sends something else now than is read above. */
type Fits<Read, Sent extends Read> = Sent;
export type WhatIsSentFits = [
  Fits<typeof ThreadResponse.Encoded, Protocol.ThreadStartResponse>,
  Fits<typeof ThreadResponse.Encoded, Protocol.ThreadForkResponse>,
  Fits<typeof ConfigResponse.Encoded, Protocol.ConfigReadResponse>,
  Fits<typeof TurnStartResponse.Encoded, Protocol.TurnStartResponse>,
  Fits<typeof TerminalsResponse.Encoded, Protocol.ThreadBackgroundTerminalsListResponse>,
  Fits<typeof TurnNotification.Encoded, Told<"turn/started" | "turn/completed">>,
  Fits<typeof ItemNotification.Encoded, Told<"item/started" | "item/completed">>,
  Fits<typeof Delta.Encoded, Told<"item/agentMessage/delta" | "item/plan/delta">>,
  Fits<typeof Delta.Encoded, Told<"item/reasoning/summaryTextDelta" | "item/reasoning/textDelta">>,
  Fits<typeof Delta.Encoded, Told<"item/commandExecution/outputDelta">>,
  Fits<typeof PatchNotification.Encoded, Told<"item/fileChange/patchUpdated">>,
  Fits<typeof PlanNotification.Encoded, Told<"turn/plan/updated">>,
  Fits<typeof ErrorNotification.Encoded, Told<"error">>,
  Fits<typeof Warning.Encoded, Told<"warning" | "guardianWarning">>,
  Fits<typeof Warning.Encoded, Told<"configWarning">>,
  Fits<typeof ModelRerouted.Encoded, Told<"model/rerouted">>,
  Fits<typeof UsageNotification.Encoded, Told<"thread/tokenUsage/updated">>,
  Fits<typeof RequestResolved.Encoded, Told<"serverRequest/resolved">>,
  Fits<typeof MessageItem.Encoded, ItemOf<"agentMessage" | "plan">>,
  Fits<typeof ReasoningItem.Encoded, ItemOf<"reasoning">>,
  Fits<typeof CommandItem.Encoded, ItemOf<"commandExecution">>,
  Fits<typeof FileChangeItem.Encoded, ItemOf<"fileChange">>,
  Fits<typeof ToolItem.Encoded, ItemOf<"mcpToolCall" | "dynamicToolCall" | "webSearch" | "imageView">>,
  Fits<typeof CommandApproval.Encoded, Asked<"item/commandExecution/requestApproval">>,
  Fits<typeof FileChangeApproval.Encoded, Asked<"item/fileChange/requestApproval">>,
  Fits<typeof PermissionsApproval.Encoded, Asked<"item/permissions/requestApproval">>,
  Fits<typeof UserInputRequest.Encoded, Asked<"item/tool/requestUserInput">>,
];
