import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { assert, describe, it } from "@effect/vitest";
import { Effect } from "effect";
import { SqlClient } from "effect/sql";
import { nodeSqliteLayer } from "../src/NodeSqlite.ts";
import { selectValues } from "../src/OnConnection.ts";
import { freshDatabase, temporaryFolder } from "./support.ts";

const withTable = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient;
  yield* sql`CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT UNIQUE, size INTEGER CHECK (size > 0))`;
  return sql;
});

describe("a statement", () => {
  it.effect("gives its rows as objects, or as arrays of their values", () =>
    Effect.gen(function* () {
      const sql = yield* withTable;
      assert.deepStrictEqual(yield* sql`INSERT INTO things VALUES (1, 'a', 2), (3, 'b', NULL)`, []);
      const rows = yield* sql`SELECT id, name FROM things ORDER BY id`;
      assert.deepStrictEqual(
        rows.map((row) => ({ ...row })),
        [
          { id: 1, name: "a" },
          { id: 3, name: "b" },
        ],
      );
      const values = yield* selectValues(sql, "SELECT id, size FROM things WHERE id > ? ORDER BY id", [0]);
      assert.deepStrictEqual(values, [
        [1, 2],
        [3, null],
      ]);
      // The same text keeps its form, whichever way it was asked for first.
      assert.deepStrictEqual(
        { ...(yield* sql`SELECT id, name FROM things ORDER BY id`)[0] },
        { id: 1, name: "a" },
      );
      assert.deepStrictEqual(yield* sql`INSERT INTO things VALUES (4, 'c', 1) RETURNING id`.values, [[4]]);
    }).pipe(Effect.provide(freshDatabase)),
  );

  it.effect.each([
    ["a primary key that is taken", "INSERT INTO things VALUES (1, 'b', 1)", "UniqueViolation"],
    ["a unique value that is taken", "INSERT INTO things VALUES (2, 'a', 1)", "UniqueViolation"],
    ["another rule of the table", "INSERT INTO things VALUES (2, 'b', 0)", "ConstraintError"],
    ["no SQL", "INSERT INTO nothing", "UnknownError"],
  ] as const)("fails with its reason by SQLite's code: %s", ([, statement, reason]) =>
    Effect.gen(function* () {
      const sql = yield* withTable;
      yield* sql`INSERT INTO things VALUES (1, 'a', 1)`;
      const error = yield* Effect.flip(sql.unsafe(statement));
      assert.strictEqual(error.reason._tag, reason);
    }).pipe(Effect.provide(freshDatabase)),
  );

  it.effect("waits while a transaction of another fiber is open, and is not part of it", () =>
    Effect.gen(function* () {
      const sql = yield* withTable;
      const insert = (id: number) => sql`INSERT INTO things (id) VALUES (${id})`;
      yield* Effect.all(
        [
          Effect.ignore(
            sql.withTransaction(
              Effect.andThen(insert(1), Effect.andThen(Effect.yieldNow, Effect.fail("undo"))),
            ),
          ),
          Effect.andThen(Effect.yieldNow, insert(2)),
        ],
        { concurrency: "unbounded" },
      );
      assert.deepStrictEqual(yield* selectValues(sql, "SELECT id FROM things", []), [[2]]);
    }).pipe(Effect.provide(freshDatabase)),
  );
});

describe("a transaction that somebody left open", () => {
  it.effect("is rolled back before the connection goes to the next", () =>
    Effect.gen(function* () {
      const sql = yield* withTable;
      yield* sql`BEGIN`;
      yield* sql.withTransaction(sql`INSERT INTO things (id) VALUES (2)`);
      assert.deepStrictEqual(yield* selectValues(sql, "SELECT id FROM things", []), [[2]]);
    }).pipe(Effect.provide(freshDatabase)),
  );
});

describe("a database", () => {
  it.effect("is opened with its pragmas, and closed with its scope", () =>
    Effect.gen(function* () {
      const filename = join(yield* temporaryFolder, "test.db");
      const connect = nodeSqliteLayer({
        filename,
        pragmas: ["journal_mode = WAL", "cache_size = -1234"],
        begin: "BEGIN",
      });
      yield* Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient;
        assert.deepStrictEqual(yield* selectValues(sql, "PRAGMA cache_size", []), [[-1234]]);
        yield* sql`CREATE TABLE things (id INTEGER)`;
      }).pipe(Effect.provide(connect), Effect.scoped);
      // A WAL goes with the last connection that is closed.
      const alone = new DatabaseSync(filename);
      alone.exec("PRAGMA journal_mode = DELETE");
      alone.close();
    }).pipe(Effect.scoped),
  );

  it.effect("that is no database is refused", () =>
    Effect.gen(function* () {
      const filename = join(yield* temporaryFolder, "none", "test.db");
      const connect = nodeSqliteLayer({ filename, pragmas: [], begin: "BEGIN" });
      const error = yield* Effect.flip(Effect.void.pipe(Effect.provide(connect)));
      assert.strictEqual(error.reason._tag, "ConnectionError");
    }).pipe(Effect.scoped),
  );
});
