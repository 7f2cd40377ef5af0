/**
 * A thread while it happens: items of its feed in, the text to print out. Begins where a snapshot ends, so that what was
 * seen there does not come again.
 */
import type { EventEnvelope } from "@heddle/contracts/Events";
import type { MessageId, TurnId } from "@heddle/contracts/Ids";
import type { TokenUsage } from "@heddle/contracts/Model";
import type { PendingApproval, ThreadSnapshot } from "@heddle/contracts/ReadModel";
import type { FeedItem } from "@heddle/contracts/Rpc";
import { activityLines } from "./Activity.ts";
import { blobHint } from "./Blob.ts";
import { dim, yellow } from "./Colour.ts";
import type { ChangedFiles } from "./Diff.ts";
import { approvalLines, questionLines, requestLines } from "./Request.ts";
import { clean, CleanStream, cleanLine, revealLine } from "./Sanitize.ts";
import { join, type Piece, type ReplyText, replyFrom } from "./ReplyText.ts";
import { speakerName } from "./Transcript.ts";
import { modelName, stalledLine, turnEndLines } from "./Turn.ts";
import { fitLines, wrap, WrapStream } from "./Wrap.ts";

export interface LiveOptions {
  readonly snapshot: ThreadSnapshot;
  readonly columns: () => number;
  /** Says when a tool begins, too; where a status line does not say it. */
  readonly sayStarts: boolean;
  /** Prompts that whoever looks has just written. */
  readonly ownMessages?: ReadonlySet<string>;
}

const INDENT = "  ";

interface OpenMessage {
  readonly messageId: MessageId;
  readonly clean: CleanStream;
  readonly wrap: WrapStream;
}

interface KnownTurn {
  readonly turnCount: number;
  readonly startedAt: string;
}

export class LiveTranscript {
  readonly #options: LiveOptions;
  readonly #agent: string;
  readonly #replies = new Map<MessageId, ReplyText>();
  readonly #turns = new Map<TurnId, KnownTurn>();
  readonly #files = new Map<TurnId, ChangedFiles>();
  readonly #usage = new Map<TurnId, TokenUsage>();
  /** Requests whose answer was given here, and is seen already. */
  readonly #answeredHere = new Set<string>();
  readonly #tools = new Map<string, string>();
  #open: OpenMessage | undefined;
  #speaker: string | undefined;
  #running = false;

  constructor(options: LiveOptions) {
    this.#options = options;
    const { thread } = options.snapshot;
    this.#agent = modelName(thread.model);
    for (const { messageId, text } of thread.messages) this.#replies.set(messageId, replyFrom(text.length));
    for (const { turnId, turnCount, startedAt, status } of thread.turns) {
      this.#turns.set(turnId, { turnCount, startedAt });
      if (status === "running") this.#running = true;
    }
  }

  /** What to print for an item: whole lines, but for words that still come. */
  take(item: FeedItem): string {
    switch (item.kind) {
      case "delta":
        return this.#words(item.messageId, item);
      case "event":
        return this.#event(item.event);
      case "synchronized":
      case "reset":
        return "";
    }
  }

  /** A request that was open before the feed began. */
  opened(request: PendingApproval): string {
    return this.#block("assistant", this.#fit(requestLines(request)));
  }

  /** The beginning of a word whose end is long in coming. */
  heldBack(): string {
    return this.#open?.wrap.release() ?? "";
  }

  /** What the agent is at, while it is at work and says nothing. */
  get doing(): string | undefined {
    if (!this.#running) return undefined;
    const tool = [...this.#tools.values()].at(-1);
    return tool === undefined ? `${this.#agent} works` : revealLine(tool);
  }

  /** The next resolution of the request is not said again. */
  answeredHere(requestId: string): void {
    this.#answeredHere.add(requestId);
  }

  #event(event: EventEnvelope): string {
    switch (event.eventType) {
      case "thread.message-sent": {
        const { messageId, role, streaming, text, fullText } = event.payload;
        if (role === "assistant") {
          const words = this.#words(messageId, event.payload);
          return streaming ? words : words + this.#endMessage(messageId);
        }
        if (this.#options.ownMessages?.has(messageId)) return "";
        const rest = fullText === undefined ? "" : `${INDENT}${dim(blobHint(fullText))}\n`;
        return this.#block(role, wrap(clean(text).trimEnd(), INDENT, this.#options.columns()) + rest);
      }
      case "thread.turn-queued":
        return this.#lines([dim("· Queued: it begins when the running turn has ended.")]);
      case "thread.turn-started":
        this.#running = true;
        this.#turns.set(event.payload.turnId, event.payload);
        return "";
      case "thread.turn-interrupt-requested":
        return this.#lines([yellow("■ Interrupting…")]);
      case "thread.turn-diff-completed":
        if (event.payload.status === "ready") this.#files.set(event.payload.turnId, event.payload);
        return "";
      case "thread.turn-usage-recorded":
        this.#usage.set(event.payload.turnId, event.payload.usage);
        return "";
      case "thread.turn-completed":
        return this.#turnCompleted(event.payload);
      case "thread.activity-appended":
        return this.#activity(event.payload);
      case "thread.approval-requested":
        return this.#block("assistant", this.#fit(approvalLines(event.payload)));
      case "thread.user-input-requested":
        return this.#block("assistant", this.#fit(event.payload.questions.flatMap(questionLines)));
      case "thread.approval-resolved":
      case "thread.user-input-resolved": {
        const { requestId, outcome } = event.payload;
        return this.#answeredHere.delete(requestId) ? "" : this.#lines([dim(`  → ${outcomeWords[outcome]}`)]);
      }
      case "thread.reverted": {
        const { turnCount, files } = event.payload;
        const where = turnCount === 0 ? "before the first turn" : `at the end of turn ${turnCount}`;
        return this.#lines([
          yellow(`↶ Taken back to where it was ${where}; ${files.length} files restored.`),
        ]);
      }
      case "thread.checkpoint-revert-failed":
        return this.#lines([`Not taken back: ${cleanLine(event.payload.reason)}`]);
      case "thread.meta-updated":
        return event.payload.title === undefined
          ? ""
          : this.#lines([dim(`· The thread is now called “${cleanLine(event.payload.title)}”.`)]);
      case "thread.runtime-mode-set":
        return this.#lines([dim(`· Runtime mode: ${event.payload.runtimeMode}`)]);
      case "thread.archived":
        return this.#lines([dim("· The thread was archived.")]);
      case "thread.unarchived":
        return this.#lines([dim("· The thread was taken back from the archive.")]);
      case "thread.deleted":
        return this.#lines([yellow("· The thread was deleted.")]);
      case "thread.session-set":
        if (event.payload.session.stalled) return this.#lines([stalledLine(event.payload.session.stalled)]);
        return event.payload.session.status === "stopped"
          ? this.#lines([dim("· The agent was stopped.")])
          : "";
      case "thread.queue-reordered":
        return this.#lines([dim("· The prompts that wait have a new order.")]);
      default:
        return "";
    }
  }

  #words(messageId: MessageId, piece: Piece): string {
    const [reply, fresh] = join(this.#replies.get(messageId) ?? replyFrom(0), piece);
    this.#replies.set(messageId, reply);
    if (fresh === "") return "";
    let before = "";
    if (this.#open?.messageId !== messageId) {
      before = this.#turnTo("assistant");
      this.#open = {
        messageId,
        clean: new CleanStream(),
        wrap: new WrapStream(INDENT, this.#options.columns()),
      };
    }
    return before + this.#open.wrap.push(this.#open.clean.push(fresh));
  }

  #endMessage(messageId: MessageId): string {
    return this.#open?.messageId === messageId ? this.#closeMessage() : "";
  }

  #closeMessage(): string {
    if (this.#open === undefined) return "";
    const { clean, wrap } = this.#open;
    this.#open = undefined;
    return wrap.push(clean.end()) + wrap.end();
  }

  #activity(payload: EventEnvelope<"thread.activity-appended">["payload"]): string {
    const { kind, summary, detail } = payload;
    if (kind === "tool.started") this.#tools.set(toolKey(detail), summary);
    else if (kind.startsWith("tool.")) this.#tools.delete(toolKey(detail));
    if (kind === "tool.started" && !this.#options.sayStarts) return "";
    const lines = activityLines({ ...payload, payload: detail });
    return lines.length === 0 ? "" : this.#block("assistant", this.#fit(lines));
  }

  #turnCompleted({ turnId, ...ended }: EventEnvelope<"thread.turn-completed">["payload"]): string {
    this.#running = false;
    this.#tools.clear();
    const turn = this.#turns.get(turnId);
    const lines = turnEndLines(
      {
        ...ended,
        turnCount: turn?.turnCount,
        startedAt: turn?.startedAt,
        usage: this.#usage.get(turnId) ?? null,
      },
      turn === undefined ? undefined : this.#files.get(turnId),
    );
    const closed = this.#closeMessage();
    this.#speaker = undefined;
    return `${closed}${this.#fit(lines, "")}\n`;
  }

  /** Lines that belong to what the agent does. */
  #lines(lines: ReadonlyArray<string>): string {
    return lines.length === 0 ? "" : this.#closeMessage() + this.#fit(lines);
  }

  #fit(lines: ReadonlyArray<string>, indent = INDENT): string {
    return fitLines(lines, indent, this.#options.columns());
  }

  #block(role: "user" | "assistant" | "system", text: string): string {
    return this.#turnTo(role) + text;
  }

  /** The line that says who speaks, where it is not the same as before. */
  #turnTo(role: "user" | "assistant" | "system"): string {
    const closed = this.#closeMessage();
    if (this.#speaker === role) return closed;
    this.#speaker = role;
    return `${closed}${speakerName(role, this.#agent)}\n`;
  }
}

const toolKey = (detail: unknown): string =>
  typeof detail === "object" && detail !== null && "itemId" in detail ? String(detail.itemId) : "";

const outcomeWords = {
  accept: "accepted",
  acceptForSession: "accepted for this session",
  decline: "declined",
  cancel: "cancelled",
  answered: "answered",
  expired: "expired: nobody is left to receive the answer",
} as const;
