import { assert, describe, it } from "@effect/vitest";
import { Effect } from "effect";
import { SqlClient } from "effect/sql";
import { inList } from "../src/InList.ts";
import { freshDatabase } from "./support.ts";

const NAMES = ["a", "b", "c", "it's", '"; DROP TABLE names', "ü 🌍", "", "1"];

const found = (values: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient;
    yield* sql`CREATE TABLE names (name TEXT PRIMARY KEY) WITHOUT ROWID`;
    for (const name of NAMES) yield* sql`INSERT INTO names VALUES (${name})`;
    const rows = yield* sql<{ name: string }>`SELECT name FROM names WHERE ${inList(sql, "name", values)}`;
    return rows.map(({ name }) => name).toSorted();
  }).pipe(Effect.provide(freshDatabase, { local: true }));

describe("a column in a list", () => {
  it.effect("matches the values that are there, whatever characters they have", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* found(["c", "a", "unknown", "a"]), ["a", "c"]);
      assert.deepStrictEqual(yield* found(NAMES), NAMES.toSorted());
      assert.deepStrictEqual(yield* found(["A", "it", " a"]), []);
    }),
  );

  it.effect("matches nothing where the list is empty", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* found([]), []);
    }),
  );

  it.effect("takes more values than a statement takes parameters", () =>
    Effect.gen(function* () {
      const many = Array.from({ length: 50_000 }, (_, index) => `many-${index}`);
      assert.deepStrictEqual(yield* found([...many, "b"]), ["b"]);
    }),
  );

  it.effect("is one statement with one parameter, however long the list is", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient;
      const compiled = (values: ReadonlyArray<string>) =>
        sql`SELECT ${inList(sql, "name", values)}`.compile();
      const [short, parameters] = compiled(["a"]);
      const [long] = compiled(NAMES);
      assert.strictEqual(long, short);
      assert.lengthOf(parameters, 1);
    }).pipe(Effect.provide(freshDatabase)),
  );
});
