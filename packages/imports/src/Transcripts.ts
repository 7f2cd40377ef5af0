/** What all sources have in common: files are looked at the latest first, and read line by line. */
import { Effect, Stream } from "effect";
import { COMPRESSED, fileLines, MAX_LINE_BYTES } from "./FileLines.ts";
import { failure, statOf } from "./Folder.ts";
import type {
  FoundSession,
  Found,
  FoundFiles,
  ImportedEntry,
  LineReader,
  ListOptions,
  OpenCalls,
  ReadFrom,
  ReadPart,
  TranscriptFileError,
} from "./TranscriptSource.ts";

/** What the ends of a file tell; undefined where nothing was said in it, and nothing is to be imported. */
export type Described = Omit<FoundSession, "file" | "bytes" | "modifiedAt"> | undefined;

export interface FileOfSession {
  readonly file: string;
  readonly bytes: number;
  readonly modified: number;
}

export const listing = (
  files: FoundFiles,
  describe: (file: FileOfSession) => Promise<Described>,
  { since }: ListOptions,
): Stream.Stream<Found, TranscriptFileError> => {
  const from = since === undefined ? Number.NEGATIVE_INFINITY : Date.parse(since);
  const look = (one: FileOfSession) =>
    Effect.tryPromise({ try: () => describe(one), catch: failure("list", one.file) }).pipe(
      Effect.map((described): Found | undefined => {
        const { file, bytes, modified } = one;
        const modifiedAt = new Date(modified).toISOString();
        return described && { kind: "session", session: { ...described, file, bytes, modifiedAt } };
      }),
      Effect.catch((error) => Effect.succeed(unreadable(error))),
    );
  return Stream.unwrap(
    Effect.map(Effect.flatMap(files, latestFirst), ({ found, refused }) => {
      const seen = new Set<string>();
      const sessions = Stream.fromIterable(found.filter(({ modified }) => modified >= from)).pipe(
        Stream.mapEffect(look, { concurrency: 4 }),
        Stream.filter((item) => {
          if (item === undefined || item.kind === "unreadable") return item !== undefined;
          // A session may be in two files for a while: when it is moved, or compressed.
          const { sourceId } = item.session;
          return !seen.has(sourceId) && seen.add(sourceId).size > 0;
        }),
        Stream.map((item) => item as Found),
      );
      return Stream.concat(Stream.fromIterable(refused.map(unreadable)), sessions);
    }),
  );
};

const unreadable = ({ file, message }: TranscriptFileError): Found => ({
  kind: "unreadable",
  file,
  reason: message,
});

/** Of two with the same time, the one that is not compressed is what the agent goes on with. */
const latestFirst = Effect.fnUntraced(function* (files: ReadonlyArray<string>) {
  const [known, refused] = yield* Effect.partition(
    files,
    (file) => Effect.map(statOf(file), (stats) => ({ file, stats })),
    { concurrency: 16 },
  );
  const found = known.flatMap(({ file, stats }) =>
    stats?.isFile() ? [{ file, bytes: stats.size, modified: stats.mtimeMs }] : [],
  );
  return {
    refused,
    found: found.toSorted(
      (left, right) =>
        right.modified - left.modified ||
        Number(left.file.endsWith(COMPRESSED)) - Number(right.file.endsWith(COMPRESSED)) ||
        left.file.localeCompare(right.file),
    ),
  };
});

/** Reads a session's lines with a reader that is made for it. */
export const reading = (
  { file }: FoundSession,
  from: ReadFrom,
  makeReader: (openCalls: OpenCalls) => LineReader,
): Stream.Stream<ReadPart, TranscriptFileError> =>
  Stream.suspend(() => {
    const reader = makeReader(from.openCalls);
    return Stream.fromAsyncIterable(fileLines(file, from), failure("read", file)).pipe(
      Stream.map(({ lines, position }) => ({
        entries: lines.flatMap(({ number, bytes, text }) => entriesOf(reader, number, bytes, text)),
        position: { ...position, openCalls: reader.openCalls() },
      })),
    );
  });

const entriesOf = (
  reader: LineReader,
  line: number,
  bytes: number,
  text: string | undefined,
): ReadonlyArray<ImportedEntry> => {
  if (text === undefined) {
    const reason = `It is ${megabytes(bytes)} MB long; at most ${megabytes(MAX_LINE_BYTES)} MB are read.`;
    return [{ kind: "unreadable", line, reason }];
  }
  if (text.trim() === "") return [];
  try {
    return reader.take(JSON.parse(text), line);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return [{ kind: "unreadable", line, reason: "It is no JSON." }];
  }
};

const megabytes = (bytes: number): number => Math.round(bytes / 1024 / 1024);
