import { join } from "node:path";
import { listing, reading } from "../Transcripts.ts";
import type { TranscriptSource } from "../TranscriptSource.ts";
import { claudeFiles, describeClaude } from "./ClaudeFiles.ts";
import { claudeReader } from "./ClaudeReader.ts";

/** The sessions in a CLAUDE_CONFIG_DIR. */
export const claudeTranscripts = (home: string): TranscriptSource => ({
  name: "claude",
  folder: join(home, "projects"),
  list: (options) => listing(claudeFiles(home), describeClaude, options),
  read: (session, from) => reading(session, from, claudeReader),
  resumeCursor: (sessionId) => ({ sessionId }),
});
