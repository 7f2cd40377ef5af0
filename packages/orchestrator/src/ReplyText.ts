/**
 * An agent's words go two ways: at once to whoever watches, and durably in segments, when about 4 KB or half a second
 * have gathered. Offsets (UTF-16 code units) let a reader join both without doubling a character.
 */
import type { MessageId, ThreadId } from "@heddle/contracts/Ids";
import { Effect, Fiber, type Scope } from "effect";
import type { Feed } from "./Feed.ts";

const SEGMENT_CHARACTERS = 4096;
const SEGMENT_DELAY = "500 millis";

export interface Segment {
  readonly messageId: MessageId;
  readonly offset: number;
  readonly text: string;
  readonly last: boolean;
}

interface OpenMessage {
  readonly messageId: MessageId;
  /** Characters that are stored. */
  stored: number;
  pending: string;
}

/** The words of one session's replies: one message at a time. `store` puts a segment into the log. */
export const makeReplyText = <E>(options: {
  readonly threadId: ThreadId;
  readonly feed: Feed["Service"];
  readonly scope: Scope.Scope;
  readonly store: (segment: Segment) => Effect.Effect<void, E>;
  /** Runs the timed store; it must not run while another step of the session does. */
  readonly exclusively: (step: Effect.Effect<void, E>) => Effect.Effect<void>;
}) => {
  let open: OpenMessage | undefined;
  let timer: Fiber.Fiber<void> | undefined;

  const storePending = Effect.suspend(() => {
    if (!open || open.pending === "") return Effect.void;
    const segment = { messageId: open.messageId, offset: open.stored, text: open.pending, last: false };
    open.stored += open.pending.length;
    open.pending = "";
    return options.store(segment);
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
    const segment = { messageId: open.messageId, offset: open.stored, text: open.pending, last: true };
    open = undefined;
    return Effect.andThen(stopTimer, options.store(segment));
  });

  return {
    /** More words of a message. Words of another message end the one before. */
    append: Effect.fnUntraced(function* (messageId: MessageId, text: string) {
      if (open?.messageId !== messageId) {
        yield* complete;
        open = { messageId, stored: 0, pending: "" };
      }
      if (text === "") return;
      const offset = open.stored + open.pending.length;
      open.pending += text;
      options.feed.publishDelta({ threadId: options.threadId, messageId, offset, text });
      if (open.pending.length >= SEGMENT_CHARACTERS) yield* storePending;
      else yield* startTimer;
    }),
    /**
     * The message is whole. `text`, where the agent repeats it, adds only what had not come yet; a message that was never
     * streamed comes as one.
     */
    finish: Effect.fnUntraced(function* (messageId: MessageId, text: string | undefined) {
      if (open?.messageId !== messageId) {
        if (text === undefined) return;
        yield* complete;
        open = { messageId, stored: 0, pending: "" };
      }
      const known = open.stored + open.pending.length;
      if (text !== undefined && text.length > known) open.pending += text.slice(known);
      yield* complete;
    }),
    complete,
  };
};
