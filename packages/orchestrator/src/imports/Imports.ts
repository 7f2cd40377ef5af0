/** The sessions that agents keep themselves: which there are, and how they become threads (SPEC section 3.12). */
import { join } from "node:path";
import type { CommandRejected } from "@heddle/contracts/Errors";
import type { ThreadId } from "@heddle/contracts/Ids";
import type {
  ImportableSession,
  ImportedThread,
  ImportListItem,
  ImportReport,
  ImportSource,
  ListImportsInput,
  RunImportInput,
  UnreadableLine,
} from "@heddle/contracts/ImportRpc";
import { type ImportedFile, ImportedFiles } from "@heddle/event-store/ImportedFiles";
import { archiveLines } from "@heddle/imports/ArchiveLines";
import type {
  Found,
  FoundSession,
  TranscriptFileError,
  TranscriptSource,
} from "@heddle/imports/TranscriptSource";
import { Queries } from "@heddle/projections/Queries";
import { Clock, Context, Effect, Layer, type Schema, Stream } from "effect";
import type { SqlError } from "effect/sql";
import type { CommandError } from "../GroupWriter.ts";
import { safeSourceId, threadIdOf } from "./ImportPlace.ts";
import { type ImportTally, makeImportSession } from "./ImportSession.ts";

/** What a report names one by one. */
const LISTED_THREADS = 1000;
const LISTED_LINES = 100;

export interface ImportsOptions {
  readonly sources: Readonly<Record<ImportSource, TranscriptSource>>;
  /** Where the original lines are kept, a folder for each source. */
  readonly archives: string;
}

type ReadFailure = SqlError.SqlError | Schema.SchemaError;

export class Imports extends Context.Service<
  Imports,
  {
    readonly list: (
      input: ListImportsInput,
    ) => Stream.Stream<ImportListItem, TranscriptFileError | ReadFailure>;
    /** Takes sessions in, one after the other; `onProgress` is told how many bytes of how many are read. */
    readonly run: (
      input: RunImportInput,
      onProgress: (done: number, total: number) => Effect.Effect<unknown>,
    ) => Effect.Effect<ImportReport, TranscriptFileError | ReadFailure | CommandError>;
  }
>()("heddle/orchestrator/Imports") {
  static readonly layer = (options: ImportsOptions) =>
    Layer.effect(
      Imports,
      Effect.gen(function* () {
        const files = yield* ImportedFiles;
        const queries = yield* Queries;
        const importSession = yield* makeImportSession;

        /** A session with what Heddle knows of it. */
        const stateOf = Effect.fnUntraced(function* (
          source: TranscriptSource,
          session: FoundSession,
          own: ReadonlyMap<string, ThreadId>,
        ) {
          const { sourceId } = session;
          const known = yield* files.find(source.name, sourceId);
          const ran = own.get(sourceId);
          const thread = known && (yield* queries.thread(known.threadId));
          const state: ImportableSession["state"] =
            ran !== undefined
              ? "thread"
              : known === undefined
                ? "new"
                : thread && thread.deletedAt !== null
                  ? "deleted"
                  : isUnchanged(session, known)
                    ? "imported"
                    : "changed";
          return { session, known, state, threadId: ran ?? known?.threadId ?? null };
        });

        const itemOf = Effect.fnUntraced(function* (
          source: TranscriptSource,
          own: ReadonlyMap<string, ThreadId>,
          found: Found,
        ): Effect.fn.Return<ImportListItem, ReadFailure> {
          if (found.kind === "unreadable") return { ...found, line: null };
          const { session, state, threadId } = yield* stateOf(source, found.session, own);
          const { sourceId, title, cwd, startedAt, modifiedAt, file, bytes } = session;
          return {
            kind: "session",
            sourceId,
            state,
            threadId,
            title,
            cwd,
            startedAt,
            modifiedAt,
            file,
            bytes,
          };
        });

        const run = Effect.fn("Imports.run")(function* (
          input: RunImportInput,
          onProgress: (done: number, total: number) => Effect.Effect<unknown>,
        ) {
          const began = yield* Clock.currentTimeMillis;
          const source = options.sources[input.source];
          const own = yield* files.ownSessions;
          const threads: Array<ImportedThread> = [];
          const passed = new PassedOver();

          // 1. What is to be taken in. What was asked for by name is answered for by name.
          const wanted = new Set(input.sourceIds);
          const chosen: Array<FoundSession> = [];
          const list = source.list(input.since === undefined ? {} : { since: input.since });
          yield* Stream.runForEach(list, (found) =>
            Effect.gen(function* () {
              if (found.kind === "unreadable") return passed.add({ ...found, line: null });
              const named = wanted.delete(found.session.sourceId);
              if (!input.all && !named) return;
              const { state, threadId } = yield* stateOf(source, found.session, own);
              const isWanted =
                state === "new" || state === "changed" || (named && state === "imported" && input.archive);
              if (isWanted) chosen.push(found.session);
              else if (named) threads.push(leftOut(found.session, threadId, WHY_LEFT_OUT[state] ?? state));
            }),
          );
          for (const sourceId of wanted) {
            const note = `There is no session ${sourceId} in ${source.folder}.`;
            threads.push({ ...leftOut({ sourceId, title: null }, null, note) });
          }

          // 2. One after the other, the oldest first, so that the latest are the latest here as well.
          const total = chosen.reduce((sum, { bytes }) => sum + bytes, 0);
          let done = 0;
          yield* onProgress(0, total);
          for (const session of chosen.toReversed()) {
            const tally: ImportTally = {
              unreadable: (line) => passed.add(line),
              unknown: (name) => passed.count(name),
              at: (bytes) => onProgress(Math.min(done + Math.min(bytes, session.bytes), total), total),
            };
            threads.push(yield* importOne(source, session, input.archive, tally));
            done += session.bytes;
            yield* onProgress(done, total);
          }
          const seconds = ((yield* Clock.currentTimeMillis) - began) / 1000;
          return reportOf(threads, passed, seconds);
        });

        /** What fails for one session leaves the others alone; the store's failures end the import. */
        const importOne = Effect.fnUntraced(function* (
          source: TranscriptSource,
          session: FoundSession,
          archive: boolean,
          tally: ImportTally,
        ) {
          const { sourceId, title } = session;
          const known = yield* files.find(source.name, sourceId);
          const threadId = known?.threadId ?? threadIdOf(source.name, sourceId);
          return yield* Effect.gen(function* () {
            const outcome = yield* importSession(source, session, threadId, known, tally);
            const path = join(options.archives, source.name, `${safeSourceId(sourceId)}.jsonl.gz`);
            if (archive) yield* archiveLines(session.file, path);
            return { sourceId, threadId, title, ...outcome, archive: archive ? path : null };
          }).pipe(
            Effect.catchTags({
              CommandRejected: (rejected: CommandRejected) =>
                Effect.succeed(
                  leftOut(session, threadId, `Its thread does not take it: ${rejected.message}`),
                ),
              TranscriptFileError: ({ file, message }: TranscriptFileError) => {
                tally.unreadable({ kind: "unreadable", file, line: null, reason: message });
                return Effect.succeed(leftOut(session, threadId, message));
              },
            }),
          );
        });

        return Imports.of({
          list: ({ source: name, since }) => {
            const source = options.sources[name];
            return Stream.unwrap(
              Effect.map(files.ownSessions, (own) =>
                source.list(since === undefined ? {} : { since }).pipe(
                  Stream.mapEffect((found) => itemOf(source, own, found)),
                  Stream.concat(Stream.succeed<ImportListItem>({ kind: "listed", folder: source.folder })),
                ),
              ),
            );
          },
          run,
        });
      }),
    );
}

const WHY_LEFT_OUT: Partial<Record<ImportableSession["state"], string>> = {
  imported: "It is there already, and nothing was added to it since.",
  thread: "Heddle ran it itself: it is this thread already.",
  deleted: "It was imported, and its thread was deleted. Prune the thread to import it again.",
};

const isUnchanged = (session: FoundSession, known: ImportedFile): boolean =>
  known.fileBytes === session.bytes && known.fileModifiedAt === session.modifiedAt;

const leftOut = (
  { sourceId, title }: Pick<FoundSession, "sourceId" | "title">,
  threadId: ThreadId | null,
  note: string,
): ImportedThread => ({
  sourceId,
  threadId,
  title,
  isNew: false,
  messages: 0,
  activities: 0,
  resumable: false,
  archive: null,
  note,
});

/** What was not taken in, with a bound on what is named one by one. */
class PassedOver {
  readonly lines: Array<UnreadableLine> = [];
  readonly unknown: Record<string, number> = {};
  lineCount = 0;

  add(line: UnreadableLine): void {
    this.lineCount += 1;
    if (this.lines.length < LISTED_LINES) this.lines.push(line);
  }

  count(kind: string): void {
    const name = kind.slice(0, 100);
    const isNamed = Object.hasOwn(this.unknown, name) || Object.keys(this.unknown).length < LISTED_LINES;
    const under = isNamed ? name : "others";
    this.unknown[under] = (this.unknown[under] ?? 0) + 1;
  }
}

const reportOf = (
  threads: ReadonlyArray<ImportedThread>,
  passed: PassedOver,
  seconds: number,
): ImportReport => ({
  kind: "report",
  threads: threads.slice(0, LISTED_THREADS),
  threadCount: threads.length,
  messages: threads.reduce((sum, { messages }) => sum + messages, 0),
  activities: threads.reduce((sum, { activities }) => sum + activities, 0),
  unreadable: passed.lines,
  unreadableCount: passed.lineCount,
  unknown: passed.unknown,
  seconds,
});
