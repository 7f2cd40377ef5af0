import { assert, describe, it } from "@effect/vitest";
import type { NewEvent } from "@heddle/contracts/Events";
import { ThreadId } from "@heddle/contracts/Ids";
import { aThread, done, event, threadCreated, turnOf } from "@heddle/domain/testing/support";
import { momentsOf, ThreadMoments } from "@heddle/event-store/ThreadMoments";
import { type Plan, scans } from "@heddle/event-store/testing/Plans";
import { freshProjections, logOf, store } from "@heddle/projections/testing/support";
import { recordStatements } from "@heddle/sql/testing/RecordStatements";
import { Effect, Layer } from "effect";
import { SqlClient } from "effect/sql";
import { momentReader, readMoment } from "../src/travel/Moments.ts";
import { momentsUpTo } from "../src/travel/MomentsMaker.ts";
import { threadStream } from "../src/travel/TravelStream.ts";
import { threadAt } from "../src/travel/TravelThread.ts";

const EVERY = 10;
const threadId = ThreadId.make("t1");
const reader = momentReader(EVERY);
const database = ThreadMoments.layer.pipe(Layer.provideMerge(freshProjections));

const turnsFrom = (first: number, count: number): ReadonlyArray<NewEvent> =>
  Array.from({ length: count }, (_, index) => done(`m${first + index}`, first + index)).flat();
/** Nine turns, with another thread's events between them. */
const log = logOf(aThread, threadCreated("t2"), turnsFrom(1, 9));
const head = log.length;

const page = Effect.flatMap(SqlClient.SqlClient, (sql) =>
  threadAt(sql, { threadId, sequence: head, limit: 20 }, EVERY),
);

/** Puts the moments that were missing. */
const keep = Effect.gen(function* () {
  const { moments } = yield* page;
  yield* (yield* ThreadMoments).put({ threadId, reader, moments });
  return moments.map(({ streamVersion }) => streamVersion);
});

const versions = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient;
  const rows = yield* sql<{
    version: number;
  }>`SELECT stream_version AS version FROM orchestration_thread_moments
    WHERE thread_id = ${threadId} ORDER BY stream_version`;
  return rows.map(({ version }) => version);
});

const ALL = Array.from({ length: Math.floor((head - 2) / EVERY) }, (_, index) => (index + 1) * EVERY);

describe("moments of a thread", () => {
  it.live("are made at every so many of its events, each once, and stored ones are read instead", () =>
    Effect.gen(function* () {
      yield* store(log);
      assert.deepStrictEqual(yield* keep, ALL);
      assert.deepStrictEqual(yield* versions, ALL);
      assert.deepStrictEqual(yield* keep, []);
      // What is stored is what is used.
      const sql = yield* SqlClient.SqlClient;
      const [first] = yield* momentsOf(sql, { threadId, reader, upTo: EVERY });
      const other = { streamVersion: EVERY, content: Buffer.from("no moment") };
      yield* (yield* ThreadMoments).put({ threadId, reader, moments: [other] });
      assert.deepStrictEqual(yield* keep, ALL, "a damaged one is made again, and those behind it");
      const [again] = yield* momentsOf(sql, { threadId, reader, upTo: EVERY });
      assert.deepStrictEqual(again && readMoment(again), first && readMoment(first));
    }).pipe(Effect.provide(database)),
  );

  it.live("change nothing but speed: without some of them, or all, the answer is the same", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient;
      yield* store(log);
      const { snapshot } = yield* page;
      assert.lengthOf(snapshot.thread.turns, 9);
      for (const kept of [[], ALL.slice(1), ALL.slice(0, -1), ALL.filter((version) => version !== 30)]) {
        yield* keep;
        yield* sql`DELETE FROM orchestration_thread_moments
          WHERE stream_version NOT IN (SELECT value FROM json_each(${JSON.stringify(kept)}))`;
        assert.deepStrictEqual(yield* versions, kept);
        assert.deepStrictEqual((yield* page).snapshot, snapshot);
      }
    }).pipe(Effect.provide(database)),
  );

  it.live("that other projectors made are not used, and give way to those of the present ones", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient;
      const moments = yield* ThreadMoments;
      yield* store(log);
      const { snapshot, moments: made } = yield* page;
      const wrong = made.map(({ streamVersion }) => ({ streamVersion, content: Buffer.from("of others") }));
      yield* moments.put({ threadId, reader: "1 10 threads:0", moments: wrong });
      assert.deepStrictEqual((yield* page).snapshot, snapshot);
      assert.deepStrictEqual(yield* keep, ALL);
      const readers = yield* sql<{
        reader: string;
      }>`SELECT DISTINCT reader FROM orchestration_thread_moments`;
      assert.deepStrictEqual(
        readers.map((row) => row.reader),
        [reader],
      );
      assert.match(reader, /\bthreads:\d+ thread-messages:\d+/);
    }).pipe(Effect.provide(database)),
  );

  it.live("are made while the thread goes on, a few at a time, each as if all had been made at once", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient;
      const moments = yield* ThreadMoments;
      for (const [index, one] of log.entries()) {
        yield* store([one]);
        if (index % 7 > 0) continue;
        const stream = threadStream(sql, threadId);
        const upTo = (yield* stream.last)?.version ?? 0;
        const { made } = yield* momentsUpTo(sql, stream, { every: EVERY, upTo, most: 1 });
        yield* moments.put({ threadId, reader, moments: made });
      }
      const stored = yield* momentsOf(sql, { threadId, reader, upTo: head });
      yield* sql`DELETE FROM orchestration_thread_moments`;
      const { moments: atOnce } = yield* page;
      assert.isNotEmpty(stored);
      assert.deepStrictEqual(stored.map(readMoment), atOnce.slice(0, stored.length).map(readMoment));
    }).pipe(Effect.provide(database)),
  );

  it.live("and the events behind them are found by their keys: no table is walked", () =>
    Effect.gen(function* () {
      yield* store(log);
      yield* keep;
      const sql = yield* SqlClient.SqlClient;
      const asked = (yield* recordStatements(page)).filter(({ statement }) =>
        /^\s*SELECT .* FROM orchestration_(events|thread_moments)\b/s.test(statement),
      );
      const plans = yield* Effect.forEach(asked, ({ statement, parameters }) =>
        Effect.map(
          sql.unsafe<{ detail: string }>(`EXPLAIN QUERY PLAN ${statement}`, parameters),
          (rows): Plan => ({ statement, steps: rows.map(({ detail }) => detail) }),
        ),
      );
      assert.isAbove(plans.length, 3);
      assert.deepStrictEqual(scans(plans), []);
    }).pipe(Effect.provide(database)),
  );

  it.live("let a big revert be passed over: what it took away is not read", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient;
      const reverted = event("thread.reverted", {
        threadId: "t1",
        turnCount: 2,
        removedTurnIds: Array.from({ length: 38 }, (_, index) => turnOf(`m${index + 3}`)),
        latestTurnId: turnOf("m2"),
        files: [],
        skipped: [],
        safetyRef: "refs/safety",
      });
      const long = logOf(aThread, turnsFrom(1, 40), reverted);
      yield* store(long);
      const ask = threadAt(sql, { threadId, sequence: long.length, limit: 1 }, EVERY);
      const { snapshot, moments } = yield* ask;
      assert.deepStrictEqual(
        snapshot.thread.turns.map(({ turnCount }) => turnCount),
        [2],
      );
      yield* (yield* ThreadMoments).put({ threadId, reader, moments });
      const ranges = (yield* recordStatements(ask)).filter(({ statement }) =>
        statement.includes("stream_version > ?"),
      );
      assert.isAbove(moments.length, 20);
      assert.isAtMost(ranges.length, 4);
    }).pipe(Effect.provide(database)),
  );

  it.live(
    "are not stored for a stream that left the log meanwhile, or is leaving it: the thread is gone",
    () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient;
        yield* store(log);
        const { moments } = yield* page;
        const isGone = Effect.gen(function* () {
          yield* (yield* ThreadMoments).put({ threadId, reader, moments });
          assert.deepStrictEqual(yield* versions, []);
          const gone = yield* Effect.flip(page);
          assert.deepInclude(gone, { _tag: "NotFound", kind: "thread", id: "t1" });
          assert.include(gone.message, "taken out of the log");
        });
        yield* sql`INSERT INTO orchestration_pruned
        (thread_id, first_sequence, last_sequence, event_count, state, pruned_at)
        VALUES ('t1', 2, ${head}, 1, 'pruning', '')`;
        yield* isGone;
        yield* sql`DELETE FROM orchestration_pruned`;
        yield* sql`DELETE FROM orchestration_events WHERE stream_id = 't1'`;
        yield* isGone;
      }).pipe(Effect.provide(database)),
  );

  it.live("made around an event that could not be read are void once it can be", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient;
      yield* store(
        logOf(aThread, event("thread.meta-updated", { threadId: "t1", title: "New" }), turnsFrom(1, 4)),
      );
      const { snapshot } = yield* threadAt(sql, { threadId, sequence: 20, limit: 5 }, EVERY);
      yield* sql`UPDATE orchestration_events SET event_version = 99 WHERE sequence = 3`;
      const without = yield* threadAt(sql, { threadId, sequence: 20, limit: 5 }, EVERY);
      assert.notStrictEqual(without.snapshot.thread.title, "New");
      yield* (yield* ThreadMoments).put({ threadId, reader, moments: without.moments });
      yield* sql`UPDATE orchestration_events SET event_version = 1 WHERE sequence = 3`;
      assert.deepStrictEqual(
        (yield* threadAt(sql, { threadId, sequence: 20, limit: 5 }, EVERY)).snapshot,
        snapshot,
      );
      assert.strictEqual(snapshot.thread.title, "New");
    }).pipe(Effect.provide(database)),
  );
});
