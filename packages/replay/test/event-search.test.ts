import { assert, describe, it } from "@effect/vitest";
import { eventMatcher } from "@heddle/client/EventMatcher";
import type { EventType } from "@heddle/contracts/Events";
import { ProjectId, ThreadId } from "@heddle/contracts/Ids";
import { EventFilter } from "@heddle/contracts/InspectionRpc";
import { Effect, Schema } from "effect";
import { SqlClient } from "effect/sql";
import fc from "fast-check";
import { eventSearch } from "../src/inspect/EventSearch.ts";
import { freshStore, logged, type Made, searchAll } from "./inspection-support.ts";

const message = (text: string, more: Partial<Made> = {}): Made => ({
  type: "thread.message-sent",
  payload: { text },
  ...more,
});

const found = (filter: EventFilter) => Effect.map(searchAll({ filter }), ({ sequences }) => sequences);

describe("a search of the log", () => {
  it.effect("finds the events that fit all that is given", () =>
    Effect.gen(function* () {
      yield* logged(
        { type: "project.created", streamId: "p1" },
        { type: "thread.created", streamId: "t1" },
        { type: "thread.created", streamId: "t2", payload: { projectId: "p2" } },
        { type: "thread.turn-started", streamId: "t1", actor: "server", command: "b", correlation: "a" },
        { type: "thread.turn-completed", streamId: "t1", actor: "provider", command: "c", correlation: "a" },
        { type: "thread.turn-started", streamId: "t2", actor: "server" },
      );
      assert.deepStrictEqual(yield* found({}), [1, 2, 3, 4, 5, 6]);
      assert.deepStrictEqual(yield* found({ threadId: ThreadId.make("t1") }), [2, 4, 5]);
      assert.deepStrictEqual(yield* found({ projectId: ProjectId.make("p1") }), [1, 2, 4, 5]);
      assert.deepStrictEqual(yield* found({ projectId: ProjectId.make("p2") }), [3, 6]);
      assert.deepStrictEqual(yield* found({ stream: { aggregateKind: "project", streamId: "p1" } }), [1]);
      assert.deepStrictEqual(yield* found({ types: ["thread.turn-*"] }), [4, 5, 6]);
      assert.deepStrictEqual(yield* found({ types: ["project.created", "thread.turn-completed"] }), [1, 5]);
      assert.deepStrictEqual(yield* found({ actor: "server" }), [4, 6]);
      assert.deepStrictEqual(yield* found({ commandId: "c" }), [5]);
      assert.deepStrictEqual(yield* found({ correlationId: "a" }), [4, 5]);
      assert.deepStrictEqual(yield* found({ fromSequence: 2, toSequence: 4 }), [2, 3, 4]);
      assert.deepStrictEqual(
        yield* found({ types: ["thread.turn-started"], threadId: ThreadId.make("t2") }),
        [6],
      );
      assert.deepStrictEqual(yield* found({ correlationId: "a", threadId: ThreadId.make("t2") }), []);
    }).pipe(Effect.provide(freshStore)),
  );

  it.effect("looks for words in the values of a payload, not in names, and takes A to Z as a to z", () =>
    Effect.gen(function* () {
      yield* logged(
        message("Permission DENIED"),
        message('it said "no" and C:\\temp\nthen'),
        message("100% of _all_ Été 🌍"),
        { type: "thread.activity-appended", payload: { detail: { deep: [{ said: "permission" }] } } },
        message("nothing", { type: "thread.message-sent" }),
      );
      assert.deepStrictEqual(yield* found({ text: "permission" }), [1, 4]);
      assert.deepStrictEqual(yield* found({ text: "denied" }), [1]);
      assert.deepStrictEqual(yield* found({ text: '"no"' }), [2]);
      assert.deepStrictEqual(yield* found({ text: "C:\\TEMP\nTHEN" }), [2]);
      assert.deepStrictEqual(yield* found({ text: "100%" }), [3]);
      assert.deepStrictEqual(yield* found({ text: "0_ of" }), []);
      assert.deepStrictEqual(yield* found({ text: "_ALL_" }), [3]);
      assert.deepStrictEqual(yield* found({ text: "Été 🌍" }), [3]);
      assert.deepStrictEqual(yield* found({ text: "été" }), []);
      // A field's name, what stands between fields, and the letter of an escape.
      assert.deepStrictEqual(yield* found({ text: "messageId" }), []);
      assert.deepStrictEqual(yield* found({ text: '":"' }), []);
      assert.deepStrictEqual(yield* found({ text: "temp\\nthen" }), []);
    }).pipe(Effect.provide(freshStore)),
  );

  it.effect("gives the newest first where that is asked for, and goes on behind its cursor", () =>
    Effect.gen(function* () {
      yield* logged(...Array.from({ length: 10 }, (_, index) => message(`${index}`)));
      const search = eventSearch(yield* SqlClient.SqlClient);
      const first = yield* search({ filter: {}, order: "newest", limit: 4 });
      assert.deepStrictEqual(
        first.events.map(({ sequence }) => sequence),
        [10, 9, 8, 7],
      );
      assert.strictEqual(first.nextCursor, 7);
      assert.strictEqual(first.headSequence, 10);
      const rest = yield* searchAll({ filter: {}, order: "newest", limit: 4 });
      assert.deepStrictEqual(rest.sequences, [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
    }).pipe(Effect.provide(freshStore)),
  );

  it.effect("that finds nothing looks at a bounded number of rows, and says how far it got", () =>
    Effect.gen(function* () {
      yield* logged(...Array.from({ length: 100 }, (_, index) => message(`${index}`)));
      const search = eventSearch(yield* SqlClient.SqlClient, {
        rows: 30,
        milliseconds: 60_000,
        batch: 8,
        bytes: 1e6,
      });
      const page = yield* search({ filter: { text: "absent" }, order: "oldest", limit: 10 });
      assert.deepStrictEqual(
        { ...page, events: page.events.length },
        { events: 0, unreadable: [], examined: 30, headSequence: 100, nextCursor: 30 },
      );
      const back = yield* search({ filter: { text: "absent" }, order: "newest", limit: 10 });
      assert.strictEqual(back.nextCursor, 71);
    }).pipe(Effect.provide(freshStore)),
  );

  it.live("that has taken long enough looks at no more", () =>
    Effect.gen(function* () {
      yield* logged(...Array.from({ length: 100 }, (_, index) => message(`${index}`)));
      const search = eventSearch(yield* SqlClient.SqlClient, {
        rows: 1000,
        milliseconds: 0,
        batch: 8,
        bytes: 1e6,
      });
      const page = yield* search({ filter: { text: "absent" }, order: "oldest", limit: 10 });
      assert.strictEqual(page.nextCursor, 8);
      assert.strictEqual(page.examined, 8);
    }).pipe(Effect.provide(freshStore)),
  );

  it.effect("ends a page where its payloads come to more than it may hold, but gives one event", () =>
    Effect.gen(function* () {
      yield* logged(...Array.from({ length: 6 }, () => message("x".repeat(1000))));
      const search = eventSearch(yield* SqlClient.SqlClient, {
        rows: 1000,
        milliseconds: 60_000,
        batch: 100,
        bytes: 2000,
      });
      const page = yield* search({ filter: {}, order: "oldest", limit: 100 });
      assert.strictEqual(page.events.length, 2);
      assert.deepStrictEqual((yield* searchAll({ filter: {} }, { bytes: 10 })).sequences, [1, 2, 3, 4, 5, 6]);
    }).pipe(Effect.provide(freshStore)),
  );

  it.effect("gives apart what cannot be read, with the reason", () =>
    Effect.gen(function* () {
      yield* logged(message("a"), message("b"), message("c"));
      const sql = yield* SqlClient.SqlClient;
      yield* sql`UPDATE orchestration_events SET event_version = 9 WHERE sequence = 2`;
      const page = yield* eventSearch(sql)({ filter: {}, order: "oldest", limit: 100 });
      assert.deepStrictEqual(
        page.events.map(({ sequence }) => sequence),
        [1, 3],
      );
      assert.lengthOf(page.unreadable, 1);
      assert.include(page.unreadable[0]?.reason, "a newer Heddle wrote it");
      assert.isNull(page.nextCursor);
    }).pipe(Effect.provide(freshStore)),
  );

  it.effect("finds the threads of a project whatever damaged event stands beside theirs", () =>
    Effect.gen(function* () {
      yield* logged({ type: "thread.created" }, { type: "thread.created", streamId: "t2" });
      const sql = yield* SqlClient.SqlClient;
      yield* sql`UPDATE orchestration_events SET payload_json = '{"projectId' WHERE sequence = 2`;
      assert.deepStrictEqual(yield* found({ projectId: ProjectId.make("p1") }), [1]);
    }).pipe(Effect.provide(freshStore)),
  );
});

const STREAMS = ["t1", "t2", "t3"];
const TYPES: ReadonlyArray<EventType> = [
  "project.meta-updated",
  "thread.archived",
  "thread.message-sent",
  "thread.turn-started",
  "thread.activity-appended",
];
const words = fc.string({
  unit: fc.constantFrom("a", "A", "É", "é", "%", "_", "\\", '"', "\n", "n", "🌍", "m1", "1", " "),
  maxLength: 6,
});
const START = Date.UTC(2026, 1, 3);
const MINUTE = 60_000;

const anyEvent = fc.record({
  type: fc.constantFrom(...TYPES),
  streamId: fc.constantFrom(...STREAMS),
  command: fc.constantFrom("c1", "c2", "c3"),
  correlation: fc.constantFrom("c1", "c2"),
  actor: fc.constantFrom("client" as const, "server" as const, "provider" as const),
  text: words,
  /** The clock goes on, and is set back at times by less than an hour. */
  minutes: fc.integer({ min: -55, max: 90 }),
});

const anyLog = fc.array(anyEvent, { maxLength: 60 }).map((events): ReadonlyArray<Made> => {
  let latest = START;
  const created = STREAMS.map((streamId, index): Made => ({
    type: "thread.created",
    streamId,
    payload: { projectId: index === 2 ? "p2" : "p1" },
    at: new Date(START).toISOString(),
  }));
  return [
    ...created,
    ...events.map(({ minutes, text, type, streamId, command, correlation, actor }, index): Made => {
      const at = latest + minutes * MINUTE;
      latest = Math.max(latest, at);
      const inProject = type === "project.meta-updated";
      return {
        type,
        streamId: inProject ? streamId.replace("t", "p") : streamId,
        command: `${command}-${index}`,
        correlation,
        actor,
        at: new Date(at).toISOString(),
        payload:
          type === "thread.message-sent"
            ? { text }
            : type === "thread.activity-appended"
              ? { summary: "s", detail: { [text]: [1, { said: text }] } }
              : inProject
                ? { title: text }
                : {},
      };
    }),
  ];
});

const moment = fc
  .integer({ min: -60, max: 3000 })
  .map((minutes) => new Date(START + minutes * MINUTE).toISOString());
const key = <A>(values: fc.Arbitrary<A>) => fc.option(values, { nil: undefined, freq: 2 });
const anyFilter = fc
  .record({
    stream: key(
      fc.record({
        aggregateKind: fc.constantFrom("thread", "project"),
        streamId: fc.constantFrom("t1", "p1"),
      }),
    ),
    threadId: key(fc.constantFrom("t1", "t2", "t9")),
    projectId: key(fc.constantFrom("p1", "p2", "p9")),
    types: key(
      fc.array(
        fc.constantFrom(
          "thread.*",
          "thread.turn-*",
          "*-updated",
          "thread.archived",
          "thread.message-sent",
          "no.such",
        ),
        { minLength: 1, maxLength: 3 },
      ),
    ),
    actor: key(fc.constantFrom("client", "server", "provider")),
    commandId: key(fc.constantFrom("c1-0", "c2-3", "c3-5")),
    correlationId: key(fc.constantFrom("c1", "c2")),
    since: key(moment),
    until: key(moment),
    fromSequence: key(fc.integer({ min: 0, max: 70 })),
    toSequence: key(fc.integer({ min: 0, max: 70 })),
    text: key(words.filter((text) => text !== "")),
  })
  // Of all keys at once, hardly anything would be found.
  .chain((whole) =>
    fc
      .subarray(Object.entries(whole), { maxLength: 3 })
      .map((entries) => Object.fromEntries(entries.filter(([, value]) => value !== undefined))),
  )
  .map((plain) => Schema.decodeUnknownSync(EventFilter)(plain));

describe("the filter of a search and that of a feed", () => {
  it.live(
    "mean the same events, in both orders and however the pages fall, also in a log with holes",
    () =>
      Effect.promise(() =>
        fc.assert(
          fc.asyncProperty(
            anyLog,
            fc.array(anyFilter, { minLength: 8, maxLength: 8 }),
            fc.boolean(),
            fc.integer({ min: 1, max: 9 }),
            (made, filters, prune, batch) =>
              Effect.gen(function* () {
                const whole = yield* logged(...made);
                const sql = yield* SqlClient.SqlClient;
                if (prune) yield* sql`DELETE FROM orchestration_events WHERE stream_id = 't2'`;
                const log = prune ? whole.filter(({ streamId }) => streamId !== "t2") : whole;
                for (const filter of filters) {
                  const expected = log.filter(eventMatcher(filter)).map(({ sequence }) => sequence);
                  const bounds = { batch, rows: 3 * batch };
                  const oldest = yield* searchAll({ filter, limit: 1 + (batch % 4) }, bounds);
                  assert.deepStrictEqual(oldest.sequences, expected, JSON.stringify(filter));
                  const newest = yield* searchAll({ filter, order: "newest", limit: 3 }, bounds);
                  assert.deepStrictEqual(newest.sequences, expected.toReversed(), JSON.stringify(filter));
                }
              }).pipe(Effect.provide(freshStore), Effect.runPromise),
          ),
          { numRuns: 60 },
        ),
      ),
    120_000,
  );
});
