/**
 * From an agent's `session/update` to events. Holds what has to be gathered (a thought, the bounds of a message) and
 * nothing that waits: one update in, its events out.
 */
import { ProviderItemId } from "@heddle/contracts/Ids";
import type { ProviderRuntimeEvent } from "@heddle/contracts/ProviderRuntimeEvent";
import { boundText, piecesOf } from "../shared/Bounded.ts";
import { read } from "../shared/Read.ts";
import { ToolCalls } from "./ToolCalls.ts";
import {
  AgentNotice,
  Compaction,
  ContentChunk,
  CurrentMode,
  Plan,
  SessionInfo,
  ToolCall,
  Trouble,
} from "./Wire.ts";

type Events = ReadonlyArray<ProviderRuntimeEvent>;

const MAX_THOUGHT = 256 * 1024;
const MAX_PLAN_ENTRIES = 200;
const MAX_NOTICE = 4000;
/** Shorter texts may repeat by themselves. */
const MIN_REPEAT = 24;
const MAX_REPEAT = 1024 * 1024;

const readChunk = read(ContentChunk);
const readToolCall = read(ToolCall);
const readPlan = read(Plan);
const readNotice = read(AgentNotice);
const readMode = read(CurrentMode);
const readCompaction = read(Compaction);
const readInfo = read(SessionInfo);
const readTrouble = read(Trouble);

interface OpenMessage {
  readonly itemId: ProviderItemId;
  /** The agent's own id, where it gives one. */
  readonly messageId: string | undefined;
  chunks: number;
  text: string;
}

export class Translator {
  readonly tools = new ToolCalls();
  readonly #prefix: string;
  readonly #messageIds = new Set<string>();
  #items = 0;
  #message: OpenMessage | undefined;
  #thought: { text: string; readonly messageId: string | undefined } | undefined;
  #halfCharacter = "";
  #compaction = "";

  /** `prefix` makes the ids that are made here unique among all processes of one session. */
  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** Kinds of updates that Heddle does not know, or has no use for, give nothing. */
  update(update: { readonly [key: string]: unknown }): Events {
    switch (update["sessionUpdate"]) {
      case "agent_message_chunk":
        return this.#messageChunk(readChunk(update));
      case "agent_thought_chunk":
        return this.#thoughtChunk(readChunk(update));
      case "tool_call":
      case "tool_call_update":
        return this.#toolCall(readToolCall(update));
      case "plan":
        return this.#plan(update);
      case "notice": {
        const notice = readNotice(update);
        if (notice === undefined) return [];
        const tone = notice.severity === "error" ? "error" : "info";
        return [
          agentNotice(tone, notice.title, { description: boundText(notice.description ?? "", MAX_NOTICE) }),
        ];
      }
      case "current_mode_update": {
        const mode = readMode(update)?.currentModeId;
        return mode === undefined
          ? []
          : [agentNotice("info", `The agent switched to its mode "${mode}".`, { mode })];
      }
      case "compaction_update":
        return this.#compacted(update);
      case "session_info_update":
        return troublesOf(update);
      default:
        return [];
    }
  }

  /** A call as a permission request shows it; the request may be the first that is heard of it. */
  announce(call: ToolCall): Events {
    return this.tools.has(call.toolCallId) ? [] : this.#toolCall(call);
  }

  /** Closes what is being said. */
  finishMessages(): Events {
    return [...this.#endMessage(), ...this.#endThought()];
  }

  /** Closes whatever is open, as at the end of a turn or of the process. */
  finish(toolStatus: "completed" | "failed", note: string): Events {
    return [...this.finishMessages(), ...this.tools.settle(toolStatus, note)];
  }

  #messageChunk(chunk: ContentChunk | undefined): Events {
    if (chunk === undefined) return [];
    if (chunk.content.type !== "text") return [unshown(chunk)];
    const events: Array<ProviderRuntimeEvent> = [...this.#endThought()];
    const messageId = chunk.messageId ?? undefined;
    if (this.#message !== undefined && this.#message.messageId !== messageId)
      events.push(...this.#endMessage());
    this.#message ??= { itemId: this.#itemIdFor(messageId), messageId, chunks: 0, text: "" };

    const message = this.#message;
    const received = chunk.content.text ?? "";
    if (repeatsWhole(message, received)) return events;
    const text = this.#wholeCharacters(received);
    if (text === "") return events;
    message.chunks += 1;
    if (message.text.length <= MAX_REPEAT) message.text += text;
    for (const piece of piecesOf(text)) {
      events.push({ type: "message.delta", itemId: message.itemId, text: piece });
    }
    return events;
  }

  #thoughtChunk(chunk: ContentChunk | undefined): Events {
    if (chunk?.content.type !== "text") return [];
    const messageId = chunk.messageId ?? undefined;
    const events =
      this.#thought !== undefined && this.#thought.messageId !== messageId ? this.#endThought() : [];
    this.#thought ??= { text: "", messageId };
    if (this.#thought.text.length <= MAX_THOUGHT) this.#thought.text += chunk.content.text ?? "";
    return events;
  }

  #toolCall(call: ToolCall | undefined): Events {
    if (call === undefined) return [];
    // Text that comes after a call is another message, so that a reader finds both in the order in which they came.
    const events = this.tools.has(call.toolCallId) ? [] : this.finishMessages();
    const updated = this.tools.update(call);
    return updated === undefined ? events : [...events, updated];
  }

  #plan(update: unknown): Events {
    const plan = readPlan(update);
    if (plan === undefined) return [];
    const entries = plan.entries
      .slice(0, MAX_PLAN_ENTRIES)
      .map(({ content, status }) => ({ text: boundText(content, MAX_NOTICE), status: toPlanStatus(status) }));
    const updated: ProviderRuntimeEvent = { type: "plan.updated", entries };
    return [...this.finishMessages(), updated];
  }

  #compacted(update: unknown): Events {
    const compaction = readCompaction(update);
    if (compaction === undefined) return [];
    const { compactionId, status, error } = compaction;
    const told = `${compactionId} ${status}`;
    const [tone, summary] = compactionSaid(status, error ?? undefined);
    if (told === this.#compaction || summary === undefined) return [];
    this.#compaction = told;
    return [agentNotice(tone, summary, { status })];
  }

  #endMessage(): Events {
    const message = this.#message;
    this.#message = undefined;
    this.#halfCharacter = "";
    // An agent may name a message and then say nothing in it.
    return message === undefined || message.chunks === 0
      ? []
      : [{ type: "message.completed", itemId: message.itemId }];
  }

  #endThought(): Events {
    const text = this.#thought?.text.trim() ?? "";
    this.#thought = undefined;
    if (text === "") return [];
    return [{ type: "reasoning", itemId: this.#newItemId("thought"), text: boundText(text, MAX_THOUGHT) }];
  }

  #itemIdFor(messageId: string | undefined): ProviderItemId {
    if (messageId === undefined || this.#messageIds.has(messageId)) return this.#newItemId("message");
    this.#messageIds.add(messageId);
    return ProviderItemId.make(messageId);
  }

  #newItemId(kind: string): ProviderItemId {
    this.#items += 1;
    return ProviderItemId.make(`${this.#prefix}-${kind}-${this.#items}`);
  }

  /** Agents that cut by UTF-16 unit send an emoji in halves, and neither half can be stored. */
  #wholeCharacters(received: string): string {
    const text = this.#halfCharacter + received;
    this.#halfCharacter = /[\uD800-\uDBFF]$/.test(text) ? text.slice(-1) : "";
    return this.#halfCharacter === "" ? text : text.slice(0, -1);
  }
}

const toPlanStatus = (status: string | null | undefined): "pending" | "in_progress" | "completed" =>
  status === "in_progress" || status === "completed" ? status : "pending";

const compactionSaid = (
  status: string,
  error: string | undefined,
): readonly [tone: "info" | "error", summary: string | undefined] => {
  switch (status) {
    case "in_progress":
      return ["info", "The agent shortens what it remembers of the conversation."];
    case "completed":
      return ["info", "The agent has shortened what it remembers of the conversation."];
    case "failed":
      return ["error", `The agent could not shorten what it remembers: ${error ?? "it did not say why"}`];
    default:
      return ["info", undefined];
  }
};

const troublesOf = (update: unknown): Events =>
  Object.values(readInfo(update)?.["_meta"] ?? {}).flatMap((extension) => {
    const trouble = readTrouble(extension);
    return trouble === undefined ? [] : agentNotice("info", trouble.error.message, {});
  });

/** Some agents stream a message and then send it again in full. A chunk is more text, so only the text can tell. */
const repeatsWhole = (message: OpenMessage, received: string): boolean =>
  message.chunks > 1 && received.length >= MIN_REPEAT && received === message.text;

const unshown = (chunk: ContentChunk): ProviderRuntimeEvent => {
  const what = chunk.content.mimeType ?? chunk.content.uri ?? chunk.content.type;
  return agentNotice("info", `The agent sent something that is not text, which is not kept: ${what}`, {
    type: chunk.content.type,
  });
};

const agentNotice = (
  tone: "info" | "error",
  summary: string,
  payload: { readonly [key: string]: string },
): ProviderRuntimeEvent => ({
  type: "notice",
  tone,
  kind: "agent",
  summary: boundText(summary, MAX_NOTICE),
  payload,
});
