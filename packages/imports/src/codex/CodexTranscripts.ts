import { join } from "node:path";
import { listing, reading } from "../Transcripts.ts";
import type { TranscriptSource } from "../TranscriptSource.ts";
import { codexFiles, describeCodex } from "./CodexFiles.ts";
import { codexReader } from "./CodexReader.ts";

/** The sessions in a CODEX_HOME. */
export const codexTranscripts = (home: string): TranscriptSource => ({
  name: "codex",
  folder: join(home, "sessions"),
  list: (options) => listing(codexFiles(home), describeCodex, options),
  read: (session, from) => reading(session, from, codexReader),
  resumeCursor: (threadId) => ({ threadId }),
});
