/** From codex's lines to what a thread shows. What the model said and was told counts; events beside it repeat it. */
import { Schema } from "effect";
import { Calls, planActivity } from "../Calls.ts";
import { maybe, read } from "../Read.ts";
import { firstLine, summaryFrom } from "../Texts.ts";
import type { ImportedActivity, ImportedEntry, LineReader, OpenCalls } from "../TranscriptSource.ts";
import { itemOf } from "./CodexLine.ts";
import { argumentsOf, beginning, ending, planIn } from "./CodexTools.ts";
import { promptOf } from "./Prompts.ts";

const readItem = read(
  Schema.Struct({
    type: Schema.String,
    id: maybe(Schema.String),
    role: maybe(Schema.String),
    call_id: maybe(Schema.String),
    name: maybe(Schema.String),
    arguments: maybe(Schema.Unknown),
    input: maybe(Schema.Unknown),
    action: maybe(Schema.Unknown),
    output: maybe(Schema.Unknown),
    content: maybe(Schema.Unknown),
    summary: maybe(Schema.Unknown),
  }),
);
type Item = NonNullable<ReturnType<typeof readItem>>;
const readTexts = read(Schema.Array(Schema.Struct({ text: maybe(Schema.String) })));
const readEvent = read(
  Schema.Struct({
    type: Schema.String,
    reason: maybe(Schema.String),
    message: maybe(Schema.String),
    num_turns: maybe(Schema.Int),
  }),
);
const readCompacted = read(Schema.Struct({ message: maybe(Schema.String) }));
const readAction = read(Schema.Struct({ query: maybe(Schema.String) }));

/** Lines of the session's state, which no thread shows. */
const STATE = new Set(["session_meta", "turn_context", "world_state", "token_usage_record", "event_msg"]);
const UNSHOWN_ITEMS = new Set(["ghost_snapshot", "compaction", "compaction_summary", "context_compaction"]);

const textsOf = (parts: unknown): string =>
  (readTexts(parts) ?? [])
    .flatMap(({ text }) => text ?? [])
    .join("\n\n")
    .trim();

export const codexReader = (openCalls: OpenCalls): LineReader => {
  const calls = new Calls(openCalls);

  const ofItem = (payload: unknown, line: number, createdAt: string | null): ReadonlyArray<ImportedEntry> => {
    const item = readItem(payload);
    if (item === undefined) return [{ kind: "unreadable", line, reason: "Its item has no type." }];
    const key = item.id ?? `line-${line}`;
    const callId = item.call_id ?? item.id ?? `line-${line}`;
    switch (item.type) {
      case "message":
        return message(item, payload, key, createdAt);
      case "reasoning": {
        const text = textsOf(item.summary) || textsOf(item.content);
        return text === "" ? [] : [reasoning(key, text, createdAt)];
      }
      case "function_call":
      case "custom_tool_call": {
        const name = item.name ?? "A tool";
        const given =
          typeof item.arguments === "string" ? argumentsOf(item.arguments) : (item.input ?? item.arguments);
        const plan = planIn(name, given);
        if (plan !== undefined) {
          calls.silent(callId);
          return [planActivity(`${callId}/plan`, plan, createdAt)];
        }
        return calls.begun(beginning(callId, name, given), createdAt);
      }
      case "local_shell_call":
        return calls.begun(beginning(callId, "local_shell", item.action), createdAt);
      case "web_search_call": {
        const query = readAction(item.action)?.query ?? "";
        const begun = {
          id: callId,
          kind: "search",
          title: `Search the web: ${query}`,
          input: { query },
        } as const;
        calls.begun(begun, createdAt);
        return calls.ended({ id: callId, failed: false, content: { input: { query } } }, createdAt);
      }
      case "function_call_output":
      case "custom_tool_call_output":
      case "local_shell_call_output":
        return calls.ended(ending(callId, item.output), createdAt);
      default:
        return UNSHOWN_ITEMS.has(item.type) ? [] : [{ kind: "unknown", name: item.type }];
    }
  };

  return {
    openCalls: () => calls.open,
    take: (value, line) => {
      const { type, payload, timestamp } = itemOf(value);
      if (type === undefined) {
        return [{ kind: "unreadable", line, reason: "It is no line of a codex session." }];
      }
      if (type === "response_item") return ofItem(payload, line, timestamp);
      if (type === "event_msg") return ofEvent(payload, `line-${line}`, timestamp);
      if (type === "compacted") {
        const text = readCompacted(payload)?.message ?? "";
        const summary = "Codex summed up what was said so far";
        return [notice(`line-${line}`, "info", "compaction", summary, { text }, timestamp)];
      }
      return STATE.has(type) ? [] : [{ kind: "unknown", name: type }];
    },
  };
};

const message = (
  item: Item,
  payload: unknown,
  key: string,
  createdAt: string | null,
): ReadonlyArray<ImportedEntry> => {
  if (item.role === "assistant") {
    const text = textsOf(item.content).toWellFormed();
    return text === "" ? [] : [{ kind: "message", key, role: "assistant", text, attachments: [], createdAt }];
  }
  const prompt = promptOf(payload);
  if (prompt === undefined || (prompt.text === "" && prompt.images.length === 0)) return [];
  const said = { text: prompt.text.toWellFormed(), attachments: prompt.images };
  return [{ kind: "message", key, role: "user", ...said, createdAt }];
};

/** Of the events, those that nothing else tells of. */
const ofEvent = (payload: unknown, key: string, createdAt: string | null): ReadonlyArray<ImportedEntry> => {
  const event = readEvent(payload);
  switch (event?.type) {
    case "turn_aborted":
      return [notice(key, "info", "turn.interrupted", "The turn was interrupted", null, createdAt)];
    case "thread_rolled_back": {
      const summary = `The last ${event.num_turns ?? 1} turns were taken back`;
      return [notice(key, "info", "turns.taken-back", summary, null, createdAt)];
    }
    case "error": {
      const summary = summaryFrom(event.message ?? "", "Codex said that it failed");
      return [notice(key, "error", "agent.error", summary, null, createdAt)];
    }
    default:
      return [];
  }
};

const reasoning = (key: string, text: string, createdAt: string | null): ImportedActivity =>
  notice(key, "info", "reasoning", firstLine(text), { text: text.toWellFormed() }, createdAt);

const notice = (
  key: string,
  tone: ImportedActivity["tone"],
  type: string,
  summary: string,
  detail: Schema.Json,
  createdAt: string | null,
): ImportedActivity => ({ kind: "activity", key: `${key}/${type}`, tone, type, summary, detail, createdAt });
