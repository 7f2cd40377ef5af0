import { assert, layer } from "@effect/vitest";
import { Effect } from "effect";
import { SqlClient } from "effect/sql";
import * as Rows from "../src/Rows.ts";
import { freshProjections } from "./support.ts";

const TABLES = [
  Rows.projectRows,
  Rows.threadRows,
  Rows.messageRows,
  Rows.activityRows,
  Rows.sessionRows,
  Rows.turnRows,
  Rows.checkpointRows,
  Rows.approvalRows,
].map(({ table, columns }) => ({ table, columns: Object.entries<string>(columns) }));

/** Columns that place a row and are not shown. */
const HIDDEN: Readonly<Record<string, ReadonlyArray<string>>> = {
  projection_pending_approvals: ["sequence"],
};

/** The field's name: `files_json` is `files`, `turn_id` is `turnId`. */
const fieldOf = (column: string) =>
  column.replace(/_json$/, "").replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase());

layer(freshProjections)("the rows of", (it) => {
  it.effect.each(TABLES)("$table have a field for each column, under its name", ({ table, columns }) =>
    Effect.gen(function* () {
      for (const [field, column] of columns) assert.strictEqual(field, fieldOf(column));
      const sql = yield* SqlClient.SqlClient;
      const there = yield* sql<{ name: string }>`SELECT name FROM pragma_table_info(${table})`;
      assert.deepStrictEqual(
        [...columns.map(([, column]) => column), ...(HIDDEN[table] ?? [])].toSorted(),
        there.map(({ name }) => name).toSorted(),
      );
    }),
  );
});
