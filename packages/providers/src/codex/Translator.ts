/**
 * From what codex tells of a thread to events: one notification in, its events out. What `item/completed` says is final:
 * words that did not come before it are filled up, and what comes behind it or comes twice gives nothing.
 */
import { ProviderItemId } from "@heddle/contracts/Ids";
import type { ProviderRuntimeEvent } from "@heddle/contracts/ProviderRuntimeEvent";
import { boundText, piecesOf } from "../shared/Bounded.ts";
import { read } from "../shared/Read.ts";
import { Tools } from "./Tools.ts";
import {
  Delta,
  Item,
  ItemNotification,
  MessageItem,
  ModelRerouted,
  PatchNotification,
  PlanNotification,
  ReasoningItem,
  Warning,
} from "./Wire.ts";

type Events = ReadonlyArray<ProviderRuntimeEvent>;

const MAX_THOUGHT = 256 * 1024;
const MAX_PLAN_ENTRIES = 200;
const MAX_NOTICE = 4000;
const MAX_COMPARED = 1024 * 1024;
/** Messages that are over are remembered only so far, for what comes twice or too late. */
const MAX_OVER = 1000;

const readItemNotification = read(ItemNotification);
const readItem = read(Item);
const readDelta = read(Delta);
const readMessage = read(MessageItem);
const readReasoning = read(ReasoningItem);
const readPlan = read(PlanNotification);
const readPatch = read(PatchNotification);
const readWarning = read(Warning);
const readRerouted = read(ModelRerouted);

/** The words that have come of a message that is not over. */
interface OpenMessage {
  /** The first of them, to be held against what the message is in the end. */
  text: string;
  characters: number;
}

export class Translator {
  readonly tools = new Tools();
  readonly #messages = new Map<string, OpenMessage>();
  /** Paragraphs of thoughts that are not over. */
  readonly #thoughts = new Map<string, Array<string>>();
  readonly #over = new Set<string>();

  /** Kinds of notifications that Heddle does not know, or has no use for, give nothing. */
  told(method: string, params: unknown): Events {
    switch (method) {
      case "item/started":
        return this.#item(readItemNotification(params)?.item, false);
      case "item/completed":
        return this.#item(readItemNotification(params)?.item, true);
      case "item/agentMessage/delta":
      case "item/plan/delta":
        return this.#messageDelta(readDelta(params));
      case "item/reasoning/summaryTextDelta":
      case "item/reasoning/textDelta":
        return this.#thoughtDelta(readDelta(params));
      case "item/commandExecution/outputDelta": {
        const delta = readDelta(params);
        if (delta !== undefined) this.tools.printed(delta.itemId, delta.delta);
        return [];
      }
      case "item/fileChange/patchUpdated": {
        const patch = readPatch(params);
        if (patch !== undefined) this.tools.patched(patch.itemId, patch.changes);
        return [];
      }
      case "turn/plan/updated":
        return planOf(params);
      case "warning":
      case "guardianWarning":
        return warningOf(params);
      case "model/rerouted":
        return reroutedOf(params);
      default:
        return [];
    }
  }

  /** An item as the end of its turn shows it, where its own end was not told. */
  completed(item: unknown): Events {
    return this.#item(item, true);
  }

  /** Closes whatever is open, as at the end of a turn or of the process. */
  finish(toolStatus: "completed" | "failed", note: string): Events {
    const messages = [...this.#messages.keys()].flatMap((id) => this.#endMessage(id, undefined));
    const thoughts = [...this.#thoughts.keys()].flatMap((id) => this.#endThought(id, []));
    return [...messages, ...thoughts, ...this.tools.settle(toolStatus, note)];
  }

  #item(raw: unknown, isWhole: boolean): Events {
    const item = readItem(raw);
    if (item === undefined) return [];
    const { id, type } = item;
    switch (type) {
      // What a person said is known here.
      case "userMessage":
        return [];
      case "agentMessage":
      case "plan":
        return isWhole ? this.#endMessage(id, readMessage(raw)?.text) : [];
      case "reasoning": {
        const thought = readReasoning(raw);
        const paragraphs = thought?.summary?.length ? thought.summary : (thought?.content ?? []);
        return isWhole ? this.#endThought(id, paragraphs) : [];
      }
      default:
        return isWhole ? this.tools.completed(id, type, raw) : this.tools.started(id, type, raw);
    }
  }

  #messageDelta(delta: Delta | undefined): Events {
    if (delta === undefined || delta.delta === "" || this.#over.has(delta.itemId)) return [];
    const { itemId, delta: text } = delta;
    const message = this.#messages.get(itemId) ?? { text: "", characters: 0 };
    this.#messages.set(itemId, message);
    message.characters += text.length;
    message.text += text.slice(0, MAX_COMPARED - message.text.length);
    return deltas(itemId, text);
  }

  #endMessage(id: string, whole: string | undefined): Events {
    if (this.#over.has(id)) return [];
    const said = this.#messages.get(id) ?? { text: "", characters: 0 };
    this.#messages.delete(id);
    this.#forget(id);
    const final = whole ?? said.text;
    if (said.characters === 0 && final === "") return [];
    const completed = completedMessage(id);
    if (final.startsWith(said.text)) return [...deltas(id, final.slice(said.characters)), completed];
    if (final.trim() === said.text.trim() || said.text.startsWith(final.trimEnd())) return [completed];
    // What was passed on cannot be taken back. What codex says in the end goes out as another message.
    const corrected = `${id}-final`;
    return [completed, ...deltas(corrected, final), completedMessage(corrected)];
  }

  #thoughtDelta(delta: Delta | undefined): Events {
    if (delta === undefined || this.#over.has(delta.itemId)) return [];
    const paragraphs = this.#thoughts.get(delta.itemId) ?? [];
    this.#thoughts.set(delta.itemId, paragraphs);
    const index = Math.min(delta.summaryIndex ?? 0, paragraphs.length);
    const paragraph = paragraphs[index] ?? "";
    if (paragraph.length <= MAX_THOUGHT) paragraphs[index] = paragraph + delta.delta;
    return [];
  }

  #endThought(id: string, whole: ReadonlyArray<string>): Events {
    if (this.#over.has(id)) return [];
    const gathered = this.#thoughts.get(id) ?? [];
    this.#thoughts.delete(id);
    this.#forget(id);
    const text = (whole.length > 0 ? whole : gathered).join("\n\n").trim();
    if (text === "") return [];
    return [{ type: "reasoning", itemId: ProviderItemId.make(id), text: boundText(text, MAX_THOUGHT) }];
  }

  #forget(id: string): void {
    this.#over.add(id);
    const [oldest] = this.#over;
    if (this.#over.size > MAX_OVER && oldest !== undefined) this.#over.delete(oldest);
  }
}

const deltas = (id: string, text: string): Events =>
  piecesOf(text).map((piece) => ({
    type: "message.delta",
    itemId: ProviderItemId.make(id),
    text: piece,
  }));

const completedMessage = (id: string): ProviderRuntimeEvent => ({
  type: "message.completed",
  itemId: ProviderItemId.make(id),
});

const planOf = (params: unknown): Events => {
  const plan = readPlan(params)?.plan;
  if (plan === undefined) return [];
  const entries = plan
    .slice(0, MAX_PLAN_ENTRIES)
    .map(({ step, status }) => ({ text: boundText(step, MAX_NOTICE), status: toPlanStatus(status) }));
  return [{ type: "plan.updated", entries }];
};

const toPlanStatus = (status: string): "pending" | "in_progress" | "completed" =>
  status === "completed" ? status : status === "inProgress" ? "in_progress" : "pending";

const warningOf = (params: unknown): Events => {
  const message = readWarning(params)?.message;
  return message ? [agentNotice("info", message, {})] : [];
};

const reroutedOf = (params: unknown): Events => {
  const models = readRerouted(params);
  if (models === undefined) return [];
  const { fromModel, toModel } = models;
  return [agentNotice("info", `Codex uses ${toModel} in place of ${fromModel}.`, { fromModel, toModel })];
};

export const agentNotice = (
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
