import { createHash } from "node:crypto";
import { assert, describe, it } from "@effect/vitest";
import { Blobs } from "@heddle/event-store/Blobs";
import { Effect } from "effect";
import { SqlClient } from "effect/sql";
import { TestClock } from "effect/testing";
import { logStats } from "../src/inspect/LogStats.ts";
import { freshStore, logged } from "./inspection-support.ts";

describe("what takes the space", () => {
  it.effect("is counted by type, by thread and by day, with tables, blobs and the rest", () =>
    Effect.gen(function* () {
      const log = yield* logged(
        { type: "project.created", at: "2026-02-01T00:00:00.000Z" },
        { type: "thread.message-sent", payload: { text: "x".repeat(500) }, at: "2026-02-02T23:59:59.999Z" },
        { type: "thread.message-sent", payload: { text: "🌍" }, at: "2026-02-03T00:00:00.000Z" },
        { type: "thread.archived", streamId: "t2", at: "2026-02-03T00:00:00.000Z" },
      );
      const bytes = log.map(({ payload }) => Buffer.byteLength(JSON.stringify(payload)));
      const [first = 0, second = 0, third = 0, fourth = 0] = bytes;
      const sql = yield* SqlClient.SqlClient;
      const content = Buffer.alloc(3000);
      const hash = createHash("sha256").update(content).digest("hex");
      yield* sql.withTransaction((yield* Blobs).insert([{ hash, content }]));
      const stats = yield* Effect.flatten(logStats(sql));
      assert.deepInclude(stats, {
        headSequence: 4,
        events: 4,
        payloadBytes: first + second + third + fourth,
        firstAt: "2026-02-01T00:00:00.000Z",
        lastAt: "2026-02-03T00:00:00.000Z",
        streams: 3,
        quarantined: 0,
      });
      assert.deepStrictEqual(stats.types[0], {
        eventType: "thread.message-sent",
        events: 2,
        payloadBytes: second + third,
      });
      assert.deepStrictEqual(stats.largestStreams[0], {
        aggregateKind: "thread",
        streamId: "t1",
        events: 2,
        payloadBytes: second + third,
      });
      assert.deepStrictEqual(stats.days, [
        { day: "2026-02-03", events: 2, payloadBytes: third + fourth },
        { day: "2026-02-02", events: 1, payloadBytes: second },
        { day: "2026-02-01", events: 1, payloadBytes: first },
      ]);
      assert.deepStrictEqual(stats.blobs, { count: 1, bytes: 3000, largest: [{ hash, bytes: 3000 }] });
      assert.deepInclude(
        stats.tables.find(({ name }) => name === "orchestration_events"),
        { rows: 4, bytes: 4096 },
      );
      const pages = stats.tables.reduce(
        (sum, { bytes: own, indexBytes }) => sum + (own ?? 0) + (indexBytes ?? 0),
        0,
      );
      // But for SQLite's own pages: its schema, and maps of pages.
      assert.isBelow(Math.abs(pages - stats.databaseBytes), 32_768);
    }).pipe(Effect.provide(freshStore)),
  );

  it.effect("is counted again only after some seconds", () =>
    Effect.gen(function* () {
      yield* logged({ type: "thread.archived" });
      const sql = yield* SqlClient.SqlClient;
      const stats = yield* logStats(sql);
      assert.strictEqual((yield* stats).events, 1);
      yield* sql`DELETE FROM orchestration_events`;
      assert.strictEqual((yield* stats).events, 1);
      yield* TestClock.adjust("11 seconds");
      assert.strictEqual((yield* stats).events, 0);
    }).pipe(Effect.provide(freshStore)),
  );

  it.effect("is nothing much in an empty log", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient;
      const stats = yield* Effect.flatten(logStats(sql));
      assert.deepInclude(stats, { events: 0, payloadBytes: 0, firstAt: null, lastAt: null, types: [] });
      assert.deepStrictEqual(stats.receipts, { accepted: 0, rejected: 0 });
    }).pipe(Effect.provide(freshStore)),
  );
});
