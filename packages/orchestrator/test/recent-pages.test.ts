import type { EventEnvelope } from "@heddle/contracts/Events";
import { EventId, ThreadId } from "@heddle/contracts/Ids";
import { Feed } from "../src/Feed.ts";
import { RecentPages } from "../src/RecentPages.ts";
import { assert, describe, it } from "@effect/vitest";
import { Effect } from "effect";

const A = ThreadId.make("a");
const B = ThreadId.make("b");

const event = (sequence: number, threadId: ThreadId): EventEnvelope => ({
  sequence,
  eventId: EventId.make(`e${sequence}`),
  aggregateKind: "thread",
  streamId: threadId,
  streamVersion: sequence,
  eventType: "thread.archived",
  eventVersion: 1,
  occurredAt: "2026-01-31T12:00:00.000Z",
  commandId: null,
  causationEventId: null,
  correlationId: null,
  actorKind: "client",
  metadata: {},
  payload: { threadId },
});

const fresh = Effect.map(Feed, (feed) => {
  feed.publish([event(1, A), event(2, B), event(3, A)]);
  return { feed, pages: new RecentPages(feed, { limit: 2, maxBytes: 1_048_576 }) };
}).pipe(Effect.provide(Feed.layer));

const sequences = (page: ReturnType<RecentPages["after"]>) =>
  page?.items.map((item) => (item.kind === "event" ? item.event.sequence : item.kind));

describe("a page of recent events", () => {
  it.effect("is the same for all who stand at the same place, until something is written", () =>
    Effect.map(fresh, ({ feed, pages }) => {
      const page = pages.after(A, 1);
      assert.strictEqual(pages.after(A, 1), page);
      feed.publish([event(4, A)]);
      assert.deepEqual(sequences(page), [3]);
      assert.deepEqual(sequences(pages.after(A, 2)), [3, 4]);
    }),
  );

  it.effect("is of one thread or of all, after its cursor, and says where to go on", () =>
    Effect.map(fresh, ({ pages }) => {
      assert.deepEqual(sequences(pages.after(A, 0)), [1]);
      assert.deepInclude(pages.after(A, 0), { end: 2, version: 1 });
      assert.deepEqual(sequences(pages.after(A, 2)), [3]);
      assert.deepInclude(pages.after(B, 2), { items: [], end: 3, version: undefined });
      assert.deepEqual(sequences(pages.after(null, 0)), [1, 2]);
      assert.deepEqual(sequences(pages.after(null, 2)), [3]);
    }),
  );

  it.effect("is not there where the ring does not reach back that far", () =>
    Effect.map(fresh, ({ feed, pages }) => {
      feed.publish([event(9, A)]);
      assert.isUndefined(pages.after(A, 3));
    }),
  );
});
