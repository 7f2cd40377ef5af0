import { join } from "node:path";
import { assert, describe, it } from "@effect/vitest";
import { EventStore } from "@heddle/event-store/EventStore";
import { Quarantine } from "@heddle/event-store/Quarantine";
import { Queries } from "@heddle/projections/Queries";
import { Runner } from "@heddle/projections/Runner";
import { readModel, restart } from "@heddle/projections/testing/support";
import { Effect, Exit, Layer } from "effect";
import { SqlClient } from "effect/sql";
import { engineLayer } from "../src/EngineLayer.ts";
import { createProject, createThread, rename, send, temporaryFolder } from "./support.ts";

const setType = (from: string, to: string) =>
  Effect.flatMap(
    SqlClient.SqlClient,
    (sql) => sql`UPDATE orchestration_events SET event_type = ${to} WHERE event_type = ${from}`,
  );

/** The layer of a server on one database, started anew with each use. */
const database = Effect.map(temporaryFolder, (folder) =>
  Effect.sync(() => Layer.fresh(engineLayer(join(folder, "heddle.db")))).pipe(Layer.unwrap),
);

/** Given two threads, of which `t1` was renamed by an event of which the next start knows nothing. */
const given = Effect.gen(function* () {
  yield* send(createProject("p1"));
  yield* send(createThread("t1"));
  yield* send(rename("t1", "Renamed"));
  yield* send(createThread("t2"));
  yield* setType("thread.meta-updated", "thread.teleported");
});

const forgetProjections = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient;
  yield* sql`UPDATE projection_state SET version = 0`;
});

const titles = Effect.gen(function* () {
  const queries = yield* Queries;
  return (yield* queries.snapshot).threads.map(({ title }) => title);
});

describe("an event that cannot be read", () => {
  it.live("keeps no server from its start: projections are built without it, and it is counted", () =>
    Effect.gen(function* () {
      const server = yield* database;
      yield* Effect.andThen(given, forgetProjections).pipe(Effect.provide(server));
      yield* Effect.gen(function* () {
        assert.deepStrictEqual(yield* titles, ["Thread t1", "Thread t2"]);
        const status = yield* Effect.flatMap(Runner, (runner) => runner.status);
        assert.isTrue(status.every(({ lastAppliedSequence, fault }) => lastAppliedSequence === 4 && !fault));
        const quarantine = yield* Quarantine;
        assert.strictEqual(yield* quarantine.count, 1);
        const [entry] = yield* quarantine.list({ fromSequenceExclusive: 0, limit: 10 });
        assert.deepInclude(entry, { sequence: 3, streamId: "t1", eventType: "thread.teleported" });
      }).pipe(Effect.provide(server));
    }).pipe(Effect.scoped),
  );

  it.live("stops the commands of its own stream, and no others, not even those of the same group", () =>
    Effect.gen(function* () {
      const server = yield* database;
      yield* given.pipe(Effect.provide(server));
      yield* Effect.gen(function* () {
        const [refused, taken, created] = yield* Effect.all(
          [
            Effect.exit(send(rename("t1", "Again"))),
            Effect.exit(send(rename("t2", "Again"))),
            Effect.exit(send(createThread("t3"))),
          ],
          { concurrency: "unbounded" },
        );
        assert.deepStrictEqual(taken, Exit.succeed({ sequence: 5 }));
        assert.deepStrictEqual(created, Exit.succeed({ sequence: 6 }));
        const error = yield* Effect.flip(refused);
        assert.deepInclude({ ...error }, { _tag: "StoreUnavailable", operation: "load", retryable: false });
        assert.match(
          error.message,
          /^Event 3 \(thread.teleported, version 1\) cannot be read:.*thread t1 takes no commands/,
        );
        assert.strictEqual(yield* Effect.flatMap(Quarantine, ({ count }) => count), 1);
        // It was not taken, so there is no receipt: the same command is decided once the thread can be read.
        const store = yield* EventStore;
        assert.strictEqual(yield* store.head, 6);
      }).pipe(Effect.provide(server));
      yield* setType("thread.teleported", "thread.meta-updated").pipe(Effect.provide(server));
      const again = yield* send(rename("t1", "Again")).pipe(Effect.provide(server));
      assert.deepStrictEqual(again, { sequence: 7 });
    }).pipe(Effect.scoped),
  );

  it.live("is taken up by the projections at the first start of a version that can read it", () =>
    Effect.gen(function* () {
      const server = yield* database;
      yield* Effect.andThen(given, forgetProjections).pipe(Effect.provide(server));
      yield* Effect.gen(function* () {
        assert.deepStrictEqual(yield* titles, ["Thread t1", "Thread t2"]);
        yield* setType("thread.teleported", "thread.meta-updated");
      }).pipe(Effect.provide(server));
      yield* Effect.gen(function* () {
        assert.strictEqual(yield* Effect.flatMap(Quarantine, ({ count }) => count), 0);
        assert.deepStrictEqual(yield* titles, ["Renamed", "Thread t2"]);
        const live = yield* readModel;
        yield* forgetProjections;
        yield* restart();
        assert.deepStrictEqual(yield* readModel, live);
      }).pipe(Effect.provide(server));
    }).pipe(Effect.scoped),
  );
});
