/** Transcripts in folders of their own, and what is read of them. */
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Effect, Stream } from "effect";
import { claudeTranscripts } from "../src/claude/ClaudeTranscripts.ts";
import { codexTranscripts } from "../src/codex/CodexTranscripts.ts";
import {
  AT_START,
  type FoundSession,
  type ImportedEntry,
  type ReadFrom,
  type TranscriptSource,
} from "../src/TranscriptSource.ts";

/** What the real agents wrote, on a scripted model. */
export const fixtures = fileURLToPath(new URL("fixtures", import.meta.url));

/** A copy of them, to be changed; gone when the scope closes. */
export const copiedFixtures = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "heddle-imports-"))),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true })),
  ),
  (folder) => {
    cpSync(fixtures, folder, { recursive: true });
    return folder;
  },
);

export const emptyFolder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "heddle-imports-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true })),
);

/** A home of codex with one session of these lines. */
export const codexWith = Effect.fnUntraced(function* (lines: ReadonlyArray<unknown>) {
  const home = yield* emptyFolder;
  const file = join(home, "sessions/2025/06/01/rollout-2025-06-01T10-00-00-s1.jsonl");
  writeLines(file, lines);
  return { source: codexTranscripts(home), file };
});

/** The same of Claude. */
export const claudeWith = Effect.fnUntraced(function* (lines: ReadonlyArray<unknown>) {
  const home = yield* emptyFolder;
  const file = join(home, "projects/-home-sam-project/s1.jsonl");
  writeLines(file, lines);
  return { source: claudeTranscripts(home), file };
});

/** Strings stand as they are: they may be no JSON. */
export const writeLines = (file: string, lines: ReadonlyArray<unknown>): void => {
  mkdirSync(dirname(file), { recursive: true });
  const texts = lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line)));
  writeFileSync(file, texts.map((text) => `${text}\n`).join(""));
};

export const listed = (source: TranscriptSource, since?: string) =>
  Stream.runCollect(source.list(since === undefined ? {} : { since }));

export const sessionsOf = (source: TranscriptSource) =>
  Effect.map(listed(source), (found) =>
    found.flatMap((item): ReadonlyArray<FoundSession> => (item.kind === "session" ? [item.session] : [])),
  );

/** The one session of a source, or the one with this id. */
export const oneSession = (source: TranscriptSource, id?: string) =>
  Effect.map(sessionsOf(source), (sessions) => {
    const session = sessions.find(({ sourceId }) => id === undefined || sourceId.startsWith(id));
    if (session === undefined) throw new Error(`No session ${id ?? ""} was found.`);
    return session;
  });

export interface ReadWhole {
  readonly entries: ReadonlyArray<ImportedEntry>;
  readonly position: ReadFrom;
}

/** All that is behind `from`. */
export const readAll = (source: TranscriptSource, session: FoundSession, from: ReadFrom = AT_START) =>
  Effect.map(Stream.runCollect(source.read(session, from)), (parts): ReadWhole => ({
    entries: parts.flatMap(({ entries }) => entries),
    position: parts.at(-1)?.position ?? from,
  }));

/** What a source of one session gives, in short lines. */
export const storyOf = (source: TranscriptSource, id?: string) =>
  Effect.flatMap(oneSession(source, id), (session) =>
    Effect.map(readAll(source, session), ({ entries }) => entries.map(inShort)),
  );

export const inShort = (entry: ImportedEntry): string => {
  switch (entry.kind) {
    case "message":
      return `${entry.role}: ${entry.text}`;
    case "activity":
      return `${entry.type}: ${entry.summary}`;
    case "unreadable":
      return `unreadable line ${entry.line}: ${entry.reason}`;
    case "unknown":
      return `unknown: ${entry.name}`;
  }
};
