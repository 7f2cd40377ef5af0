/** Subscribers that follow over all kills, each from the last event that it saw; they note every one that was not the next. */
import { AT } from "../conversation.ts";
import type { Json, RawClient } from "../raw-client.ts";
import type { Ledger } from "./ledger.ts";
import type { SeededRandom } from "./random.ts";

export class Follower {
  /** Every event seen, in the order in which it came. */
  readonly events: Array<Json> = [];
  readonly complaints: Array<string> = [];
  /** Called with each event of the present. */
  onEvent: (event: Json) => void = () => {};
  readonly #waiting = new Set<() => void>();
  #synchronized = false;

  /** Follows the whole log until the server is gone, and answers some of what agents ask on the way. */
  async follow(connection: RawClient, ledger: Ledger, random: SeededRandom): Promise<void> {
    this.#synchronized = false;
    const answers: Array<Promise<unknown>> = [];
    const fromSequenceExclusive = this.events.length;
    await connection.stream("orchestration.subscribe", { fromSequenceExclusive }, (item) => {
      if (item.kind === "synchronized") this.#synchronized = true;
      else if (item.kind !== "event") this.complaints.push(`The subscription said ${JSON.stringify(item)}`);
      else {
        this.#take(item.event);
        if (this.#synchronized) this.onEvent(item.event);
        const answer = this.#synchronized && random.chance(0.7) ? answerTo(item.event) : undefined;
        if (answer) answers.push(ledger.send(connection, "follower", answer));
      }
      for (const wake of this.#waiting) wake();
      return undefined;
    });
    await Promise.all(answers);
    for (const wake of this.#waiting) wake();
  }

  /** Until it has been told that it is up to date and has seen the sequence. */
  async hasSeen(sequence: number): Promise<void> {
    while (!this.#synchronized || this.events.length < sequence) {
      await new Promise<void>((resolve) => {
        this.#waiting.add(resolve);
      });
    }
  }

  #take(event: Json): void {
    if (event.sequence !== this.events.length + 1) {
      this.complaints.push(`Sequence ${event.sequence} came after ${this.events.length} events`);
    }
    this.events.push(event);
  }
}

/** Follows one thread, by the versions of its stream. */
export class ThreadFollower {
  readonly complaints: Array<string> = [];
  readonly #threadId: string;
  #sequence = 0;
  #version = 0;

  constructor(threadId: string) {
    this.#threadId = threadId;
  }

  async follow(connection: RawClient): Promise<void> {
    const from = { threadId: this.#threadId, fromSequenceExclusive: this.#sequence };
    await connection.stream("orchestration.subscribeThread", from, ({ kind, event }) => {
      if (kind !== "event") return undefined;
      if (event.streamVersion !== this.#version + 1 || event.sequence <= this.#sequence) {
        this.complaints.push(
          `${this.#threadId}: version ${event.streamVersion} (${event.sequence}) came after ${this.#version} (${this.#sequence})`,
        );
      }
      this.#version = event.streamVersion;
      this.#sequence = event.sequence;
      return undefined;
    });
  }
}

const answerTo = ({ eventType, payload }: Json): Json => {
  const { requestId, threadId } = payload;
  const base = { commandId: `answer-${requestId}`, threadId, requestId, createdAt: AT };
  if (eventType === "thread.approval-requested") {
    return { type: "thread.approval.respond", ...base, decision: "accept" };
  }
  if (eventType !== "thread.user-input-requested") return undefined;
  const answers = Object.fromEntries(payload.questions.map(({ id }: Json) => [id, "blue"]));
  return { type: "thread.user-input.respond", ...base, answers };
};
