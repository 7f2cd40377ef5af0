import { EventRing, sizeOf } from "../src/EventRing.ts";
import type { EventEnvelope } from "@heddle/contracts/Events";
import { EventId, ThreadId } from "@heddle/contracts/Ids";
import { assert, describe, it } from "vitest";

const event = (sequence: number, title = "Title"): EventEnvelope => ({
  sequence,
  eventId: EventId.make(`e${sequence}`),
  aggregateKind: "thread",
  streamId: "t",
  streamVersion: sequence,
  eventType: "thread.meta-updated",
  eventVersion: 1,
  occurredAt: "2026-01-31T12:00:00.000Z",
  commandId: null,
  causationEventId: null,
  correlationId: null,
  actorKind: "client",
  metadata: {},
  payload: { threadId: ThreadId.make("t"), title },
});

const events = (from: number, to: number, title?: string) =>
  Array.from({ length: to - from + 1 }, (_, index) => event(from + index, title));

const sequences = (page: ReadonlyArray<EventEnvelope> | undefined) => page?.map(({ sequence }) => sequence);

const MANY = { limit: 1000, maxBytes: 1_048_576 };
const LARGE = "x".repeat(1000);

describe("the ring of recent events", () => {
  it("gives the events after a sequence, and none where it does not reach back that far", () => {
    const ring = new EventRing();
    assert.isUndefined(ring.after(0, MANY));
    ring.push(events(5, 9));
    assert.deepEqual(sequences(ring.after(4, MANY)), [5, 6, 7, 8, 9]);
    assert.deepEqual(sequences(ring.after(7, MANY)), [8, 9]);
    assert.deepEqual(sequences(ring.after(9, MANY)), []);
    assert.isUndefined(ring.after(3, MANY));
  });

  it("ends a page at its number of events, and at its size, but gives one at least", () => {
    const ring = new EventRing();
    ring.push([...events(1, 4), ...events(5, 9, LARGE)]);
    assert.deepEqual(sequences(ring.after(0, { ...MANY, limit: 3 })), [1, 2, 3]);
    assert.deepEqual(sequences(ring.after(3, { ...MANY, maxBytes: 2500 })), [4, 5, 6]);
    assert.deepEqual(sequences(ring.after(5, { ...MANY, maxBytes: 10 })), [6]);
  });

  it("keeps at most twice its number of events, the newest", () => {
    const ring = new EventRing({ events: 10, bytes: 1_048_576 });
    for (let sequence = 1; sequence <= 100; sequence += 1) {
      ring.push([event(sequence)]);
      assert.isDefined(ring.after(Math.max(0, sequence - 10), MANY));
    }
    assert.isUndefined(ring.after(100 - 21, MANY));
  });

  it("keeps at most twice its size, the newest", () => {
    const ring = new EventRing({ events: 4096, bytes: 10 * sizeOf(event(1, LARGE).payload) });
    for (let sequence = 1; sequence <= 100; sequence += 1) {
      ring.push([event(sequence, LARGE)]);
      assert.isDefined(ring.after(Math.max(0, sequence - 10), MANY));
    }
    assert.isUndefined(ring.after(100 - 21, MANY));
  });

  it("does not join events between which one is missing", () => {
    const ring = new EventRing();
    ring.push(events(1, 3));
    ring.push(events(5, 6));
    assert.isUndefined(ring.after(2, MANY));
    assert.deepEqual(sequences(ring.after(4, MANY)), [5, 6]);
  });

  it("knows about how long an event's payload is in JSON", () => {
    for (const title of ["", "Title", LARGE]) {
      const { payload } = event(1, title);
      assert.closeTo(sizeOf(payload), JSON.stringify(payload).length, 10);
    }
  });
});
