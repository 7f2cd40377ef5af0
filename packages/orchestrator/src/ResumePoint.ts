/** From where a thread's session goes on: its own session before, or, in a fork that has none, its source's. */
import type { EventType } from "@heddle/contracts/Events";
import type { ThreadId } from "@heddle/contracts/Ids";
import type { ThreadSummary } from "@heddle/contracts/ReadModel";
import type { EventStore } from "@heddle/event-store/EventStore";
import type { SessionRuntime } from "@heddle/event-store/SessionRuntime";
import type { Queries } from "@heddle/projections/Queries";
import { Effect, type Schema } from "effect";
import type { ResumedFrom } from "./LiveSession.ts";

type ForkedFrom = NonNullable<ThreadSummary["forkedFrom"]>;

/** After these, the source's agent knows something else than the fork shows. */
const GOES_ON: ReadonlySet<EventType> = new Set<EventType>([
  "thread.turn-started",
  "thread.turn-completed",
  "thread.reverted",
  "thread.deleted",
]);
/** A source that has gone on for longer than this is taken to have had a turn. */
const EVENTS_SINCE = 200;

export const makeResumePoint = (
  runtime: SessionRuntime["Service"],
  queries: Queries["Service"],
  store: EventStore["Service"],
) => {
  /** Whether the source's agent remembers what the fork shows, and no more. */
  const isAsForked = Effect.fnUntraced(function* (
    threadId: ThreadId,
    { threadId: sourceId, turnCount }: ForkedFrom,
  ) {
    if (turnCount === 0 || (yield* queries.turnCount(sourceId)) !== turnCount) return false;
    const source = yield* queries.thread(sourceId);
    if (!source || (source.session && source.session.activeTurnId !== null)) return false;
    const [created] = (yield* store.readStream({
      aggregateKind: "thread",
      streamId: threadId,
      fromVersionExclusive: 0,
      limit: 1,
    })).events;
    if (created?.eventType !== "thread.created") return false;
    const since = yield* store.readStream({
      aggregateKind: "thread",
      streamId: sourceId,
      fromVersionExclusive: yield* store.streamVersionAt("thread", sourceId, created.sequence),
      limit: EVENTS_SINCE,
    });
    return (
      since.events.length < EVENTS_SINCE && !since.events.some(({ eventType }) => GOES_ON.has(eventType))
    );
  });

  return Effect.fn("resumePoint")(function* (thread: ThreadSummary, provider: string) {
    const own = yield* runtime.latest(thread.threadId);
    if (own) return own.providerName === provider ? from(own.resumeCursor, false) : undefined;
    if (thread.forkedFrom === null) return undefined;
    const source = yield* runtime.latest(thread.forkedFrom.threadId);
    if (source?.providerName !== provider || source.resumeCursor === null) return undefined;
    return (yield* isAsForked(thread.threadId, thread.forkedFrom))
      ? from(source.resumeCursor, true)
      : undefined;
  });
};

const from = (cursor: Schema.Json, fork: boolean): ResumedFrom | undefined =>
  cursor === null ? undefined : { cursor, fork };
