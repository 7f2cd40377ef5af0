import { assert, describe, it } from "@effect/vitest";
import { selectValues } from "@heddle/sql/OnConnection";
import { Effect } from "effect";
import { SqlClient } from "effect/sql";
import { emptyDatabase, freshDatabase } from "./support.ts";

/** https://www.sqlite.org/pragma.html#pragma_temp_store */
const [DEFAULT, MEMORY] = [0, 2];

const tempStore = Effect.flatMap(SqlClient.SqlClient, (sql) => selectValues(sql, "PRAGMA temp_store", []));

describe("what a statement of many rows notes to take itself back", () => {
  it.effect("stays in memory once the database is up to date", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* tempStore, [[MEMORY]]);
    }).pipe(Effect.provide(freshDatabase)),
  );

  it.effect("goes to a file before that, and for a VACUUM: it may be as large as the database", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* tempStore, [[DEFAULT]]);
    }).pipe(Effect.provide(emptyDatabase)),
  );
});
