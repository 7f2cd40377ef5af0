/** The small vocabularies that commands, events and read models share (SPEC sections 2 and 7.3). */
import { Schema, SchemaTransformation } from "effect";
import { ApprovalRequestId } from "./Ids.ts";

/** Sequence of an event: dense from 1 over the whole log. 0 stands before the first. */
export const Sequence = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0));

/** Turns of a thread are counted from 1; 0 stands for the state before the first. */
export const TurnCount = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0));

/** ISO 8601 with a zone, as `2026-01-31T12:00:00.000Z`. A label that a client gives: order comes from the sequence. */
export const Timestamp = Schema.String.check(
  Schema.isPattern(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})$/, {
    message: "Expected an ISO 8601 date and time with a zone, such as 2026-01-31T12:00:00.000Z",
  }),
);

export const Title = Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(500));

/** Absolute path on the server's machine, POSIX or Windows. */
export const AbsolutePath = Schema.String.check(
  Schema.isMaxLength(4096),
  Schema.isPattern(/^(\/|[A-Za-z]:[\\/])[^\0]*$/, { message: "Expected an absolute path" }),
);

export const BranchName = Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(500));

/** What git may call a branch or a commit: printable, without spaces, and not to be taken for an option. */
const GitName = Schema.String.check(
  Schema.isMaxLength(500),
  Schema.isPattern(/^[^-\s\p{C}][^\s\p{C}]*$/u, {
    message: "Expected a name that git takes: no spaces or control characters, and no '-' at its beginning",
  }),
);

/** A git worktree to be made for a thread, on a new branch of its own. */
export const WorktreeRequest = Schema.Struct({
  /** What the branch is called; a name is made from the title without it. */
  branch: Schema.optionalKey(GitName),
  /** The branch, tag or commit that it begins at; where the project stands without it. */
  from: Schema.optionalKey(GitName),
});
export type WorktreeRequest = typeof WorktreeRequest.Type;

/** What a person wrote: at most 1 Mi characters. */
export const PromptText = Schema.String.check(Schema.isMaxLength(1_048_576));

/** Name of a configured agent: `demo`, `codex`, `claude`, … */
export const ProviderName = Schema.String.check(
  Schema.isMaxLength(64),
  Schema.isPattern(/^[a-z0-9][a-z0-9._-]*$/, {
    message: "Expected an agent's name: lower-case letters, digits, '.', '_' or '-'",
  }),
);

const ModelStruct = Schema.Struct({
  provider: ProviderName,
  model: Schema.optionalKey(Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(200))),
  options: Schema.optionalKey(Schema.Record(Schema.String, Schema.Json)),
});

const ModelText = Schema.String.check(
  Schema.isMaxLength(265),
  Schema.isPattern(/^[a-z0-9][a-z0-9._-]*(\/.+)?$/, {
    message: "Expected 'provider' or 'provider/model', such as demo or codex/gpt-5",
  }),
);

/**
 * Which agent, which of its models, and its options. Also accepts a plain string, `provider` or `provider/model`
 * (`demo`, `codex/gpt-5`); what is stored and read is always the object.
 */
export const ModelSelection = Schema.Union([
  ModelStruct,
  ModelText.pipe(
    Schema.decodeTo(
      ModelStruct,
      SchemaTransformation.transform({
        decode: (text) => {
          const slash = text.indexOf("/");
          return slash === -1
            ? { provider: text }
            : { provider: text.slice(0, slash), model: text.slice(slash + 1) };
        },
        encode: ({ provider, model }) => (model === undefined ? provider : `${provider}/${model}`),
      }),
    ),
  ),
]);
export type ModelSelection = typeof ModelSelection.Type;

/** `approval-required` asks for everything, `auto-accept-edits` for all but edits, `full-access` for nothing. */
export const RuntimeMode = Schema.Literals(["approval-required", "auto-accept-edits", "full-access"]);
export type RuntimeMode = typeof RuntimeMode.Type;

/** What to do with a prompt while a turn runs: refuse it, keep it for after, or hand it to the running turn. */
export const DispatchMode = Schema.Literals(["start", "queue", "steer"]);
export type DispatchMode = typeof DispatchMode.Type;

export const ApprovalDecision = Schema.Literals(["accept", "acceptForSession", "decline", "cancel"]);
export type ApprovalDecision = typeof ApprovalDecision.Type;

/** How a request ended: by a person's decision, or because nobody can receive the answer any more. */
export const RequestOutcome = Schema.Literals([
  "accept",
  "acceptForSession",
  "decline",
  "cancel",
  "answered",
  "expired",
]);
export type RequestOutcome = typeof RequestOutcome.Type;

export const MessageRole = Schema.Literals(["user", "assistant", "system"]);
export const ActivityTone = Schema.Literals(["info", "tool", "approval", "error"]);
export type ActivityTone = typeof ActivityTone.Type;

export const SessionStatus = Schema.Literals([
  "idle",
  "starting",
  "running",
  "ready",
  "interrupted",
  "stopped",
  "error",
]);
export type SessionStatus = typeof SessionStatus.Type;

export const TurnStatus = Schema.Literals(["running", "completed", "interrupted", "error"]);
export type TurnStatus = typeof TurnStatus.Type;

/** How a turn can end. */
export const TurnOutcome = Schema.Literals(["completed", "interrupted", "error"]);
export type TurnOutcome = typeof TurnOutcome.Type;

export const CheckpointStatus = Schema.Literals(["ready", "missing", "error"]);
export type CheckpointStatus = typeof CheckpointStatus.Type;

/** A file that differs between two checkpoints. Line counts are 0 for a binary file. */
export const CheckpointFile = Schema.Struct({
  path: Schema.String,
  kind: Schema.Literals(["added", "modified", "deleted"]),
  additions: Schema.Int,
  deletions: Schema.Int,
});
export type CheckpointFile = typeof CheckpointFile.Type;

/** A file or image that goes with a prompt; `data` is base64, at most 8 MiB of it. */
export const Attachment = Schema.Struct({
  name: Schema.String.check(Schema.isMaxLength(500)),
  mimeType: Schema.String.check(Schema.isMaxLength(200)),
  data: Schema.String.check(Schema.isMaxLength(8_388_608), Schema.isPattern(/^[A-Za-z0-9+/]*={0,2}$/)),
});
export type Attachment = typeof Attachment.Type;

/** Names a blob: SHA-256 of its bytes, in hexadecimal. */
export const BlobHash = Schema.String.check(
  Schema.isPattern(/^[0-9a-f]{64}$/, { message: "Expected a SHA-256 of 64 hexadecimal digits" }),
);
export type BlobHash = typeof BlobHash.Type;

/**
 * Stands in an event or a row for content that is too large for it. The bytes of the blob are the string's UTF-8; with
 * `json`, they are the JSON of the value that stood there.
 */
export const BlobRef = Schema.Struct({
  $blob: BlobHash,
  bytes: Schema.Int,
  /** How the content begins. */
  preview: Schema.String,
  json: Schema.optionalKey(Schema.Literal(true)),
});
export type BlobRef = typeof BlobRef.Type;

/** An attachment whose `bytes` of content are a blob. */
export const AttachmentRef = Schema.Struct({
  name: Schema.String,
  mimeType: Schema.String,
  bytes: Schema.Int,
  blob: BlobHash,
});
export type AttachmentRef = typeof AttachmentRef.Type;

/** An attachment in an event: always a reference since there are blobs; events from before hold the content itself. */
export const StoredAttachment = Schema.Union([AttachmentRef, Attachment]);
export type StoredAttachment = typeof StoredAttachment.Type;

/** A command that a project offers to its people (`pnpm test`, …). */
export const ProjectScript = Schema.Struct({
  name: Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(200)),
  command: Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(10_000)),
});
export type ProjectScript = typeof ProjectScript.Type;

/** A question of an agent. With `options`, the answer is one of them unless the agent also takes free text. */
export const UserInputQuestion = Schema.Struct({
  id: Schema.String,
  prompt: Schema.String,
  options: Schema.optionalKey(Schema.Array(Schema.Struct({ value: Schema.String, label: Schema.String }))),
});
export type UserInputQuestion = typeof UserInputQuestion.Type;

/** What kind of act an approval is for; `other` is never accepted by a runtime mode but full-access. */
export const ApprovalKind = Schema.Literals([
  "read",
  "edit",
  "delete",
  "move",
  "search",
  "execute",
  "think",
  "fetch",
  "switch_mode",
  "other",
]);
export type ApprovalKind = typeof ApprovalKind.Type;

const Tokens = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0));

/** What was used of a model, as the agent counts it. */
export const TokenUsage = Schema.Struct({
  /** All that was sent, cached included. */
  inputTokens: Tokens,
  cachedInputTokens: Tokens,
  /** All that came back, reasoning included. */
  outputTokens: Tokens,
  /** Only where the agent says it: in US dollars. */
  costUsd: Schema.optionalKey(Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0))),
});
export type TokenUsage = typeof TokenUsage.Type;

/** How full the model's context is. */
export const ContextUse = Schema.Struct({ usedTokens: Tokens, windowTokens: Schema.NullOr(Tokens) });
export type ContextUse = typeof ContextUse.Type;

/** A turn that nothing has been heard of for a while. */
export const Stalled = Schema.Struct({
  /** When the agent was last heard. */
  since: Schema.String,
  /** What the turn waits for, for a person: the agent, a tool of its, an answer. */
  waitsFor: Schema.String,
});
export type Stalled = typeof Stalled.Type;

/** What a person accepted for as long as the session lasts. */
export const AcceptedForSession = Schema.Struct({
  requestId: ApprovalRequestId,
  kind: ApprovalKind,
  title: Schema.String,
});
export type AcceptedForSession = typeof AcceptedForSession.Type;
