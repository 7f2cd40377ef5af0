/** Where Claude keeps its sessions: a folder for each folder that it worked in, and in it a file for each session. */
import { basename, join } from "node:path";
import { Effect, Schema } from "effect";
import { readHead, readTail } from "../FileEnds.ts";
import { entriesOf } from "../Folder.ts";
import { maybe, read } from "../Read.ts";
import { timeFrom, titleFrom } from "../Texts.ts";
import type { Described, FileOfSession } from "../Transcripts.ts";
import type { FoundFiles } from "../TranscriptSource.ts";
import { readLine } from "./ClaudeLine.ts";
import { promptOf } from "./Prompts.ts";

const readNames = read(
  Schema.Struct({
    type: Schema.String,
    summary: maybe(Schema.String),
    customTitle: maybe(Schema.String),
    aiTitle: maybe(Schema.String),
  }),
);

const ENDING = ".jsonl";
/** In files of their own in older versions: sessions of subagents belong to the session that started them. */
const SUBAGENT = "agent-";

export const claudeFiles = (home: string): FoundFiles => {
  const projects = join(home, "projects");
  return Effect.flatMap(entriesOf(projects), (folders) =>
    Effect.map(
      Effect.forEach(
        folders.filter((folder) => !folder.isFile()),
        ({ name }) =>
          Effect.map(entriesOf(join(projects, name)), (files) =>
            files
              .filter((file) => !file.isDirectory())
              .filter((file) => file.name.endsWith(ENDING) && !file.name.startsWith(SUBAGENT))
              .map((file) => join(projects, name, file.name)),
          ),
      ),
      (found) => found.flat(),
    ),
  );
};

export const describeClaude = async ({ file, bytes }: FileOfSession): Promise<Described> => {
  let prompt: string | undefined;
  let summary: string | undefined;
  let cwd: string | null = null;
  let startedAt: string | null = null;
  let model: string | null = null;
  let somethingSaid = false;
  const toEnd = await readHead(file, (value) => {
    const line = readLine(value);
    if (line === undefined || line.isSidechain === true) return "more";
    summary = readNames(value)?.summary ?? summary;
    cwd ??= line.cwd ?? null;
    startedAt ??= timeFrom(line.timestamp);
    model = modelOf(line.message?.model) ?? model;
    const said = promptOf(line);
    somethingSaid ||= said !== undefined || line.type === "assistant";
    if (said !== undefined) prompt ??= said.text || "A picture";
    return prompt !== undefined && cwd !== null && model !== null ? "enough" : "more";
  });
  if (!somethingSaid && toEnd) return undefined;
  let title: string | undefined;
  for (const value of await readTail(file, bytes)) {
    const names = readNames(value);
    title = names?.customTitle ?? names?.aiTitle ?? title;
    const line = readLine(value);
    if (line?.isSidechain !== true) model = modelOf(line?.message?.model) ?? model;
  }
  return {
    sourceId: basename(file, ENDING),
    startedAt,
    cwd,
    title: titleFrom(title) ?? titleFrom(summary) ?? titleFrom(prompt),
    model,
  };
};

/** What Claude Code says itself, in the model's place. */
const modelOf = (model: string | null | undefined): string | null =>
  model === undefined || model === null || model.startsWith("<") ? null : model;
