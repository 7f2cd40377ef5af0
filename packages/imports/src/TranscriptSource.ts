/** What agents keep of their sessions in files of their own: found, and read in a stream. One folder beside this one for each agent. */
import type { ActivityTone, Attachment } from "@heddle/contracts/Model";
import { type Effect, Schema, type Stream } from "effect";
import type { Position } from "./FileLines.ts";

/** A session that an agent keeps, as the beginning and the end of its file tell of it. */
export interface FoundSession {
  /** The agent's own id: what it resumes by. */
  readonly sourceId: string;
  readonly file: string;
  readonly bytes: number;
  /** ISO 8601 in UTC, as are all times here. */
  readonly modifiedAt: string;
  readonly startedAt: string | null;
  /** Where the agent worked. */
  readonly cwd: string | null;
  readonly title: string | null;
  /** The model of its last turn, as far as that is known. */
  readonly model: string | null;
}

export type Found =
  | { readonly kind: "session"; readonly session: FoundSession }
  /** A file that could not be read. */
  | { readonly kind: "unreadable"; readonly file: string; readonly reason: string };

interface Said {
  /** Names it within the session: the same each time that it is read. */
  readonly key: string;
  /** Null where the file does not say. */
  readonly createdAt: string | null;
}

export interface ImportedMessage extends Said {
  readonly kind: "message";
  readonly role: "user" | "assistant";
  readonly text: string;
  readonly attachments: ReadonlyArray<Attachment>;
}

/** What the agent did or thought, in the words of a thread's activities. */
export interface ImportedActivity extends Said {
  readonly kind: "activity";
  readonly tone: ActivityTone;
  readonly type: string;
  readonly summary: string;
  readonly detail: Schema.Json;
}

export type ImportedEntry =
  | ImportedMessage
  | ImportedActivity
  /** A line that is no JSON, too long, or not what it claims to be. It is passed over. */
  | { readonly kind: "unreadable"; readonly line: number; readonly reason: string }
  /** A kind of line that Heddle does not know. It is passed over, and counted. */
  | { readonly kind: "unknown"; readonly name: string };

/** Calls that have no result yet: what the result will be shown under. */
export type OpenCalls = Readonly<Record<string, { readonly kind: string; readonly title: string }>>;

/** How far a session was read: what the next read goes on from. */
export interface ReadFrom extends Position {
  readonly openCalls: OpenCalls;
}

export const AT_START: ReadFrom = { byte: 0, line: 0, openCalls: {} };

/** Some lines' entries, and how far the file is read with them. */
export interface ReadPart {
  readonly entries: ReadonlyArray<ImportedEntry>;
  readonly position: ReadFrom;
}

/** The file could not be read. */
export class TranscriptFileError extends Schema.TaggedError<TranscriptFileError>()("TranscriptFileError", {
  operation: Schema.Literals(["list", "read", "archive"]),
  file: Schema.String,
  message: Schema.String,
  cause: Schema.optionalKey(Schema.Defect()),
}) {}

export interface ListOptions {
  /** Only sessions that were written to since then. */
  readonly since?: string;
}

export interface TranscriptSource {
  readonly name: "codex" | "claude";
  /** Where the agent keeps them. */
  readonly folder: string;
  /** The sessions that there are, the latest first; none where there is no folder. */
  readonly list: (options: ListOptions) => Stream.Stream<Found, TranscriptFileError>;
  /**
   * What was said and done from there on, in the file's order. A last line without its end is left for the next time, as
   * the agent may be writing it. Fails only where the file itself cannot be read.
   */
  readonly read: (session: FoundSession, from: ReadFrom) => Stream.Stream<ReadPart, TranscriptFileError>;
  /** What the agent's adapter goes on in this session by. */
  readonly resumeCursor: (sourceId: string) => Schema.Json;
}

/** How one agent's lines become entries. It may remember calls from one line to the next. */
export interface LineReader {
  readonly take: (value: unknown, line: number) => ReadonlyArray<ImportedEntry>;
  readonly openCalls: () => OpenCalls;
}

export type FoundFiles = Effect.Effect<ReadonlyArray<string>, TranscriptFileError>;
