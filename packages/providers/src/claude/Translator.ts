/**
 * From what claude says to events: one message in, its events out. The words of a message stream as pieces; the message
 * as a whole follows and is final: what did not come before is filled up, and what comes twice gives nothing.
 */
import { ProviderItemId } from "@heddle/contracts/Ids";
import type { ProviderRuntimeEvent } from "@heddle/contracts/ProviderRuntimeEvent";
import { boundText, piecesOf } from "../shared/Bounded.ts";
import { read } from "../shared/Read.ts";
import { agentNotice, noticesOf } from "./Notices.ts";
import { Plans } from "./Plans.ts";
import { Tools } from "./Tools.ts";
import { AssistantMessage, Block, BlockList, type Head, StreamEvent, UserMessage, Words } from "./Wire.ts";

type Events = ReadonlyArray<ProviderRuntimeEvent>;

const MAX_THOUGHT = 256 * 1024;
const MAX_COMPARED = 1024 * 1024;

const readAssistant = read(AssistantMessage);
const readUser = read(UserMessage);
const readBlocks = read(BlockList);
const readBlock = read(Block);
const readStream = read(StreamEvent);
const readWords = read(Words);

/** A piece of a message that streams. */
interface OpenBlock {
  readonly itemId: string;
  readonly type: string;
  /** Its beginning, to be held against what it is in the end. */
  text: string;
  characters: number;
}

export class Translator {
  readonly tools = new Tools();
  readonly #plans = new Plans();
  #messageId = "";
  #itemPrefix = "";
  #messages = 0;
  /** Of the message that streams, by their places in it. */
  readonly #open = new Map<number, OpenBlock>();
  /** Pieces that were over before claude repeated them as a whole, of the message that streamed last. */
  #unconfirmed: Array<OpenBlock> = [];
  #trouble: { readonly code: string; readonly text: string } | undefined;

  told(head: Head, message: unknown): Events {
    if (head.parent_tool_use_id) return this.#subagent(head.parent_tool_use_id, head, message);
    switch (head.type) {
      case "stream_event":
        return this.#stream(readStream(message)?.event);
      case "assistant":
        return this.#assistant(readAssistant(message));
      case "user":
        return head.isReplay ? [] : this.#user(readUser(message));
      case "system": {
        // What a command of claude's own prints.
        const output = head.subtype === "local_command_output" ? readWords(message)?.content : undefined;
        return output && head.uuid ? this.#whole(head.uuid, output) : noticesOf(head, message);
      }
      default:
        return noticesOf(head, message);
    }
  }

  /** Why the model could not be asked, where that was the last that was said of it; told once. */
  takeTrouble(): { readonly code: string; readonly text: string } | undefined {
    const trouble = this.#trouble;
    this.#trouble = undefined;
    return trouble;
  }

  /** Closes whatever is open, as at the end of a turn or of the process. */
  finish(toolStatus: "completed" | "failed", note: string): Events {
    const blocks = this.#closeBlocks();
    this.#unconfirmed = [];
    return [...blocks, ...this.tools.settle(toolStatus, note)];
  }

  #stream(event: StreamEvent | undefined): Events {
    switch (event?.type) {
      case "message_start": {
        const closed = this.#closeBlocks();
        this.#unconfirmed = [];
        this.#messageId = event.message?.id ?? "";
        // A try again may have the id of the one before.
        this.#messages += 1;
        this.#itemPrefix = `${this.#messageId}-${this.#messages}`;
        return closed;
      }
      case "content_block_start": {
        const { index, content_block: block } = event;
        if (typeof index !== "number" || !block || this.#open.has(index)) return [];
        const itemId = `${this.#itemPrefix}-${index}`;
        this.#open.set(index, { itemId, type: block.type, text: "", characters: 0 });
        return block.text ? this.#piece(index, block.text) : [];
      }
      case "content_block_delta": {
        const text = event.delta?.text ?? event.delta?.thinking;
        return typeof event.index === "number" && text ? this.#piece(event.index, text) : [];
      }
      default:
        return [];
    }
  }

  #piece(index: number, text: string): Events {
    const block = this.#open.get(index);
    if (block === undefined) return [];
    block.characters += text.length;
    block.text += text.slice(0, Math.max(0, MAX_COMPARED - block.text.length));
    return block.type === "text" ? deltas(block.itemId, text) : [];
  }

  #assistant(assistant: typeof AssistantMessage.Type | undefined): Events {
    if (assistant === undefined) return [];
    const { uuid, message, error } = assistant;
    const blocks = message.content.flatMap((raw) => readBlock(raw) ?? []);
    if (error) {
      // It is no word of the model's: the end of the turn tells it.
      const text = blocks.map((block) => block.text ?? "").join("\n");
      this.#trouble = { code: error, text };
      return [];
    }
    const unsolved = this.takeTrouble();
    const overcome = unsolved === undefined ? [] : [agentNotice("error", unsolved.text || unsolved.code)];
    return [
      ...overcome,
      ...blocks.flatMap((block, index) => this.#block(block, message.id, `${uuid}-${index}`)),
    ];
  }

  #block(block: Block, messageId: string, fallbackId: string): Events {
    const { type, id, name, input } = block;
    if (type === "text" && typeof block.text === "string")
      return this.#text(block.text, messageId, fallbackId);
    if (type === "thinking") return this.#thinking(block.thinking ?? "", messageId, fallbackId);
    if (type.endsWith("tool_use") && id && name) return this.tools.started(id, name, input);
    // Of tools that the model's server runs by itself.
    if (type.endsWith("tool_result") && block.tool_use_id) {
      return this.tools.completed(block.tool_use_id, block, undefined);
    }
    return [];
  }

  #text(whole: string, messageId: string, fallbackId: string): Events {
    const open = messageId === this.#messageId ? this.#takeOpen("text") : undefined;
    if (open !== undefined) return endMessage(open, whole);
    if (messageId === this.#messageId) {
      const index = this.#unconfirmed.findIndex(({ type, text }) => type === "text" && text === whole);
      if (index >= 0) {
        this.#unconfirmed.splice(index, 1);
        return [];
      }
    }
    return this.#whole(fallbackId, whole);
  }

  #thinking(whole: string, messageId: string, fallbackId: string): Events {
    const open = messageId === this.#messageId ? this.#takeOpen("thinking") : undefined;
    return thought(open?.itemId ?? fallbackId, whole || (open?.text ?? ""));
  }

  #takeOpen(type: string): OpenBlock | undefined {
    for (const [index, block] of this.#open) {
      if (block.type !== type) continue;
      this.#open.delete(index);
      return block;
    }
    return undefined;
  }

  /** A message that did not stream. */
  #whole(id: string, text: string): Events {
    return endMessage({ itemId: id, type: "text", text: "", characters: 0 }, text);
  }

  #closeBlocks(): Events {
    const blocks = [...this.#open.values()];
    this.#open.clear();
    this.#unconfirmed.push(...blocks);
    return blocks.flatMap((block) => {
      if (block.type === "text") return endMessage(block, block.text);
      return block.type === "thinking" ? thought(block.itemId, block.text) : [];
    });
  }

  /** What a person said is known here; what is new is what came of calls. */
  #user(user: typeof UserMessage.Type | undefined): Events {
    const blocks = (readBlocks(user?.message.content) ?? []).flatMap((raw) => readBlock(raw) ?? []);
    return blocks.flatMap((block): Events => {
      const { type, tool_use_id: id } = block;
      if (type !== "tool_result" || !id) return [];
      const outcome = user?.tool_use_result;
      const call = this.tools.inputOf(id);
      const plan = call && !block.is_error ? this.#plans.done(call.name, call.input, outcome) : [];
      return [...this.tools.completed(id, block, outcome), ...plan];
    });
  }

  #subagent(owner: string, { type }: Head, message: unknown): Events {
    if (type !== "assistant") return [];
    const blocks = (readAssistant(message)?.message.content ?? []).flatMap((raw) => readBlock(raw) ?? []);
    return blocks.flatMap(({ type: kind, id, name, input }) =>
      kind === "tool_use" && id && name ? this.tools.ofSubagent(owner, id, name, input) : [],
    );
  }
}

/** What was passed on cannot be taken back: where claude says something else in the end, that goes out as another message. */
const endMessage = (said: OpenBlock, whole: string): Events => {
  if (said.characters === 0 && whole === "") return [];
  if (whole.startsWith(said.text)) {
    return [...deltas(said.itemId, whole.slice(said.characters)), completed(said.itemId)];
  }
  if (whole.trim() === said.text.trim() || said.text.startsWith(whole.trimEnd()))
    return [completed(said.itemId)];
  const corrected = `${said.itemId}-final`;
  return [completed(said.itemId), ...deltas(corrected, whole), completed(corrected)];
};

const deltas = (id: string, text: string): Events =>
  piecesOf(text).map((piece) => ({ type: "message.delta", itemId: ProviderItemId.make(id), text: piece }));

const completed = (id: string): ProviderRuntimeEvent => ({
  type: "message.completed",
  itemId: ProviderItemId.make(id),
});

const thought = (id: string, text: string): Events =>
  text.trim() === ""
    ? []
    : [{ type: "reasoning", itemId: ProviderItemId.make(id), text: boundText(text.trim(), MAX_THOUGHT) }];
