import { join } from "node:path";
import { assert, describe, it } from "@effect/vitest";
import { recordStatements } from "@heddle/sql/testing/RecordStatements";
import { Effect, Layer } from "effect";
import { SqlClient } from "effect/sql";
import { SNAPSHOT_EVERY } from "../src/Aggregate.ts";
import { engineLayer } from "../src/EngineLayer.ts";
import { createProject, createThread, rename, send, temporaryFolder } from "./support.ts";

const database = Effect.map(temporaryFolder, (folder) => Layer.fresh(engineLayer(join(folder, "heddle.db"))));

const renames = (count: number) =>
  Effect.forEach(
    Array.from({ length: count }, (_, index) => `Title ${index}`),
    (title) => send(rename("t1", title)),
    { concurrency: 100, discard: true },
  );

const storedVersion = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient;
  const rows = yield* sql<{ version: number }>`
    SELECT stream_version AS version FROM orchestration_stream_snapshots WHERE stream_id = 't1'`;
  return rows[0]?.version;
});

const given = (events: number) =>
  Effect.andThen(send(createProject("p1")), Effect.andThen(send(createThread("t1")), renames(events - 1)));

/** Versions of `t1` after which its events were read while an effect ran. */
const readFrom = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(recordStatements(effect), (statements) =>
    statements
      .filter(
        ({ statement, parameters }) =>
          statement.startsWith("SELECT sequence, event_id") && parameters.includes("t1"),
      )
      .map(({ parameters }) => parameters[2]),
  );

describe("a long stream", () => {
  it.live("is not folded from its first event: its state is stored now and then", () =>
    Effect.gen(function* () {
      const server = yield* database;
      yield* Effect.gen(function* () {
        yield* given(SNAPSHOT_EVERY - 1);
        assert.isUndefined(yield* storedVersion);
        yield* send(rename("t1", "The one that is due"));
        assert.strictEqual(yield* storedVersion, SNAPSHOT_EVERY);
        yield* send(rename("t1", "One more"));
      }).pipe(Effect.provide(server));
      // After a start, nothing is in memory.
      const read = yield* readFrom(send(rename("t1", "After the start"))).pipe(Effect.provide(server));
      assert.deepStrictEqual(read, [SNAPSHOT_EVERY]);
    }).pipe(Effect.scoped),
  );

  it.live("is folded whole where the snapshot is of another fold, or is gone", () =>
    Effect.gen(function* () {
      const server = yield* database;
      yield* given(SNAPSHOT_EVERY + 10).pipe(Effect.provide(server));
      const sql = Effect.flatMap(
        SqlClient.SqlClient,
        (client) =>
          client`UPDATE orchestration_stream_snapshots SET fold_version = 99, state_json = '"nonsense"'`,
      );
      yield* sql.pipe(Effect.provide(server));
      yield* Effect.gen(function* () {
        const read = yield* readFrom(send(rename("t1", "After the start")));
        assert.deepStrictEqual(read, [0, SNAPSHOT_EVERY]);
        // It is stored again at once, by the fold of now.
        assert.strictEqual(yield* storedVersion, SNAPSHOT_EVERY + 11);
      }).pipe(Effect.provide(server));
    }).pipe(Effect.scoped),
  );
});
