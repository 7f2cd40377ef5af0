/**
 * Row schemas of the projection tables: each decodes a row, selected with its columns under their fields' names, into
 * what clients read. A column `x_json` is the field `x`.
 */
import {
  Activity,
  CheckpointSummary,
  Message,
  PendingApproval,
  Project,
  QueuedTurn,
  Session,
  ThreadSummary,
  ThreadWorktree,
  Turn,
} from "@heddle/contracts/ReadModel";
import {
  AcceptedForSession,
  BlobRef,
  CheckpointFile,
  ContextUse,
  ModelSelection,
  ProjectScript,
  Stalled,
  StoredAttachment,
  TokenUsage,
  UserInputQuestion,
} from "@heddle/contracts/Model";
import { ProviderCapabilities } from "@heddle/contracts/ProviderRuntimeEvent";
import { Effect, Schema } from "effect";
import type { SqlClient, Statement } from "effect/sql";

const json = <S extends Schema.Constraint>(schema: S) => Schema.fromJsonString(schema);

/** A table as readers see it: its columns under their fields' names, and the schema that decodes such a row. */
export interface ReadTable<Row> {
  readonly table: string;
  readonly columns: Readonly<Record<keyof Row & string, string>>;
  readonly decode: (rows: ReadonlyArray<unknown>) => Effect.Effect<ReadonlyArray<Row>, Schema.SchemaError>;
}

const readTable = <Row>(
  table: string,
  columns: ReadTable<Row>["columns"],
  row: Schema.Codec<Row, unknown>,
): ReadTable<Row> => ({ table, columns, decode: Schema.decodeUnknownEffect(Schema.Array(row)) });

/** `SELECT` with the fields' names, and `rest` behind it. */
export const select = <Row>(sql: SqlClient.SqlClient, read: ReadTable<Row>, rest: Statement.Fragment) => {
  const columns = Object.entries<string>(read.columns).map(([field, column]) => `${column} AS "${field}"`);
  return Effect.flatMap(
    sql`SELECT ${sql.literal(columns.join(", "))} FROM ${sql(read.table)} ${rest}`,
    read.decode,
  );
};

export const projectRows = readTable<Project>(
  "projection_projects",
  {
    projectId: "project_id",
    title: "title",
    workspaceRoot: "workspace_root",
    defaultModel: "default_model",
    scripts: "scripts_json",
    createdAt: "created_at",
    updatedAt: "updated_at",
    deletedAt: "deleted_at",
  },
  Schema.Struct({
    ...Project.fields,
    defaultModel: Schema.NullOr(json(ModelSelection)),
    scripts: json(Schema.Array(ProjectScript)),
  }),
);

const { session: _session, pendingApprovals: _pendingApprovals, ...threadFields } = ThreadSummary.fields;
const ThreadHead = Schema.Struct(threadFields);
/** A thread's own row. */
export type ThreadHead = typeof ThreadHead.Type;

export const threadRows = readTable<ThreadHead>(
  "projection_threads",
  {
    threadId: "thread_id",
    projectId: "project_id",
    title: "title",
    model: "model",
    branch: "branch",
    worktreePath: "worktree_path",
    runtimeMode: "runtime_mode",
    latestTurnId: "latest_turn_id",
    forkedFrom: "forked_from_json",
    queuedTurns: "queued_turns_json",
    usage: "usage_json",
    context: "context_json",
    worktree: "worktree_json",
    createdAt: "created_at",
    updatedAt: "updated_at",
    archivedAt: "archived_at",
    deletedAt: "deleted_at",
  },
  Schema.Struct({
    ...threadFields,
    model: json(ModelSelection),
    forkedFrom: Schema.NullOr(json(threadFields.forkedFrom.members[0])),
    queuedTurns: json(Schema.Array(QueuedTurn)),
    usage: Schema.NullOr(json(TokenUsage)),
    context: Schema.NullOr(json(ContextUse)),
    worktree: Schema.NullOr(json(ThreadWorktree)),
  }),
);

export const messageRows = readTable<Message>(
  "projection_thread_messages",
  {
    messageId: "message_id",
    threadId: "thread_id",
    turnId: "turn_id",
    role: "role",
    text: "text",
    fullText: "full_text_json",
    attachments: "attachments_json",
    isStreaming: "is_streaming",
    sequence: "sequence",
    createdAt: "created_at",
    updatedAt: "updated_at",
  },
  Schema.Struct({
    ...Message.fields,
    fullText: Schema.NullOr(json(BlobRef)),
    attachments: json(Schema.Array(StoredAttachment)),
    isStreaming: Schema.BooleanFromBit,
  }),
);

export const activityRows = readTable<Activity>(
  "projection_thread_activities",
  {
    activityId: "activity_id",
    threadId: "thread_id",
    turnId: "turn_id",
    tone: "tone",
    kind: "kind",
    summary: "summary",
    payload: "payload_json",
    sequence: "sequence",
    createdAt: "created_at",
  },
  Schema.Struct({ ...Activity.fields, payload: json(Schema.Json) }),
);

export const sessionRows = readTable<Session>(
  "projection_thread_sessions",
  {
    threadId: "thread_id",
    status: "status",
    providerName: "provider_name",
    providerSessionId: "provider_session_id",
    providerThreadId: "provider_thread_id",
    activeTurnId: "active_turn_id",
    lastError: "last_error",
    capabilities: "capabilities_json",
    stalled: "stalled_json",
    accepted: "accepted_json",
    updatedAt: "updated_at",
  },
  Schema.Struct({
    ...Session.fields,
    capabilities: Schema.NullOr(json(ProviderCapabilities)),
    stalled: Schema.NullOr(json(Stalled)),
    accepted: Schema.NullOr(json(Schema.Array(AcceptedForSession))),
  }),
);

export const turnRows = readTable<Turn>(
  "projection_thread_turns",
  {
    turnId: "turn_id",
    threadId: "thread_id",
    turnCount: "turn_count",
    status: "status",
    userMessageId: "user_message_id",
    assistantMessageId: "assistant_message_id",
    reason: "reason",
    usage: "usage_json",
    startedAt: "started_at",
    completedAt: "completed_at",
  },
  Schema.Struct({ ...Turn.fields, usage: Schema.NullOr(json(TokenUsage)) }),
);

export const checkpointRows = readTable<CheckpointSummary>(
  "projection_checkpoints",
  {
    threadId: "thread_id",
    turnId: "turn_id",
    checkpointTurnCount: "checkpoint_turn_count",
    checkpointRef: "checkpoint_ref",
    status: "status",
    files: "files_json",
    filesOmitted: "files_omitted",
    assistantMessageId: "assistant_message_id",
    completedAt: "completed_at",
  },
  Schema.Struct({ ...CheckpointSummary.fields, files: json(Schema.Array(CheckpointFile)) }),
);

export const approvalRows = readTable<PendingApproval>(
  "projection_pending_approvals",
  {
    requestId: "request_id",
    threadId: "thread_id",
    turnId: "turn_id",
    kind: "kind",
    title: "title",
    detail: "detail_json",
    questions: "questions_json",
    status: "status",
    decision: "decision",
    createdAt: "created_at",
    resolvedAt: "resolved_at",
  },
  Schema.Struct({
    ...PendingApproval.fields,
    detail: json(Schema.Json),
    questions: json(Schema.Array(UserInputQuestion)),
  }),
);
