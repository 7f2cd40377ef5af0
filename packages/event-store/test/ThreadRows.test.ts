import { assert, describe, it } from "@effect/vitest";
import { Effect } from "effect";
import { SqlClient } from "effect/sql";
import { EventStore } from "../src/EventStore.ts";
import { threadParts, threadTables } from "../src/ThreadRows.ts";
import { append, archived, AT, freshStore } from "./support.ts";

const thread = {
  threadId: "t1",
  firstSequence: 1,
  lastSequence: 5,
  eventCount: 5,
  archive: null,
  checkpointsIn: null,
  prunedAt: AT,
};

describe("the rows of a thread", () => {
  it.effect("are in every table with a column thread_id, each with an index that begins with it", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient;
      const tables = yield* threadTables(sql);
      const names = tables.map(({ name }) => name);
      assert.includeMembers(names, [
        "checkpoint_diff_blobs",
        "imported_files",
        "orchestration_thread_moments",
        "projection_threads",
        "projection_thread_messages",
        "provider_session_runtime",
      ]);
      assert.notInclude(names, "orchestration_pruned");
      for (const { name, key } of tables) {
        const plan = yield* sql.unsafe<{ detail: string }>(
          `EXPLAIN QUERY PLAN SELECT ${key} FROM ${name} WHERE thread_id = ? LIMIT ?`,
          ["t1", 10],
        );
        assert.match(plan[0]?.detail ?? "", /^SEARCH/, name);
      }
    }).pipe(Effect.provide(freshStore)),
  );

  it.effect("go in steps of the size that is asked for, the last events first", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient;
      yield* append(...[1, 2, 3, 4, 5].map((sequence) => archived({ sequence })));
      const parts = yield* threadParts(sql);
      const events = parts.find(({ name }) => name === "orchestration_events");
      const step = events?.deleteSome(thread, 2) ?? Effect.die("There is no such part.");
      assert.deepStrictEqual((yield* step).more, true);
      const left = yield* sql<{ sequence: number }>`SELECT sequence FROM orchestration_events ORDER BY 1`;
      assert.deepStrictEqual(
        left.map(({ sequence }) => sequence),
        [1, 2, 3],
      );
      yield* step;
      const { counts, more } = yield* step;
      assert.deepStrictEqual([...counts], [["orchestration_events", 1]]);
      assert.isFalse(more);
    }).pipe(Effect.provide(freshStore)),
  );

  it.effect("leave what came after the thread was made again", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient;
      yield* append(archived({ sequence: 1 }), archived({ sequence: 6, streamVersion: 2, eventId: "later" }));
      for (const part of yield* threadParts(sql)) yield* part.deleteSome(thread, 100);
      assert.strictEqual(yield* (yield* EventStore).head, 6);
      const left = yield* sql`SELECT event_id FROM orchestration_events`;
      assert.lengthOf(left, 1);
    }).pipe(Effect.provide(freshStore)),
  );
});
