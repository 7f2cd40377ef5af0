/** Where codex keeps its sessions: `sessions/YYYY/MM/DD`, and those that were archived beside it, old ones compressed. */
import { basename, join } from "node:path";
import { Effect, Predicate, Schema } from "effect";
import { readHead, readTail } from "../FileEnds.ts";
import { entriesOf } from "../Folder.ts";
import { maybe, read } from "../Read.ts";
import { timeFrom, titleFrom } from "../Texts.ts";
import type { Described, FileOfSession } from "../Transcripts.ts";
import type { FoundFiles } from "../TranscriptSource.ts";
import { itemOf } from "./CodexLine.ts";
import { promptOf } from "./Prompts.ts";

const ROLLOUT = /^rollout-.*\.jsonl(\.zst)?$/;
const DEEPEST = 4;

const SessionMeta = Schema.Struct({
  id: Schema.String,
  timestamp: maybe(Schema.String),
  cwd: maybe(Schema.String),
  source: maybe(Schema.Unknown),
  thread_source: maybe(Schema.Unknown),
});
const readMeta = read(SessionMeta);
const readTurnContext = read(Schema.Struct({ model: maybe(Schema.String), cwd: maybe(Schema.String) }));
const readName = read(
  Schema.Struct({ type: Schema.Literal("thread_name_updated"), thread_name: Schema.String }),
);

export const codexFiles = (home: string): FoundFiles =>
  Effect.map(
    Effect.all([filesIn(join(home, "sessions"), DEEPEST), filesIn(join(home, "archived_sessions"), 1)]),
    (found) => found.flat(),
  );

const filesIn = (folder: string, depth: number): FoundFiles =>
  entriesOf(folder).pipe(
    Effect.flatMap((entries) =>
      Effect.forEach(entries, (entry): FoundFiles => {
        const path = join(folder, entry.name);
        if (entry.isDirectory()) return depth > 1 ? filesIn(path, depth - 1) : Effect.succeed([]);
        return Effect.succeed(ROLLOUT.test(entry.name) ? [path] : []);
      }),
    ),
    Effect.map((found) => found.flat()),
  );

/** Sessions of subagents belong to the session that started them. */
const isSubagent = ({ source, thread_source }: typeof SessionMeta.Type): boolean =>
  (Predicate.isObject(source) && "subagent" in source) || thread_source === "subagent";

export const describeCodex = async ({ file, bytes }: FileOfSession): Promise<Described> => {
  let meta: typeof SessionMeta.Type | undefined;
  let prompt: string | undefined;
  let contextCwd: string | null = null;
  let model: string | null = null;
  const toEnd = await readHead(file, (value) => {
    const { type, payload } = itemOf(value);
    if (type === "session_meta") meta ??= readMeta(payload);
    if (type === "turn_context") {
      const context = readTurnContext(payload);
      model = context?.model ?? model;
      contextCwd = context?.cwd ?? contextCwd;
    }
    if (type === "response_item") {
      const said = promptOf(payload);
      contextCwd = said?.cwd ?? contextCwd;
      if (said !== undefined && said.text !== "") prompt ??= said.text;
      if (said !== undefined && said.images.length > 0) prompt ??= "A picture";
    }
    return prompt === undefined ? "more" : "enough";
  });
  if (meta !== undefined && isSubagent(meta)) return undefined;
  if (prompt === undefined && toEnd) return undefined;
  let name: string | undefined;
  for (const value of await readTail(file, bytes)) {
    const { type, payload } = itemOf(value);
    if (type === "turn_context") model = readTurnContext(payload)?.model ?? model;
    if (type === "event_msg") name = readName(payload)?.thread_name ?? name;
  }
  return {
    sourceId: meta?.id ?? idInName(file),
    startedAt: timeFrom(meta?.timestamp),
    cwd: meta?.cwd ?? contextCwd,
    title: titleFrom(name) ?? titleFrom(prompt),
    model,
  };
};

/** `rollout-2026-11-21T19-51-10-<id>.jsonl` */
const idInName = (file: string): string =>
  basename(file)
    .replace(/\.jsonl(\.zst)?$/, "")
    .replace(/^rollout-(\d{4}-\d{2}-\d{2}T\d{2}-\d{2}-\d{2}-)?/, "");
