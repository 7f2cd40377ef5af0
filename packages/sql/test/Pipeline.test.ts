import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { assert, describe, it } from "@effect/vitest";
import { Effect } from "effect";
import type { SqlClient } from "effect/sql";
import { multiRowInsert } from "../src/MultiRowInsert.ts";
import { selectValues } from "../src/OnConnection.ts";
import { openPipeline } from "../src/Pipeline.ts";
import { temporaryFolder } from "./support.ts";

const SCHEMA = "CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT CHECK (name <> ''))";

/** A database with a table, a pipeline to it, and what others see of it. */
const database = Effect.gen(function* () {
  const filename = join(yield* temporaryFolder, "test.db");
  const other = yield* Effect.acquireRelease(
    Effect.sync(() => new DatabaseSync(filename)),
    (opened) => Effect.sync(() => opened.close()),
  );
  other.exec(`PRAGMA journal_mode = WAL; ${SCHEMA}`);
  const ids = other.prepare("SELECT id FROM things ORDER BY id");
  const seen = () => ids.all().map(({ id }) => id);
  return {
    filename,
    other,
    seen,
    pipeline: yield* openPipeline({ filename, pragmas: ["busy_timeout = 0"] }),
  };
});

/** Hands rows over in a transaction of their own. */
const write = (sql: SqlClient.SqlClient, ...rows: ReadonlyArray<readonly [id: number, name: string]>) =>
  sql.withTransaction(multiRowInsert(sql, { table: "things", columns: ["id", "name"] })(rows));

describe("a pipeline", () => {
  it.live("runs what it is handed over in its order, and all of it stands once it has settled", () =>
    Effect.gen(function* () {
      const { pipeline, seen } = yield* database;
      for (let id = 1; id <= 100; id += 1) {
        yield* write(pipeline.sql, [id, `thing ${id}`]);
        if (id % 10 === 0) yield* pipeline.send;
      }
      yield* pipeline.settle;
      assert.deepStrictEqual(
        seen(),
        Array.from({ length: 100 }, (_, index) => index + 1),
      );
    }).pipe(Effect.scoped),
  );

  it.live("takes nothing up before it is sent", () =>
    Effect.gen(function* () {
      const { pipeline, seen } = yield* database;
      yield* write(pipeline.sql, [1, "one"]);
      yield* pipeline.send;
      yield* pipeline.settle;
      yield* write(pipeline.sql, [2, "two"]);
      assert.deepStrictEqual(seen(), [1]);
      yield* pipeline.settle;
      assert.deepStrictEqual(seen(), [1, 2]);
    }).pipe(Effect.scoped),
  );

  it.live("gives rows after all that was handed over before, in the same transaction too", () =>
    Effect.gen(function* () {
      const { sql } = (yield* database).pipeline;
      yield* write(sql, [1, "one"]);
      const inside = sql.withTransaction(
        Effect.gen(function* () {
          yield* multiRowInsert(sql, { table: "things", columns: ["id", "name"] })([[2, "two"]]);
          return yield* selectValues(sql, "SELECT name FROM things ORDER BY id", []);
        }),
      );
      assert.deepStrictEqual(yield* inside, [["one"], ["two"]]);
      const objects = yield* sql`SELECT * FROM things WHERE id = ${2}`;
      assert.deepStrictEqual({ ...objects[0] }, { id: 2, name: "two" });
    }).pipe(Effect.scoped),
  );

  it.live("that fails takes its transaction back, and runs nothing more; what was committed stands", () =>
    Effect.gen(function* () {
      const { pipeline, seen, other } = yield* database;
      yield* write(pipeline.sql, [1, "one"]);
      yield* write(pipeline.sql, [2, "two"], [3, ""]);
      yield* write(pipeline.sql, [4, "four"]);
      const error = yield* Effect.flip(pipeline.settle);
      assert.match(error.message, /CHECK constraint failed/);
      assert.deepStrictEqual(seen(), [1]);
      for (const later of [pipeline.sql`SELECT 1`, pipeline.settle]) {
        assert.match((yield* Effect.flip(later)).message, /CHECK constraint failed/);
      }
      // Nobody waits for its lock.
      other.exec("INSERT INTO things VALUES (5, 'of another')");
      assert.deepStrictEqual(seen(), [1, 5]);
    }).pipe(Effect.scoped),
  );

  it.live("says when it is sent more that what it had before has failed", () =>
    Effect.gen(function* () {
      const { pipeline } = yield* database;
      yield* write(pipeline.sql, [1, ""]);
      const sendings = Effect.forever(Effect.andThen(write(pipeline.sql, [2, "two"]), pipeline.send));
      assert.match((yield* Effect.flip(sendings)).message, /CHECK constraint failed/);
    }).pipe(Effect.scoped),
  );

  it.live("does not wait for a database that another has locked", () =>
    Effect.gen(function* () {
      const { pipeline, other } = yield* database;
      other.exec("BEGIN IMMEDIATE");
      yield* write(pipeline.sql, [1, "one"]);
      assert.match((yield* Effect.flip(pipeline.settle)).message, /locked/);
    }).pipe(Effect.scoped),
  );

  it.live("to a file that cannot be opened fails with what SQLite says", () =>
    Effect.gen(function* () {
      const filename = join(yield* temporaryFolder, "folder");
      mkdirSync(filename);
      const { sql, settle } = yield* openPipeline({ filename, pragmas: [] });
      yield* sql.withTransaction(Effect.void);
      assert.match((yield* Effect.flip(settle)).message, /unable to open database file/);
    }).pipe(Effect.scoped),
  );

  it.live("that is closed takes back what was not committed, and its connection is gone", () =>
    Effect.gen(function* () {
      const { filename, seen, other } = yield* database;
      yield* Effect.scoped(
        Effect.gen(function* () {
          const { sql } = yield* openPipeline({ filename, pragmas: [] });
          yield* write(sql, [1, "one"]);
          const insert = multiRowInsert(sql, { table: "things", columns: ["id", "name"] });
          yield* Effect.flip(
            sql.withTransaction(
              Effect.andThen(
                insert([[2, "two"]]),
                Effect.andThen(sql`SELECT 1`, Effect.fail("given up" as const)),
              ),
            ),
          );
        }),
      );
      assert.deepStrictEqual(seen(), [1]);
      // With another connection open, SQLite would refuse this.
      other.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = DELETE");
    }).pipe(Effect.scoped),
  );
});
