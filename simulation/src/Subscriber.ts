/**
 * Follows the log or one thread, loses its connection anywhere, and goes on from its cursor: each event once, in order. Joins
 * the words of replies as SPEC section 3.4 tells clients to.
 */
import type { EventEnvelope } from "@heddle/contracts/Events";
import type { MessageId, ThreadId } from "@heddle/contracts/Ids";
import type { FeedItem } from "@heddle/contracts/Rpc";
import { Subscriptions } from "@heddle/orchestrator/Subscriptions";
import { Effect, Stream } from "effect";
import type { World } from "./World.ts";

interface Words {
  shown: string;
  /** How many of them are in the log. */
  stored: number;
}

export class Subscriber {
  readonly #world: World;
  readonly #name: string;
  readonly #threadId: ThreadId | null;
  readonly #seen: Array<readonly [sequence: number, eventId: string]> = [];
  readonly #words = new Map<MessageId, Words>();
  #cursor = 0;
  #version = 0;

  constructor(world: World, name: string, threadId: ThreadId | null) {
    this.#world = world;
    this.#name = name;
    this.#threadId = threadId;
  }

  /** Follows, connection after connection, until it is interrupted. */
  get follow(): Effect.Effect<never, never, Subscriptions> {
    return Effect.suspend(() => {
      const { dice } = this.#world;
      const patience = dice.chance(0.5) ? dice.between(50, 3000) : 20_000;
      return Effect.raceFirst(this.#connection(dice.chance(0.3)), Effect.sleep(patience)).pipe(
        Effect.andThen(Effect.sleep(dice.between(0, 300))),
      );
    }).pipe(Effect.forever);
  }

  /** One connection, up to where the log stands now. */
  get catchUp(): Effect.Effect<void, never, Subscriptions> {
    return Effect.map(this.#connection(false, true), () => {
      const [head] = this.#world.disk.look(
        `SELECT coalesce(max(sequence), 0) AS head FROM orchestration_events
          WHERE ? IS NULL OR (aggregate_kind = 'thread' AND stream_id = ?)`,
        this.#threadId,
        this.#threadId,
      );
      const last = this.#seen.at(-1)?.[0] ?? 0;
      if (last !== head?.["head"]) {
        this.#breaks(`is synchronized at ${last}, but its log goes to ${head?.["head"]}.`);
      }
    });
  }

  /** What it saw is what the log holds, event by event; and the words it joined are those that are stored. */
  compareWithLog(): void {
    const { disk } = this.#world;
    const rows = disk.look("SELECT sequence, event_id FROM orchestration_events ORDER BY sequence");
    const stored = new Map(rows.map((row) => [row["sequence"], row["event_id"]]));
    for (const [sequence, eventId] of this.#seen) {
      if (stored.get(sequence) === eventId) continue;
      return this.#breaks(
        `saw ${eventId} at ${sequence}; the log holds ${stored.get(sequence) ?? "nothing"}.`,
      );
    }
    for (const [messageId, { shown }] of this.#words) {
      const [row] = disk.look("SELECT text FROM projection_thread_messages WHERE message_id = ?", messageId);
      // A revert has taken it away.
      if (row && row["text"] !== shown) {
        return this.#breaks(
          `joined ${messageId} as "${brief(shown)}"; stored is "${brief(String(row["text"]))}".`,
        );
      }
    }
  }

  #connection(slow: boolean, untilSynchronized = false): Effect.Effect<void, never, Subscriptions> {
    return Effect.gen({ self: this }, function* () {
      const { dice, trace } = this.#world;
      const subscriptions = yield* Subscriptions;
      for (const words of this.#words.values()) words.shown = words.shown.slice(0, words.stored);
      trace.add(this.#name, `connects at ${this.#cursor}`);
      const from = this.#cursor;
      const stream =
        this.#threadId === null
          ? subscriptions.subscribe(from)
          : subscriptions.subscribeThread(this.#threadId, from);
      let synchronized = false;
      yield* stream.pipe(
        Stream.takeUntil((item) => untilSynchronized && item.kind === "synchronized"),
        Stream.runForEach((item) =>
          Effect.suspend(() => {
            if (item.kind === "synchronized") {
              if (synchronized) this.#breaks("was told twice that it is synchronized.");
              synchronized = true;
            }
            this.#take(item);
            return slow ? Effect.sleep(dice.between(0, 200)) : Effect.void;
          }),
        ),
        Effect.catch((error) => Effect.sync(() => trace.add(this.#name, `lost: ${error._tag}`))),
      );
    });
  }

  #take(item: FeedItem): void {
    switch (item.kind) {
      case "event":
        return this.#event(item.event);
      case "delta":
        return this.#join(item.messageId, item.offset, item.text);
      case "reset":
        return this.#breaks(`was told to reset at ${this.#cursor}, with the head at ${item.headSequence}.`);
      case "synchronized":
        return;
    }
  }

  #event(event: EventEnvelope): void {
    const { sequence, eventId } = event;
    const expected = this.#threadId === null ? this.#cursor + 1 : this.#version + 1;
    const actual = this.#threadId === null ? sequence : event.streamVersion;
    if (actual !== expected || sequence <= this.#cursor) {
      this.#breaks(`got ${eventId} with sequence ${sequence}, ${actual} where ${expected} was to come.`);
    }
    const [stored] = this.#world.disk.look(
      "SELECT event_id FROM orchestration_events WHERE sequence = ?",
      sequence,
    );
    if (stored?.["event_id"] !== eventId) this.#breaks(`got ${eventId}, which is not on disk.`);
    this.#cursor = sequence;
    this.#version = event.streamVersion;
    this.#seen.push([sequence, eventId]);
    if (event.eventType === "thread.message-sent" && event.payload.role === "assistant") {
      const { messageId, offset, text } = event.payload;
      this.#join(messageId, offset, text);
      this.#wordsOf(messageId).stored = offset + text.length;
    }
    if (this.#threadId === null) this.#noteRequest(event);
  }

  #noteRequest(event: EventEnvelope): void {
    if (event.eventType === "thread.turn-queued") {
      const { threadId, turnId } = event.payload;
      this.#world.queued.push({ threadId, turnId });
    }
    if (event.eventType === "thread.approval-requested") {
      const { threadId, requestId } = event.payload;
      this.#world.requests.push({ threadId, requestId, kind: "approval" });
    }
    if (event.eventType === "thread.user-input-requested") {
      const { threadId, requestId } = event.payload;
      this.#world.requests.push({ threadId, requestId, kind: "user-input" });
    }
  }

  #wordsOf(messageId: MessageId): Words {
    const known = this.#words.get(messageId);
    if (known) return known;
    const words = { shown: "", stored: 0 };
    this.#words.set(messageId, words);
    return words;
  }

  #join(messageId: MessageId, offset: number, text: string): void {
    const words = this.#wordsOf(messageId);
    if (offset <= words.shown.length) words.shown += text.slice(words.shown.length - offset);
  }

  #breaks(message: string): void {
    this.#world.breaks("a-subscriber-sees-each-event-once", `${this.#name} ${message}`);
  }
}

const brief = (text: string): string => (text.length > 60 ? `${text.slice(0, 60)}… (${text.length})` : text);
