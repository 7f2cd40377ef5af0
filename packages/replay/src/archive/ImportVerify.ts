/** Reads an archive to its end before anything is written: each line, their order, and the whole against its manifest. */
import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { Effect } from "effect";
import type { SqlError } from "effect/sql";
import {
  ArchiveDamaged,
  ArchiveGap,
  ArchiveOfThreads,
  ArchiveTooNew,
  type ImportProblem,
} from "./ArchiveErrors.ts";
import { type Line, lineReader, type ReadFrom } from "./ArchiveFile.ts";
import {
  ARCHIVE_VERSION,
  type ArchivedRow,
  type ArchiveLine,
  decodeLine,
  type Header,
  LINE_KINDS,
  type LineKind,
  type Manifest,
  NewerArchive,
} from "./ArchiveFormat.ts";
import type { Overlap } from "./ImportOverlap.ts";

export interface Verified {
  readonly header: Header;
  readonly manifest: Manifest;
  /** Events behind the end of the database. */
  readonly eventsAfterEnd: number;
  /** Where the lines of pruned threads begin, if there are any. */
  readonly prunedFrom: ReadFrom | undefined;
}

/** Kinds that may not come back once a later one has begun. */
const RANKS: Readonly<Record<ArchiveLine["kind"], number>> = {
  "heddle-archive": 0,
  blob: 1,
  event: 1,
  receipt: 1,
  diff: 2,
  "diff-list": 3,
  effect: 4,
  session: 5,
  pruned: 6,
  "pruned-receipts": 7,
  manifest: 8,
};

export interface VerifyOptions {
  readonly file: FileHandle;
  readonly archive: string;
  /** The last event of the database. */
  readonly end: number;
  /** How far the database goes, or will when the archives before this one are imported. */
  readonly reach: number;
  readonly overlap: (header: Header) => Effect.Effect<Overlap, SqlError.SqlError>;
  /** Called now and then with the bytes that were read. */
  readonly onProgress: (bytes: number) => Effect.Effect<void>;
}

/** What can be imported, or why it cannot. */
export const verifyArchive = Effect.fn("ImportVerify.verifyArchive")(function* ({
  file,
  archive,
  end,
  reach,
  overlap: overlapOf,
  onProgress,
}: VerifyOptions): Effect.fn.Return<Verified, ImportProblem | SqlError.SqlError> {
  const reader = lineReader(file, archive);
  const checked = checker(archive);
  let overlap: Overlap | undefined;
  let prunedFrom: ReadFrom | undefined;
  let eventsAfterEnd = 0;
  for (let lines = yield* reader.next; lines.length > 0; lines = yield* reader.next) {
    for (const line of lines) {
      const content = yield* checked.take(line);
      if (content.kind === "heddle-archive") {
        const { fromSequenceExclusive, after, threads } = content;
        if (threads !== undefined) {
          return yield* new ArchiveOfThreads({ archive, threads: threads.length });
        }
        if (fromSequenceExclusive > reach) {
          return yield* new ArchiveGap({ archive, fromSequenceExclusive, headSequence: reach });
        }
        overlap = yield* overlapOf(content);
        if (after !== null) yield* overlap.anchor(after);
      } else if (overlap !== undefined) {
        if (content.kind === "event") {
          if (content.row.sequence > end) eventsAfterEnd += 1;
          else yield* overlap.event(content.row);
        } else if (content.kind === "receipt") yield* overlap.receipt(content.row);
        else if (content.kind === "pruned") {
          prunedFrom ??= { offset: line.offset, number: line.number };
          yield* overlap.pruned(content.row);
        }
      }
    }
    yield* onProgress(reader.position());
  }
  const { header, manifest } = yield* checked.end;
  yield* overlap?.end(manifest.headSequence) ?? Effect.void;
  return { header, manifest, eventsAfterEnd, prunedFrom };
});

/** What holds of the lines as they come. */
const checker = (archive: string) => {
  const hash = createHash("sha256");
  const counts = Object.fromEntries(LINE_KINDS.map((kind) => [kind, 0])) as Record<LineKind, number>;
  let header: Header | undefined;
  let manifest: Manifest | undefined;
  let rank = -1;
  let number = 0;
  let firstEvent: number | null = null;
  let lastEvent: number | null = null;
  /** Events and receipts stand in the order of the log. */
  let position = 0;

  const problemOf = (content: ArchiveLine): string | undefined => {
    if (manifest !== undefined) return "it stands behind the manifest, which is to be the last line";
    if ((content.kind === "heddle-archive") !== (header === undefined)) {
      return header === undefined ? "the file does not begin as an archive does" : "a second header";
    }
    if (RANKS[content.kind] < rank) return `a line of kind ${content.kind} cannot stand here`;
    rank = RANKS[content.kind];
    switch (content.kind) {
      case "heddle-archive":
        header = content;
        position = content.fromSequenceExclusive;
        return undefined;
      case "manifest":
        manifest = content;
        return undefined;
      case "event": {
        const { sequence } = content.row;
        if (sequence <= position) return `event ${sequence} is out of order`;
        firstEvent ??= sequence;
        lastEvent = sequence;
        position = sequence;
        return undefined;
      }
      case "receipt": {
        const { result_sequence: sequence, command_id: commandId } = content.row;
        if (sequence < position) return `the receipt of ${commandId} is out of order`;
        // What follows comes after it; an event at its sequence would have stood before it.
        position = sequence;
        return undefined;
      }
      case "blob":
        return blobProblem(content.row);
      default:
        return undefined;
    }
  };

  const manifestProblem = (found: Manifest): string | undefined => {
    const digest = hash.digest("hex");
    if (digest !== found.sha256) return `the bytes before it hash to ${digest}, not to ${found.sha256}`;
    const wrong = LINE_KINDS.find((kind) => counts[kind] !== found.counts[kind]);
    if (wrong !== undefined) {
      return `it names ${found.counts[wrong]} lines of kind ${wrong}, and there are ${counts[wrong]}`;
    }
    if (found.firstSequence !== firstEvent || found.lastSequence !== lastEvent) {
      return "its first and last sequence are not those of the events";
    }
    return found.headSequence < position ? "its head is before the last event" : undefined;
  };

  return {
    take: (line: Line) =>
      Effect.suspend((): Effect.Effect<ArchiveLine, ArchiveDamaged | ArchiveTooNew> => {
        number = line.number;
        const damaged = (problem: string) =>
          Effect.fail(new ArchiveDamaged({ archive, line: number, problem }));
        let content: ArchiveLine;
        try {
          content = decodeLine(line.bytes);
        } catch (error) {
          if (error instanceof NewerArchive) {
            return Effect.fail(
              new ArchiveTooNew({ archive, version: error.version, known: ARCHIVE_VERSION }),
            );
          }
          return damaged(shortened(error instanceof Error ? error.message : String(error)));
        }
        const problem = problemOf(content);
        if (problem !== undefined) return damaged(problem);
        if (content.kind === "manifest") {
          const wrong = manifestProblem(content);
          return wrong === undefined ? Effect.succeed(content) : damaged(wrong);
        }
        if (content.kind !== "heddle-archive") counts[content.kind] += 1;
        hash.update(line.bytes).update("\n");
        return Effect.succeed(content);
      }),
    end: Effect.suspend(() =>
      header === undefined || manifest === undefined
        ? Effect.fail(
            new ArchiveDamaged({
              archive,
              line: number + 1,
              problem:
                header === undefined
                  ? "the file is empty"
                  : "there is no manifest: the archive was not written to its end",
            }),
          )
        : Effect.succeed({ header, manifest }),
    ),
  };
};

const MAX_PROBLEM = 300;

/** What a parser says of a bad line can be as long as the line. */
const shortened = (text: string): string =>
  text.length > MAX_PROBLEM ? `${text.slice(0, MAX_PROBLEM)}…` : text;

const blobProblem = ({ hash, size, content }: ArchivedRow<"blob">): string | undefined => {
  const bytes = Buffer.from(content.base64, "base64");
  const actual = createHash("sha256").update(bytes).digest("hex");
  if (actual !== hash) return `the content of blob ${hash} has the hash ${actual}`;
  return bytes.length === size ? undefined : `blob ${hash} has ${bytes.length} bytes, not ${size}`;
};
