/**
 * Import of what agents keep themselves (SPEC section 3): the sessions in their own files, listed, and taken in as threads.
 */
import { Effect, Schema } from "effect";
import { Rpc, RpcGroup } from "effect/rpc";
import { ThreadId } from "./Ids.ts";
import { JobError, JobProgress } from "./Jobs.ts";
import { Timestamp } from "./Model.ts";

const flag = Schema.Boolean.pipe(Schema.withDecodingDefaultKey(Effect.succeed(false)));

/** Whose files: `~/.codex/sessions`, or `~/.claude/projects`. */
export const ImportSource = Schema.Literals(["codex", "claude"]);
export type ImportSource = typeof ImportSource.Type;

export const ListImportsInput = Schema.Struct({
  source: ImportSource,
  /** Only sessions whose files were written to since then. */
  since: Schema.optionalKey(Timestamp),
});
export type ListImportsInput = typeof ListImportsInput.Type;

/**
 * `new`: not taken in. `changed`: its file was written to since it was. `imported`: all of it is in its thread. `thread`:
 * Heddle ran it itself, so that it is a thread already. `deleted`: it was taken in, and its thread was deleted.
 */
export const ImportState = Schema.Literals(["new", "changed", "imported", "thread", "deleted"]);
export type ImportState = typeof ImportState.Type;

export const ImportableSession = Schema.Struct({
  kind: Schema.Literal("session"),
  /** The agent's own id. */
  sourceId: Schema.String,
  state: ImportState,
  /** Its thread, where there is one. */
  threadId: Schema.NullOr(ThreadId),
  title: Schema.NullOr(Schema.String),
  /** Where the agent worked. */
  cwd: Schema.NullOr(Schema.String),
  startedAt: Schema.NullOr(Schema.String),
  modifiedAt: Schema.String,
  file: Schema.String,
  /** Of the file. */
  bytes: Schema.Int,
});
export type ImportableSession = typeof ImportableSession.Type;

/** A file of the agent that could not be read, or a line of it; null for the file as a whole. */
export const UnreadableLine = Schema.Struct({
  kind: Schema.Literal("unreadable"),
  file: Schema.String,
  line: Schema.NullOr(Schema.Int),
  reason: Schema.String,
});
export type UnreadableLine = typeof UnreadableLine.Type;

/** What there is, the latest first; at the end, where it was looked for. */
export const ImportListItem = Schema.Union([
  ImportableSession,
  UnreadableLine,
  Schema.Struct({ kind: Schema.Literal("listed"), folder: Schema.String }),
]).pipe(Schema.toTaggedUnion("kind"));
export type ImportListItem = typeof ImportListItem.Type;

export const RunImportInput = Schema.Struct({
  source: ImportSource,
  /** These sessions, by the agent's ids. */
  sourceIds: Schema.Array(Schema.String.check(Schema.isMaxLength(500)))
    .check(Schema.isMaxLength(10_000))
    .pipe(Schema.withDecodingDefaultKey(Effect.succeed([]))),
  /** All that are new or changed. */
  all: flag,
  since: Schema.optionalKey(Timestamp),
  /** Keeps the lines as they are, compressed, in the data directory. */
  archive: flag,
});
export type RunImportInput = typeof RunImportInput.Type;

/** What became of one session. */
export const ImportedThread = Schema.Struct({
  sourceId: Schema.String,
  threadId: Schema.NullOr(ThreadId),
  title: Schema.NullOr(Schema.String),
  /** It is a thread since this import. */
  isNew: Schema.Boolean,
  /** What this import added. */
  messages: Schema.Int,
  activities: Schema.Int,
  /** The thread's next turn goes on in the agent's own session. */
  resumable: Schema.Boolean,
  archive: Schema.NullOr(Schema.String),
  /** What a person should know of it, or why it was left out. */
  note: Schema.NullOr(Schema.String),
});
export type ImportedThread = typeof ImportedThread.Type;

export const ImportReport = Schema.Struct({
  kind: Schema.Literal("report"),
  /** The first 1,000 of them. */
  threads: Schema.Array(ImportedThread),
  threadCount: Schema.Int,
  messages: Schema.Int,
  activities: Schema.Int,
  /** The first 100 of what was passed over. */
  unreadable: Schema.Array(UnreadableLine),
  unreadableCount: Schema.Int,
  /** Lines of kinds that this version does not know, by kind. */
  unknown: Schema.Record(Schema.String, Schema.Int),
  seconds: Schema.Finite,
});
export type ImportReport = typeof ImportReport.Type;

export const ImportItem = Schema.Union([JobProgress, ImportReport]).pipe(Schema.toTaggedUnion("kind"));
export type ImportItem = typeof ImportItem.Type;

const method = "orchestration";

export const ImportRpcs = RpcGroup.make(
  Rpc.make(`${method}.listImports`, {
    payload: Schema.Unknown,
    success: ImportListItem,
    error: JobError,
    stream: true,
  }),
  Rpc.make(`${method}.runImport`, {
    payload: Schema.Unknown,
    success: ImportItem,
    error: JobError,
    stream: true,
  }),
);
