import { assert, describe, it } from "@effect/vitest";
import { Effect } from "effect";
import { SqlClient } from "effect/sql";
import { multiRowInsert } from "../src/MultiRowInsert.ts";
import { recordStatements } from "./RecordStatements.ts";
import { freshDatabase } from "./support.ts";

const makeTable = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient;
  yield* sql`CREATE TABLE pairs (position INTEGER PRIMARY KEY, name TEXT, note TEXT)`;
  return sql;
});

const rowsOf = (sql: SqlClient.SqlClient) =>
  Effect.map(
    sql<{ position: number; name: string; note: string | null }>`SELECT * FROM pairs ORDER BY position`,
    (rows) => rows.map(({ position, name, note }) => [position, name, note]),
  );

const columns = ["position", "name", "note"];
const rows = (count: number) =>
  Array.from({ length: count }, (_, index) => [
    index,
    `name '${index}'`,
    index % 3 === 0 ? null : `"${index}"`,
  ]);

describe("an insert of many rows", () => {
  it.effect.each([0, 1, 2, 3, 4, 5, 15, 16, 17, 63, 64, 65, 84, 85, 128, 200])(
    "inserts each of %s rows, as it is",
    (count) =>
      Effect.gen(function* () {
        const sql = yield* makeTable;
        yield* multiRowInsert(sql, { table: "pairs", columns })(rows(count));
        assert.deepStrictEqual(yield* rowsOf(sql), rows(count));
      }).pipe(Effect.provide(freshDatabase)),
  );

  it.effect("needs few statements, and the same ones whatever the number of rows", () =>
    Effect.gen(function* () {
      const sql = yield* makeTable;
      const insert = multiRowInsert(sql, {
        table: "pairs",
        columns,
        suffix: "ON CONFLICT (position) DO NOTHING",
      });
      const sent = yield* recordStatements(
        Effect.forEach(
          Array.from({ length: 151 }, (_, count) => count),
          (count) => insert(rows(count)),
        ),
      );
      assert.strictEqual(new Set(sent.map(({ statement }) => statement)).size, 4);
      assert.isAtMost((yield* recordStatements(insert(rows(150)))).length, 6);
    }).pipe(Effect.provide(freshDatabase)),
  );

  it.effect("takes its suffix for each row", () =>
    Effect.gen(function* () {
      const sql = yield* makeTable;
      const upsert = multiRowInsert(sql, {
        table: "pairs",
        columns,
        suffix: "ON CONFLICT (position) DO UPDATE SET name = pairs.name || excluded.name",
      });
      yield* upsert(rows(70).map(([position]) => [position, "a", null]));
      yield* upsert(rows(70).map(([position]) => [position, "b", null]));
      assert.isTrue((yield* rowsOf(sql)).every(([, name]) => name === "ab"));
    }).pipe(Effect.provide(freshDatabase)),
  );

  it.effect("fails with the row that the table refuses", () =>
    Effect.gen(function* () {
      const sql = yield* makeTable;
      const insert = multiRowInsert(sql, { table: "pairs", columns });
      const twice = [...rows(5), ...rows(1)];
      yield* Effect.flip(sql.withTransaction(insert(twice)));
      assert.deepStrictEqual(yield* rowsOf(sql), []);
    }).pipe(Effect.provide(freshDatabase)),
  );
});
