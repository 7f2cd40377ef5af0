/** What the engine and its subscribers make of threads that are taken out of the log. */
import { join } from "node:path";
import { assert, describe, it } from "@effect/vitest";
import { ThreadId } from "@heddle/contracts/Ids";
import { EventStore, eventReads } from "@heddle/event-store/EventStore";
import { checkLog } from "@heddle/event-store/LogLaws";
import { Pruned, type PrunedThread } from "@heddle/event-store/Pruned";
import { HEADER_TABLES, threadParts } from "@heddle/event-store/ThreadRows";
import { Runner } from "@heddle/projections/Runner";
import { Deferred, Effect, Fiber, Layer, Stream } from "effect";
import { SqlClient, type SqlError } from "effect/sql";
import { Engine } from "../src/Engine.ts";
import { engineLayer } from "../src/EngineLayer.ts";
import { Feed } from "../src/Feed.ts";
import { Subscriptions } from "../src/Subscriptions.ts";
import { createProject, createThread, rename, send, temporaryFolder } from "./support.ts";

const servers = Effect.map(temporaryFolder, (folder) =>
  Layer.fresh(Subscriptions.layer.pipe(Layer.provideMerge(engineLayer(join(folder, "heddle.db"))))),
);

const T2 = ThreadId.make("t2");

/** Events 1 to 8: a project, and two threads by turns; the last three are of t2. */
const given = Effect.gen(function* () {
  yield* send(createProject("p1"));
  yield* send(createThread("t1"));
  yield* send(createThread("t2"));
  yield* send(rename("t1", "Four"));
  yield* send(rename("t1", "Five"));
  yield* send(rename("t2", "Six"));
  yield* send(rename("t2", "Seven"));
  yield* send(rename("t2", "Eight"));
});

const marked: Effect.Effect<PrunedThread, SqlError.SqlError, SqlClient.SqlClient> = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient;
  const [extent] = yield* sql<Pick<PrunedThread, "firstSequence" | "lastSequence" | "eventCount">>`
    SELECT min(sequence) AS "firstSequence", max(sequence) AS "lastSequence", count(*) AS "eventCount"
    FROM orchestration_events WHERE stream_id = 't2'`;
  return {
    threadId: "t2",
    ...(extent ?? { firstSequence: 1, lastSequence: 1, eventCount: 0 }),
    archive: null,
    checkpointsIn: null,
    prunedAt: "2026-02-03T04:05:06.000Z",
  };
});

/** What is marked. */
const open = Effect.flatMap(Pruned, (pruned) =>
  Effect.flatMap(pruned.open, ([thread]) =>
    thread ? Effect.succeed(thread) : Effect.die("Nothing is marked."),
  ),
);

/** Marks t2, as a prune does. */
const mark = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient;
  const pruned = yield* Pruned;
  const engine = yield* Engine;
  const thread = yield* marked;
  const committed = yield* sql.withTransaction(
    Effect.gen(function* () {
      for (const table of HEADER_TABLES) {
        yield* sql`DELETE FROM ${sql(table)} WHERE thread_id = ${thread.threadId}`;
      }
      return yield* pruned.mark(thread);
    }),
  );
  committed();
  engine.forgetThread(thread.threadId);
  (yield* Feed).forgetRecent();
});

/** Deletes so many of its rows, of each kind. */
const deleteRows = (limit: number) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient;
    const thread = yield* open;
    for (const part of yield* threadParts(sql)) yield* sql.withTransaction(part.deleteSome(thread, limit));
  });

const finish = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient;
  const pruned = yield* Pruned;
  const thread = yield* open;
  const finished = yield* sql.withTransaction(pruned.finish(thread));
  finished();
  yield* Effect.flatMap(Runner, (runner) => runner.reload);
});

const pruneT2 = Effect.andThen(mark, Effect.andThen(deleteRows(1000), finish));

/** What a subscription gives up to `synchronized`, or all of it where it ends before. */
const upToNow = (from: number, threadId?: ThreadId) =>
  Effect.gen(function* () {
    const subscriptions = yield* Subscriptions;
    const feed =
      threadId === undefined ? subscriptions.subscribe(from) : subscriptions.subscribeThread(threadId, from);
    const items = yield* feed.pipe(
      Stream.takeUntil((item) => item.kind === "synchronized"),
      Stream.runCollect,
    );
    return [...items].map((item) =>
      item.kind === "event"
        ? item.event.sequence
        : item.kind === "synchronized"
          ? `now ${item.sequence}`
          : item.kind,
    );
  });

const rejectionOf = (command: Parameters<typeof send>[0]) =>
  send(command).pipe(
    Effect.flip,
    Effect.map((error) => ("code" in error ? error.code : error._tag)),
  );

const withServer = <A, E>(use: Effect.Effect<A, E, Layer.Success<Effect.Success<typeof servers>>>) =>
  Effect.flatMap(servers, (server) => use.pipe(Effect.provide(server)));

describe("a log that was pruned", () => {
  it.live("gives no sequence out again, also where its last events went, and keeps its laws", () =>
    withServer(
      Effect.gen(function* () {
        yield* given;
        yield* pruneT2;
        const sql = yield* SqlClient.SqlClient;
        assert.strictEqual(yield* (yield* EventStore).head, 8);
        const { sequence } = yield* send(rename("t1", "Nine"));
        assert.strictEqual(sequence, 9);
        assert.deepStrictEqual(yield* checkLog(sql), []);
      }),
    ),
  );

  it.live("gives none out again after a restart, and its projectors go on at once", () =>
    Effect.gen(function* () {
      const server = yield* servers;
      yield* Effect.andThen(given, pruneT2).pipe(Effect.provide(server));
      yield* Effect.gen(function* () {
        const { sequence } = yield* send(rename("t1", "Nine"));
        assert.strictEqual(sequence, 9);
        const states = yield* Effect.flatMap(Runner, (runner) => runner.status);
        for (const { lastAppliedSequence } of states) assert.strictEqual(lastAppliedSequence, 9);
        assert.deepStrictEqual(yield* checkLog(yield* SqlClient.SqlClient), []);
      }).pipe(Effect.provide(server));
    }),
  );

  it.live("takes projectors that begin anew to its head, over the hole at its end", () =>
    Effect.gen(function* () {
      const server = yield* servers;
      yield* Effect.andThen(given, pruneT2).pipe(
        Effect.andThen(Effect.flatMap(SqlClient.SqlClient, (sql) => sql`DELETE FROM projection_state`)),
        Effect.provide(server),
      );
      yield* Effect.gen(function* () {
        const states = yield* Effect.flatMap(Runner, (runner) => runner.status);
        for (const { lastAppliedSequence } of states) assert.strictEqual(lastAppliedSequence, 8);
        yield* send(rename("t1", "Nine"));
        const sql = yield* SqlClient.SqlClient;
        const [row] = yield* sql`SELECT title FROM projection_threads WHERE thread_id = 't1'`;
        assert.deepInclude(row, { title: "Nine" });
      }).pipe(Effect.provide(server));
    }),
  );

  it.live("is read to its head in pages, whatever is missing in it", () =>
    withServer(
      Effect.gen(function* () {
        yield* given;
        yield* pruneT2;
        const reads = eventReads(yield* SqlClient.SqlClient);
        const seen: Array<number> = [];
        for (let from = 0; ;) {
          const page = yield* reads.readAll({ fromSequenceExclusive: from, limit: 2 });
          for (const { sequence } of page.events) seen.push(sequence);
          if (page.last === undefined) break;
          from = page.last.sequence;
        }
        assert.deepStrictEqual(seen, [1, 2, 4, 5]);
      }),
    ),
  );
});

describe("a pruned thread", () => {
  it.live("is for commands one that never was", () =>
    withServer(
      Effect.gen(function* () {
        yield* given;
        yield* pruneT2;
        assert.strictEqual(
          yield* rejectionOf({ ...rename("t2", "Again"), commandId: "a" }),
          "thread-not-found",
        );
        yield* send(createThread("t2", "p1", "create-again"));
        yield* send({ ...rename("t2", "Again"), commandId: "b" });
        assert.deepStrictEqual(yield* checkLog(yield* SqlClient.SqlClient), []);
      }),
    ),
  );

  it.live("takes no command, and is not made again, while its rows are on their way out", () =>
    withServer(
      Effect.gen(function* () {
        yield* given;
        yield* mark;
        assert.strictEqual(
          yield* rejectionOf({ ...rename("t2", "Again"), commandId: "a" }),
          "thread-deleted",
        );
        yield* deleteRows(2);
        assert.strictEqual(yield* rejectionOf(createThread("t2", "p1", "create-again")), "thread-exists");
        assert.deepStrictEqual(yield* checkLog(yield* SqlClient.SqlClient), []);
      }),
    ),
  );

  it.live("is taken out to the last row at the next start, where a prune was killed", () =>
    Effect.gen(function* () {
      const server = yield* servers;
      yield* Effect.andThen(given, Effect.andThen(mark, deleteRows(1))).pipe(Effect.provide(server));
      yield* Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient;
        const [row] = yield* sql`SELECT
          (SELECT count(*) FROM orchestration_events WHERE stream_id = 't2') AS events,
          (SELECT count(*) FROM orchestration_command_receipts WHERE aggregate_id = 't2') AS receipts,
          (SELECT state FROM orchestration_pruned) AS state`;
        assert.deepStrictEqual({ ...row }, { events: 0, receipts: 0, state: "done" });
        assert.strictEqual(
          yield* rejectionOf({ ...rename("t2", "Again"), commandId: "a" }),
          "thread-not-found",
        );
        assert.deepStrictEqual(yield* checkLog(sql), []);
      }).pipe(Effect.provide(server));
    }),
  );
});

describe("a subscriber of a log that was pruned", () => {
  it.live("gets a reset where its cursor stands before the last pruned event, and none behind it", () =>
    withServer(
      Effect.gen(function* () {
        yield* given;
        yield* pruneT2;
        yield* send(rename("t1", "Nine"));
        assert.deepStrictEqual(yield* upToNow(1), ["reset"]);
        assert.deepStrictEqual(yield* upToNow(7), ["reset"]);
        assert.deepStrictEqual(yield* upToNow(8), [9, "now 9"]);
      }),
    ),
  );

  it.live("reads what is there where it has seen nothing yet, also from memory", () =>
    withServer(
      Effect.gen(function* () {
        yield* given;
        assert.deepStrictEqual(yield* upToNow(0), [1, 2, 3, 4, 5, 6, 7, 8, "now 8"]);
        yield* pruneT2;
        assert.deepStrictEqual(yield* upToNow(0), [1, 2, 4, 5, "now 8"]);
      }),
    ),
  );

  it.live("of another thread goes on, and one of the thread itself gets a reset", () =>
    withServer(
      Effect.gen(function* () {
        yield* given;
        yield* pruneT2;
        assert.deepStrictEqual(yield* upToNow(2, ThreadId.make("t1")), [4, 5, "now 8"]);
        assert.deepStrictEqual(yield* upToNow(3, T2), ["reset"]);
        assert.deepStrictEqual(yield* upToNow(0, T2), ["now 8"]);
      }),
    ),
  );

  it.live("gets the reset also where it is following, and still behind", () =>
    withServer(
      Effect.gen(function* () {
        yield* given;
        // More than a subscriber is given at once.
        yield* Effect.forEach(
          Array.from({ length: 300 }, (_, index) => rename("t1", `Title ${index}`)),
          send,
          { concurrency: 100 },
        );
        yield* send(rename("t2", "Last"));
        const { subscribe } = yield* Subscriptions;
        const first = yield* Deferred.make<void>();
        const go = yield* Deferred.make<void>();
        const kinds = yield* Effect.forkChild(
          subscribe(1).pipe(
            Stream.tap((item) =>
              item.kind === "event" && item.event.sequence === 2
                ? Effect.andThen(Deferred.succeed(first, undefined), Deferred.await(go))
                : Effect.void,
            ),
            Stream.map((item) => item.kind),
            Stream.runCollect,
          ),
        );
        yield* Deferred.await(first);
        yield* pruneT2;
        yield* Deferred.succeed(go, undefined);
        // What was read before stands in its page; then it is told.
        assert.strictEqual([...(yield* Fiber.join(kinds))].at(-1), "reset");
      }).pipe(Effect.timeout("10 seconds")),
    ),
  );

  it.live(
    "is served, and not sent back again and again, while the snapshot stands before what was pruned",
    () =>
      withServer(
        Effect.gen(function* () {
          yield* given;
          yield* pruneT2;
          const runner = yield* Runner;
          const sql = yield* SqlClient.SqlClient;
          const begun = yield* sql.withTransaction(runner.beginFill("threads"));
          begun();
          assert.deepStrictEqual(yield* upToNow(4), [5, "now 8"]);
        }),
      ),
  );
});
