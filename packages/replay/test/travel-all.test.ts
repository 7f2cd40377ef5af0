import { assert, describe, it } from "@effect/vitest";
import { aThread, done, event } from "@heddle/domain/testing/support";
import { busyWorld } from "@heddle/domain/testing/Steps";
import { EVENT_TYPES } from "@heddle/contracts/Events";
import { PROJECTORS } from "@heddle/projections/Projectors";
import { Queries } from "@heddle/projections/Queries";
import { at, commit, freshProjections, logOf, store } from "@heddle/projections/testing/support";
import { Effect } from "effect";
import { SqlClient } from "effect/sql";
import { HELD } from "../src/travel/MomentsMaker.ts";
import { snapshotAt } from "../src/travel/TravelAll.ts";
import { type Point, sequenceAt } from "../src/travel/TravelPoint.ts";
import { SLICED } from "../src/travel/TravelThread.ts";

describe("everything at a sequence", () => {
  it.live("is what a server that had only the events up to there would have shown", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient;
      const queries = yield* Queries;
      const { log } = busyWorld(400);
      for (let from = 0; from < log.length; from += 40) {
        yield* commit(log.slice(from, from + 40));
        const live = yield* queries.snapshot;
        assert.deepStrictEqual(yield* snapshotAt(sql, live.snapshotSequence), live);
      }
      const whole = yield* queries.snapshot;
      assert.isAbove(whole.threads.length, 1);
      const half = yield* snapshotAt(sql, Math.floor(log.length / 2));
      assert.notDeepEqual(half.threads, whole.threads);
    }).pipe(Effect.provide(freshProjections)),
  );

  it.live("is refused where more events led there than are folded, and says what to ask instead", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient;
      yield* store(logOf(aThread, done("m1", 1)));
      assert.strictEqual((yield* snapshotAt(sql, 5, 5)).snapshotSequence, 5);
      const refused = yield* Effect.flip(snapshotAt(sql, 6, 5));
      assert.strictEqual(refused._tag, "InvalidInput");
      assert.include(refused.message, "orchestration.getThreadSnapshot");
    }).pipe(Effect.provide(freshProjections)),
  );
});

describe("a moment", () => {
  const where = (point: Point) => Effect.flatMap(SqlClient.SqlClient, (sql) => sequenceAt(sql, point));

  it.live("by its sequence is not beyond the head; by its time, after all that had happened by then", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient;
      assert.strictEqual(yield* where({ time: at(1) }), 0);
      yield* store(logOf(aThread, done("m1", 1)));
      const head = 2 + done("m1", 1).length;
      assert.strictEqual(yield* where({ sequence: 3 }), 3);
      assert.strictEqual(yield* where({ sequence: 1000 }), head);
      assert.strictEqual(yield* where({ time: new Date(Date.parse(at(1)) - 1).toISOString() }), 0);
      for (let sequence = 1; sequence <= head; sequence += 1) {
        assert.strictEqual(yield* where({ time: at(sequence) }), sequence);
        const later = new Date(Date.parse(at(sequence)) + 999).toISOString();
        assert.strictEqual(yield* where({ time: later.replace("Z", "+00:00") }), sequence);
      }
      assert.strictEqual(yield* where({ time: at(1000) }), head);
      // Where threads were taken out of the log.
      yield* sql`DELETE FROM orchestration_events WHERE sequence IN (3, 4)`;
      assert.include([2, 3, 4], yield* where({ time: at(3) }));
      assert.strictEqual(yield* where({ time: at(5) }), 5);
    }).pipe(Effect.provide(freshProjections)),
  );
});

describe("what travel knows of the projectors", () => {
  it("is all of them, and all that they handle: whoever changes that has to look at Moments.ts", () => {
    const known = new Set([...HELD, ...SLICED]);
    const others = PROJECTORS.filter((projector) => !known.has(projector)).map(({ name }) => name);
    assert.deepStrictEqual(others, ["projects"]);
    assert.deepStrictEqual(Object.fromEntries(SLICED.map(({ name, handles }) => [name, handles])), {
      "thread-messages": ["thread.message-sent", "thread.reverted"],
      "thread-activities": ["thread.activity-appended", "thread.reverted"],
      "pending-approvals": [
        "thread.approval-requested",
        "thread.user-input-requested",
        "thread.approval-resolved",
        "thread.user-input-resolved",
        "thread.reverted",
      ],
      checkpoints: ["thread.turn-diff-completed", "thread.reverted"],
    });
    assert.include(EVENT_TYPES, event("thread.deleted", { threadId: "t1" }).eventType);
  });
});
