/** Whoever looks at the thread over all lives of the server: sees each word as it comes, and answers what is asked. */
import { AT } from "../conversation.ts";
import type { Json, RawClient } from "../raw-client.ts";
import { WORD } from "./plan.ts";

/** A word counts when it is there as a whole: the last one may go on with the next delta. */
const wordsOf = (text: string): ReadonlyArray<string> => text.replace(/\S+$/, "").match(WORD) ?? [];

type Decision = "accept" | "decline" | "leave";

export class Watcher {
  /** When each word was first seen, as words come: before they are stored. */
  readonly seen = new Map<string, number>();
  /** Those that came in a stored event as well. */
  readonly stored = new Set<string>();
  /** The last event that was seen. */
  sequence = 0;
  onEvent: (event: Json) => void = () => {};
  /** As each turn ended, by its id. */
  readonly ended = new Map<string, string>();
  onWords: () => void = () => {};
  /** What is answered, in turn; after these, everything is accepted. */
  decisions: ReadonlyArray<Decision> = [];
  /** Where each turn and request was first seen, by its id. */
  readonly born = new Map<string, number>();
  readonly #replies = new Map<string, string>();
  #open: Array<Json> = [];
  #asked = 0;
  #client: RawClient | undefined;
  readonly #threadId: string;

  constructor(threadId: string) {
    this.#threadId = threadId;
  }

  /** Follows until the server is gone. */
  async follow(client: RawClient): Promise<void> {
    this.#client = client;
    this.#open = [];
    const from = { threadId: this.#threadId, fromSequenceExclusive: this.sequence };
    await client.stream("orchestration.subscribeThread", from, (item) => {
      if (item.kind === "delta") this.#hear(item.messageId, item.offset, item.text);
      if (item.kind === "event") this.#take(item.event);
      return undefined;
    });
  }

  /** From now on everything is accepted, also what was left open. */
  acceptAll(): void {
    this.decisions = [];
    for (const event of this.#open.splice(0)) this.#answer(event, "accept");
  }

  /** What is asked from here on is answered like this. */
  decide(decisions: ReadonlyArray<Decision>): void {
    this.decisions = decisions;
    this.#asked = 0;
  }

  #take(event: Json): void {
    const { eventType, payload, sequence } = event;
    this.sequence = sequence;
    if (eventType === "thread.turn-started") this.born.set(payload.turnId, sequence);
    if (eventType === "thread.turn-completed") this.ended.set(payload.turnId, payload.status);
    if (eventType === "thread.message-sent" && payload.role === "assistant") {
      const { messageId, offset = 0, text } = payload;
      this.#hear(messageId, offset, text);
      const known = this.#replies.get(messageId) ?? "";
      for (const word of wordsOf(known.slice(0, offset + text.length))) this.stored.add(word);
    }
    if (eventType === "thread.approval-requested" || eventType === "thread.user-input-requested") {
      this.born.set(payload.requestId, sequence);
      const decision = this.decisions[this.#asked] ?? "accept";
      this.#asked += 1;
      if (decision === "leave") this.#open.push(event);
      else this.#answer(event, decision);
    }
    this.onEvent(event);
  }

  #answer({ eventType, payload, sequence }: Json, decision: Decision): void {
    const { requestId } = payload;
    const commandId = `answer-${sequence}`;
    const base = { commandId, threadId: this.#threadId, requestId, createdAt: AT };
    const approves = eventType === "thread.approval-requested";
    const blue = (payload.questions ?? []).map(({ id }: Json) => [id, "blue"]);
    const answers = decision === "accept" ? Object.fromEntries(blue) : {};
    const command = approves
      ? { type: "thread.approval.respond", ...base, decision }
      : { type: "thread.user-input.respond", ...base, answers };
    // The server may be gone, or the request may have ended: either is found out by what is checked afterwards.
    this.#client?.dispatch(command).catch(() => {});
  }

  #hear(messageId: string, offset: number, text: string): void {
    const known = this.#replies.get(messageId) ?? "";
    if (offset > known.length) return;
    const whole = known + text.slice(known.length - offset);
    this.#replies.set(messageId, whole);
    for (const word of wordsOf(whole)) if (!this.seen.has(word)) this.seen.set(word, Date.now());
    this.onWords();
  }
}
