import { assert, describe, it } from "@effect/vitest";
import { Effect } from "effect";
import { SqlClient, SqlError } from "effect/sql";
import type { ProjectedEvent } from "@heddle/contracts/Events";
import { EventId } from "@heddle/contracts/Ids";
import { EventStore, StreamVersionConflict } from "../src/EventStore.ts";
import { append, archived, archivedMany, AT, envelope, freshStore } from "./support.ts";

const all = { fromSequenceExclusive: 0, limit: 1000 };

describe("the log", () => {
  it.effect("is empty at first", () =>
    Effect.gen(function* () {
      const store = yield* EventStore;
      assert.strictEqual(yield* store.head, 0);
      assert.deepStrictEqual(yield* store.readAll(all), {
        events: [],
        unreadable: [],
        last: undefined,
        characters: 0,
        atEnd: true,
      });
      assert.isUndefined(yield* store.readById(EventId.make("event-1")));
    }).pipe(Effect.provide(freshStore)),
  );

  it.effect("gives back what was appended, in order, field by field", () =>
    Effect.gen(function* () {
      const store = yield* EventStore;
      const events = [
        envelope(
          "project.created",
          {
            projectId: "p1",
            title: "Loom",
            workspaceRoot: "/work",
            defaultModel: { provider: "codex", model: "gpt-5" },
            createdAt: "2026-01-31T12:00:00.000Z",
          },
          { sequence: 1, streamId: "p1", streamVersion: 1 },
        ),
        {
          ...archived({ sequence: 2, streamId: "t1", streamVersion: 1 }),
          commandId: null,
          causationEventId: EventId.make("event-1"),
          correlationId: "command-1",
          actorKind: "provider" as const,
        },
      ];
      yield* append(...events);
      assert.deepStrictEqual((yield* store.readAll(all)).events, events);
      assert.strictEqual(yield* store.head, 2);
      assert.deepStrictEqual(yield* store.readById(EventId.make("event-2")), events[1]);
    }).pipe(Effect.provide(freshStore)),
  );

  it.effect("is read in pages, each of which says where it ends and whether more stood behind it", () =>
    Effect.gen(function* () {
      const store = yield* EventStore;
      yield* append(...archivedMany(150));
      const sequences = (from: number, limit: number) =>
        Effect.map(store.readAll({ fromSequenceExclusive: from, limit }), (page) =>
          page.events.map((event) => event.sequence),
        );
      assert.deepStrictEqual(yield* sequences(0, 3), [1, 2, 3]);
      assert.deepStrictEqual(yield* sequences(3, 3), [4, 5, 6]);
      assert.deepStrictEqual(yield* sequences(148, 3), [149, 150]);
      assert.deepStrictEqual(yield* sequences(150, 3), []);
      assert.deepStrictEqual(
        yield* sequences(0, 1000),
        Array.from({ length: 150 }, (_, index) => index + 1),
      );
      const ends = (from: number, limit: number) =>
        Effect.map(store.readAll({ fromSequenceExclusive: from, limit }), ({ last, atEnd }) => [
          last?.sequence,
          atEnd,
        ]);
      assert.deepStrictEqual(yield* ends(0, 3), [3, false]);
      assert.deepStrictEqual(yield* ends(148, 3), [150, true]);
      assert.deepStrictEqual(yield* ends(150, 3), [undefined, true]);
    }).pipe(Effect.provide(freshStore)),
  );

  it.effect("gives projectors the same pages, of what they need of an event", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient;
      const store = yield* EventStore;
      yield* append(...archivedMany(9));
      yield* sql`UPDATE orchestration_events SET event_type = 'thread.teleported' WHERE sequence IN (2, 9)`;
      for (const request of [all, { fromSequenceExclusive: 3, limit: 2 }, { ...all, maxBytes: 100 }]) {
        const { events, ...page } = yield* store.readAll(request);
        assert.deepStrictEqual(yield* store.readProjected(request), {
          ...page,
          events: events.map(({ sequence, eventId, streamId, eventType, occurredAt, payload }) => {
            const event = { sequence, eventId, streamId, eventType, occurredAt, payload };
            return event as ProjectedEvent;
          }),
        });
      }
    }).pipe(Effect.provide(freshStore)),
  );

  it.effect("is read in pages that end at a number of bytes, with one event at least", () =>
    Effect.gen(function* () {
      const store = yield* EventStore;
      const said = (sequence: number, length: number) =>
        envelope(
          "thread.message-sent",
          {
            threadId: "t1",
            messageId: "m1",
            turnId: null,
            role: "assistant",
            text: "x".repeat(length),
            offset: 0,
            streaming: true,
            attachments: [],
            createdAt: AT,
          },
          { sequence },
        );
      yield* append(said(1, 10), said(2, 10_000), said(3, 100), said(4, 100));
      const pages = [];
      for (let from = 0, atEnd = false; !atEnd;) {
        const page = yield* store.readAll({ fromSequenceExclusive: from, limit: 100, maxBytes: 1000 });
        pages.push(page.events.map((event) => event.sequence));
        from = page.last?.sequence ?? from;
        atEnd = page.atEnd;
      }
      assert.deepStrictEqual(pages, [[1], [2], [3, 4]]);
    }).pipe(Effect.provide(freshStore)),
  );
});

describe("a stream", () => {
  const mixed = [
    archived({ sequence: 1, streamId: "a", streamVersion: 1 }),
    archived({ sequence: 2, streamId: "b", streamVersion: 1 }),
    archived({ sequence: 3, streamId: "a", streamVersion: 2 }),
    envelope("project.deleted", { projectId: "a" }, { sequence: 4, streamId: "a", streamVersion: 1 }),
    archived({ sequence: 5, streamId: "a", streamVersion: 3 }),
  ];

  it.effect("is read by version, without the events of others, a project of the same id among them", () =>
    Effect.gen(function* () {
      const store = yield* EventStore;
      yield* append(...mixed);
      const read = (
        fromVersionExclusive: number,
        limit: number,
        aggregateKind: "thread" | "project" = "thread",
      ) =>
        Effect.map(store.readStream({ aggregateKind, streamId: "a", fromVersionExclusive, limit }), (page) =>
          page.events.map((event) => event.sequence),
        );
      assert.deepStrictEqual(yield* read(0, 10), [1, 3, 5]);
      assert.deepStrictEqual(yield* read(0, 2), [1, 3]);
      assert.deepStrictEqual(yield* read(2, 2), [5]);
      assert.deepStrictEqual(yield* read(3, 2), []);
      assert.deepStrictEqual(yield* read(0, 10, "project"), [4]);
    }).pipe(Effect.provide(freshStore)),
  );

  it.effect("has the version of its last event up to a sequence, and 0 before its first", () =>
    Effect.gen(function* () {
      const store = yield* EventStore;
      yield* append(...mixed);
      const versions = yield* Effect.forEach([0, 1, 2, 3, 4, 5, 99], (sequence) =>
        store.streamVersionAt("thread", "a", sequence),
      );
      assert.deepStrictEqual(versions, [0, 1, 1, 2, 2, 3, 3]);
      assert.strictEqual(yield* store.streamVersionAt("thread", "b", 1), 0);
      assert.strictEqual(yield* store.streamVersionAt("thread", "unknown", 99), 0);
    }).pipe(Effect.provide(freshStore)),
  );
});

describe("an append fails with StreamVersionConflict, and nothing of it is written,", () => {
  it.effect.each([
    [
      "where the stream has moved on",
      [
        archived({ sequence: 4, streamVersion: 4 }),
        archived({ sequence: 5, streamVersion: 3, eventId: "new" }),
      ],
    ],
    [
      "where a sequence is taken",
      [archived({ sequence: 4 }), archived({ sequence: 3, streamVersion: 5, eventId: "new" })],
    ],
    [
      "where another writer took the very places",
      [archived({ sequence: 3, streamVersion: 3, eventId: "new" }), archived({ sequence: 4 })],
    ],
    [
      "where an event id is taken",
      [archived({ sequence: 4 }), archived({ sequence: 5, eventId: "event-1" })],
    ],
    [
      "where it meets itself",
      [archived({ sequence: 4 }), archived({ sequence: 5, streamVersion: 4 }), ...archivedMany(70).slice(5)],
    ],
  ] as const)("%s", ([, events]) =>
    Effect.gen(function* () {
      const store = yield* EventStore;
      const before = archivedMany(3);
      yield* append(...before);
      const failure = yield* Effect.flip(append(...events));
      assert.instanceOf(failure, StreamVersionConflict);
      assert.deepStrictEqual((yield* store.readAll(all)).events, before);
      yield* append(archived({ sequence: 4 }));
      assert.strictEqual(yield* store.head, 4);
    }).pipe(Effect.provide(freshStore)),
  );

  it.effect("but a broken rule of the table is not one", () =>
    Effect.gen(function* () {
      const failure = yield* Effect.flip(append(archived({ sequence: 1, streamVersion: 0 })));
      assert.instanceOf(failure, SqlError.SqlError);
    }).pipe(Effect.provide(freshStore)),
  );
});

describe("a row that this version cannot read", () => {
  const undecodable = [
    ["is of an unknown type", "event_type = 'thread.teleported'", "thread.teleported", /does not know/],
    ["has another payload than its type", `payload_json = '{"threadId":1}'`, "thread.archived", /threadId/],
    ["is no JSON", "payload_json = '{'", "thread.archived", /JSON/],
    ["has metadata of another form", `metadata_json = '{"adapterKey":1}'`, "thread.archived", /adapterKey/],
  ] as const;

  it.effect.each(undecodable)(
    "%s: it is left out of pages, and named with its sequence, its type and the reason",
    ([, broken, eventType, reason]) =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient;
        const store = yield* EventStore;
        yield* append(...archivedMany(3));
        yield* sql.unsafe(`UPDATE orchestration_events SET ${broken} WHERE sequence = 2`);
        const stream = {
          aggregateKind: "thread",
          streamId: "t1",
          fromVersionExclusive: 0,
          limit: 10,
        } as const;
        for (const page of [yield* store.readAll(all), yield* store.readStream(stream)]) {
          assert.deepStrictEqual(
            page.events.map(({ sequence }) => sequence),
            [1, 3],
          );
          assert.lengthOf(page.unreadable, 1);
          assert.deepInclude(
            { ...page.unreadable[0] },
            {
              _tag: "UndecodableEvent",
              sequence: 2,
              aggregateKind: "thread",
              streamId: "t1",
              eventType,
              eventVersion: 1,
            },
          );
          assert.match(page.unreadable[0]?.reason ?? "", reason);
        }
        const failure = yield* Effect.flip(store.readById(EventId.make("event-2")));
        assert.include(failure.message, "Event 2");
        // A page of nothing else still says where to go on.
        const { events, last, atEnd } = yield* store.readAll({ fromSequenceExclusive: 1, limit: 1 });
        assert.deepStrictEqual(
          { events, last, atEnd },
          {
            events: [],
            last: { sequence: 2, streamVersion: 2 },
            atEnd: false,
          },
        );
      }).pipe(Effect.provide(freshStore)),
  );
});
