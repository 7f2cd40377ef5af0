/**
 * Takes a session that an agent kept into its thread. Ids derive from the session, so that what is taken in twice is there
 * once; the watermark follows the commands, so that a crash between them costs a little work and nothing else.
 */
import { ProviderSessionId, ProviderThreadId, type ThreadId } from "@heddle/contracts/Ids";
import type { UnreadableLine } from "@heddle/contracts/ImportRpc";
import { type ImportedFile, ImportedFiles, importedSessionId } from "@heddle/event-store/ImportedFiles";
import { SessionRuntime } from "@heddle/event-store/SessionRuntime";
import {
  AT_START,
  type FoundSession,
  type ImportedEntry,
  type ReadFrom,
  type TranscriptSource,
} from "@heddle/imports/TranscriptSource";
import { Clock, Effect, Stream } from "effect";
import { inSmallSlices } from "../AgentIngest.ts";
import { commandIdFrom, messageIdFrom } from "../DerivedId.ts";
import { Engine } from "../Engine.ts";
import type { AnyCommand, Origin } from "../GroupWriter.ts";
import { makePlaces, placeOf, threadCreatedEventId } from "./ImportPlace.ts";

/** Commands that wait for their answers at a time: a few of the small groups in which the engine takes an agent's. */
const IN_FLIGHT = 16;
/** Of a line that says no time in a session that says none. */
const NO_TIME = "1970-01-01T00:00:00.000Z";

/** What became of a session, and what was passed over in it. */
export interface Outcome {
  readonly isNew: boolean;
  readonly messages: number;
  readonly activities: number;
  readonly resumable: boolean;
  readonly note: string | null;
}

export interface ImportTally {
  readonly unreadable: (line: UnreadableLine) => void;
  readonly unknown: (name: string) => void;
  /** How far the file is read, in bytes. */
  readonly at: (bytes: number) => Effect.Effect<unknown>;
}

export const makeImportSession = Effect.gen(function* () {
  const engine = yield* Engine;
  const files = yield* ImportedFiles;
  const runtime = yield* SessionRuntime;
  const places = yield* makePlaces;

  /** 1 where it is in the thread since now, or since an import that was cut short; 0 where other words stand under its id. */
  const dispatch = (command: AnyCommand, origin: Origin) =>
    engine.dispatch(command, origin).pipe(
      Effect.as(1),
      // A line that stands in the file twice, and not the same both times: the first counts.
      Effect.catchTag("CommandIdConflict", ({ message }) => Effect.as(Effect.logDebug(message), 0)),
    );

  return Effect.fn("importSession")(function* (
    source: TranscriptSource,
    session: FoundSession,
    threadId: ThreadId,
    known: ImportedFile | undefined,
    tally: ImportTally,
  ) {
    const now = new Date(yield* Clock.currentTimeMillis).toISOString();
    const place = yield* placeOf(session);
    const isNew = yield* places.ensureThread(source.name, session, threadId, place, now);
    const causationEventId = threadCreatedEventId(threadId);
    const origin: Origin = {
      // People's commands go before an agent's, and so before these.
      actor: "provider",
      causationEventId,
      correlationId: commandIdFrom("import-thread", threadId),
      metadata: {
        adapterKey: source.name,
        providerThreadId: ProviderThreadId.make(session.sourceId),
        ingestedAt: now,
      },
    };
    let messages = 0;
    let activities = 0;

    const commandOf = (entry: ImportedEntry): AnyCommand | undefined => {
      switch (entry.kind) {
        case "message":
          return {
            type: "thread.message.import",
            commandId: commandIdFrom("import-message", threadId, entry.key),
            threadId,
            messageId: messageIdFrom(threadId, entry.key),
            role: entry.role,
            text: entry.text,
            attachments: entry.attachments,
            createdAt: entry.createdAt ?? session.startedAt ?? NO_TIME,
          };
        case "activity":
          return {
            type: "thread.activity.append",
            commandId: commandIdFrom("import-activity", threadId, entry.key),
            threadId,
            turnId: null,
            tone: entry.tone,
            kind: entry.type,
            summary: entry.summary,
            detail: entry.detail,
            createdAt: entry.createdAt ?? session.startedAt ?? NO_TIME,
          };
        case "unreadable":
          tally.unreadable({
            kind: "unreadable",
            file: session.file,
            line: entry.line,
            reason: entry.reason,
          });
          return undefined;
        case "unknown":
          tally.unknown(entry.name);
          return undefined;
      }
    };

    const watermark = (position: ReadFrom, atEnd: boolean): ImportedFile => ({
      source: source.name,
      sourceId: session.sourceId,
      threadId,
      file: session.file,
      bytesRead: position.byte,
      linesRead: position.line,
      openCalls: position.openCalls,
      fileBytes: atEnd ? session.bytes : null,
      fileModifiedAt: atEnd ? session.modifiedAt : null,
    });

    // A file that is shorter than what was read of it was written anew: what is in the thread already is known by its ids.
    const from: ReadFrom =
      known === undefined || isShorter(session, known)
        ? AT_START
        : { byte: known.bytesRead, line: known.linesRead, openCalls: known.openCalls };
    let position = from;
    yield* tally.at(from.byte);
    yield* source.read(session, from).pipe(
      Stream.runForEach((part) =>
        Effect.gen(function* () {
          const commands = part.entries.flatMap((entry) => commandOf(entry) ?? []);
          for (let start = 0; start < commands.length; start += IN_FLIGHT) {
            const some = commands.slice(start, start + IN_FLIGHT);
            const added = yield* Effect.forEach(some, (command) => dispatch(command, origin), {
              concurrency: "unbounded",
            });
            for (const [index, command] of some.entries()) {
              if (command.type === "thread.message.import") messages += added[index] ?? 0;
              else activities += added[index] ?? 0;
            }
          }
          position = part.position;
          if (commands.length > 0) yield* files.put(watermark(position, false));
          yield* tally.at(position.byte);
        }),
      ),
      inSmallSlices,
    );

    const resumable = place.folder !== undefined && session.cwd !== null;
    yield* runtime.put({
      providerSessionId: ProviderSessionId.make(importedSessionId(source.name, session.sourceId)),
      threadId,
      providerName: source.name,
      adapterKey: source.name,
      providerThreadId: ProviderThreadId.make(session.sourceId),
      status: "stopped",
      resumeCursor: resumable ? source.resumeCursor(session.sourceId) : null,
      runtimePayload: null,
    });
    yield* files.put(watermark(position, true));
    return { isNew, messages, activities, resumable, note: noteOn(session, place.folder) } satisfies Outcome;
  });
});

const isShorter = ({ file, bytes }: FoundSession, { file: before, bytesRead }: ImportedFile): boolean =>
  file === before && !file.endsWith(".zst") && bytes < bytesRead;

const noteOn = ({ cwd }: FoundSession, folder: string | undefined): string | null => {
  if (cwd === null) return "It does not say in which folder it was; it is in the project of the home folder.";
  return folder === undefined
    ? `Its folder ${cwd} is not there (any more): it can be read, and not be gone on with.`
    : null;
};
