/** From Claude's lines to what a thread shows, in the order in which they were written. */
import type { Schema } from "effect";
import { Calls, planActivity } from "../Calls.ts";
import { firstLine, summaryFrom, timeFrom } from "../Texts.ts";
import type { ImportedActivity, ImportedEntry, LineReader, OpenCalls } from "../TranscriptSource.ts";
import { type Block, type ClaudeLine, readBlock, readLine } from "./ClaudeLine.ts";
import { beginning, ending, planIn } from "./ClaudeTools.ts";
import { isInterruption, promptOf } from "./Prompts.ts";

/** Lines of the session's state, which no thread shows. */
const STATE = new Set([
  "agent-name",
  "agent-setting",
  "ai-title",
  "api-request",
  "api-request-blob",
  "api-request-shape",
  "atis-latch",
  "attachment",
  "cost-state",
  "custom-title",
  "file-history-snapshot",
  "last-prompt",
  "mode",
  "permission-mode",
  "pr-link",
  "progress",
  "queue-operation",
  "summary",
  "system",
  "tag",
  "tools-used",
]);

export const claudeReader = (openCalls: OpenCalls): LineReader => {
  const calls = new Calls(openCalls);

  const answer = (line: ClaudeLine, uuid: string, createdAt: string | null): ReadonlyArray<ImportedEntry> => {
    if (line.isApiErrorMessage === true) {
      const summary = summaryFrom(textsOf(line).join(" "), "The model could not be asked");
      return [notice(uuid, "error", "agent.error", summary, null, createdAt)];
    }
    return blocksOf(line).flatMap((block, index): ReadonlyArray<ImportedEntry> => {
      const key = `${uuid}/${index}`;
      switch (block.type) {
        case "text": {
          const text = (block.text ?? "").toWellFormed();
          const nothing = text.trim() === "" || line.message?.model === "<synthetic>";
          return nothing
            ? []
            : [{ kind: "message", key, role: "assistant", text, attachments: [], createdAt }];
        }
        case "thinking": {
          const text = (block.thinking ?? "").toWellFormed();
          return text.trim() === ""
            ? []
            : [notice(key, "info", "reasoning", firstLine(text), { text }, createdAt)];
        }
        case "tool_use":
        case "server_tool_use":
        case "mcp_tool_use": {
          const id = block.id ?? key;
          const plan = planIn(block);
          if (plan === undefined) return calls.begun(beginning(id, block), createdAt);
          calls.silent(id);
          return [planActivity(`${id}/plan`, plan, createdAt)];
        }
        default:
          return resultOf(block, createdAt);
      }
    });
  };

  const resultOf = (block: Block, createdAt: string | null): ReadonlyArray<ImportedEntry> =>
    block.type.endsWith("tool_result") && block.tool_use_id
      ? calls.ended(ending(block.tool_use_id, block), createdAt)
      : [];

  /** A person's words, or the results that the model is given, which stand in the same place. */
  const said = (line: ClaudeLine, uuid: string, createdAt: string | null): ReadonlyArray<ImportedEntry> => {
    if (line.isCompactSummary === true) {
      const text = textsOf(line).join("\n").toWellFormed();
      return [
        notice(uuid, "info", "compaction", "Claude summed up what was said so far", { text }, createdAt),
      ];
    }
    const results = line.type === "user" ? blocksOf(line).flatMap((block) => resultOf(block, createdAt)) : [];
    if (line.isMeta === true) return results;
    if (textsOf(line).some(isInterruption)) {
      return [
        ...results,
        notice(uuid, "info", "turn.interrupted", "The turn was interrupted", null, createdAt),
      ];
    }
    const prompt = promptOf(line);
    if (prompt === undefined) return results;
    const { text, images: attachments } = prompt;
    return [...results, { kind: "message", key: uuid, role: "user", text, attachments, createdAt }];
  };

  return {
    openCalls: () => calls.open,
    take: (value, number) => {
      const line = readLine(value);
      if (line === undefined) {
        return [{ kind: "unreadable", line: number, reason: "It is no line of a Claude session." }];
      }
      if (line.isSidechain === true) return [];
      const uuid = line.uuid ?? `line-${number}`;
      const createdAt = timeFrom(line.timestamp);
      if (line.type === "assistant") return answer(line, uuid, createdAt);
      if (line.type === "user" || line.attachment?.type === "queued_command")
        return said(line, uuid, createdAt);
      return STATE.has(line.type) ? [] : [{ kind: "unknown", name: line.type }];
    },
  };
};

const blocksOf = ({ message }: ClaudeLine): ReadonlyArray<Block> => {
  const content = message?.content;
  if (typeof content === "string") return [{ type: "text", text: content }];
  return (content ?? []).flatMap((part) => readBlock(part) ?? []);
};

const textsOf = (line: ClaudeLine): ReadonlyArray<string> =>
  blocksOf(line).flatMap(({ type, text }) => (type === "text" && text ? [text] : []));

const notice = (
  key: string,
  tone: ImportedActivity["tone"],
  type: string,
  summary: string,
  detail: Schema.Json,
  createdAt: string | null,
): ImportedActivity => ({ kind: "activity", key: `${key}/${type}`, tone, type, summary, detail, createdAt });
