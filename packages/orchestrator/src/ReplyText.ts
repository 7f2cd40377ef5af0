/**
 * An agent's words go two ways: at once to whoever watches, and durably in segments, when about 4 KB or half a second
 * have gathered. Offsets (UTF-16 code units) let a reader join both without doubling a character.
 */
import type { MessageId, ThreadId } from "@heddle/contracts/Ids";
import { textHead } from "@heddle/event-store/TextHead";
import { Effect, Fiber, type Scope } from "effect";
import type { Feed } from "./Feed.ts";

const SEGMENT_CHARACTERS = 4096;
const SEGMENT_DELAY = "500 millis";
/** What comes at once may be longer; it is stored in segments of at most so many bytes of UTF-8. */
const MAX_SEGMENT_BYTES = 16 * 1024;

export interface Segment {
  readonly messageId: MessageId;
  readonly offset: number;
  readonly text: string;
  readonly last: boolean;
}

interface OpenMessage {
  readonly itemId: string;
  readonly messageId: MessageId;
  /** Characters that are stored. */
  stored: number;
  pending: string;
}

/** What has come of one of the agent's items: it is several messages where something else came between its words. */
interface Item {
  messages: number;
  characters: number;
}

/** What is pending, in pieces; the message ends with the last of them where `ends` says so. */
const segmentsOf = ({ messageId, stored, pending }: OpenMessage, ends: boolean): ReadonlyArray<Segment> => {
  const segments: Array<Segment> = [];
  let at = 0;
  do {
    const text = textHead(pending.slice(at, at + MAX_SEGMENT_BYTES), MAX_SEGMENT_BYTES);
    const offset = stored + at;
    at += text.length;
    segments.push({ messageId, offset, text, last: ends && at === pending.length });
  } while (at < pending.length);
  return segments;
};

export interface ReplyTextOptions<E> {
  readonly threadId: ThreadId;
  readonly feed: Feed["Service"];
  readonly scope: Scope.Scope;
  /** The id of the `part`-th message of an item, counted from 0. */
  readonly messageIdOf: (itemId: string, part: number) => MessageId;
  /** Puts a segment into the log. */
  readonly store: (segment: Segment) => Effect.Effect<void, E>;
  /** Runs the timed store; it must not run while another step of the session does. */
  readonly exclusively: (step: Effect.Effect<void, E>) => Effect.Effect<void>;
}

/** The words of one session's replies: one message at a time. */
export const makeReplyText = <E>(options: ReplyTextOptions<E>) => {
  const items = new Map<string, Item>();
  let open: OpenMessage | undefined;
  let latest: MessageId | null = null;
  let timer: Fiber.Fiber<void> | undefined;
  /** Segments that are not known to be stored: one whose store failed goes again as it was, before what comes after. */
  const unstored: Array<Segment> = [];

  const storeAll = Effect.gen(function* () {
    for (let next = unstored[0]; next; next = unstored[0]) {
      yield* options.store(next);
      unstored.shift();
    }
  });

  const storePending = Effect.suspend(() => {
    if (open && open.pending !== "") {
      unstored.push(...segmentsOf(open, false));
      open.stored += open.pending.length;
      open.pending = "";
    }
    return storeAll;
  });

  const stopTimer = Effect.suspend(() => {
    const running = timer;
    timer = undefined;
    return running ? Fiber.interrupt(running) : Effect.void;
  });

  const startTimer = Effect.suspend(() => {
    if (timer) return Effect.void;
    return Effect.sleep(SEGMENT_DELAY).pipe(
      Effect.andThen(
        options.exclusively(
          Effect.suspend(() => {
            timer = undefined;
            return storePending;
          }),
        ),
      ),
      Effect.forkIn(options.scope),
      Effect.map((fiber) => {
        timer = fiber;
      }),
    );
  });

  /** Ends the open message: what is left of it is stored as its last segment. */
  const complete = Effect.suspend(() => {
    if (!open) return Effect.void;
    unstored.push(...segmentsOf(open, true));
    open = undefined;
    return Effect.andThen(stopTimer, storeAll);
  });

  /** The message that takes the item's next words. */
  const openFor = (itemId: string): OpenMessage => {
    if (open?.itemId === itemId) return open;
    const item = items.get(itemId) ?? { messages: 0, characters: 0 };
    items.set(itemId, item);
    latest = options.messageIdOf(itemId, item.messages);
    item.messages += 1;
    open = { itemId, messageId: latest, stored: 0, pending: "" };
    return open;
  };

  const append = Effect.fnUntraced(function* (itemId: string, text: string) {
    if (open && open.itemId !== itemId) yield* complete;
    const message = openFor(itemId);
    const item = items.get(itemId);
    if (item) item.characters += text.length;
    const offset = message.stored + message.pending.length;
    message.pending += text;
    options.feed.publishDelta({ threadId: options.threadId, messageId: message.messageId, offset, text });
    if (message.pending.length >= SEGMENT_CHARACTERS) yield* storePending;
    else yield* startTimer;
  });

  return {
    /** More words of an item. Words of another one end the message before. */
    append: (itemId: string, text: string) => (text === "" ? Effect.void : append(itemId, text)),
    /**
     * The item is whole. `text`, where the agent repeats it, adds only what had not come yet; an item that was never
     * streamed comes as one message.
     */
    finish: Effect.fnUntraced(function* (itemId: string, text: string | undefined) {
      const missing = text?.slice(items.get(itemId)?.characters ?? 0) ?? "";
      if (missing !== "") yield* append(itemId, missing);
      if (open?.itemId === itemId) yield* complete;
    }),
    complete,
    /** The message that was begun last in this turn. */
    latestMessageId: () => latest,
    /** A turn begins: its items are counted anew. */
    reset: () => {
      items.clear();
      latest = null;
    },
  };
};
