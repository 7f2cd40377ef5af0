/** Puts the right rows in place of wrong ones, in one transaction: readers see each as it was, or as it should be. */
import type { Projector } from "@heddle/projections/Projector";
import { multiRowInsert } from "@heddle/sql/MultiRowInsert";
import { onConnection } from "@heddle/sql/OnConnection";
import { Effect } from "effect";
import type { SqlClient, SqlError } from "effect/sql";
import type { RightRows } from "./Shadow.ts";
import { fromSqlValue } from "./SqlValue.ts";

export const correctRows = (
  sql: SqlClient.SqlClient,
  { table, key }: Projector,
  { columns, keys, rows }: RightRows,
): Effect.Effect<void, SqlError.SqlError> => {
  const remove = `DELETE FROM ${table} WHERE ${key.map((column) => `${column} = ?`).join(" AND ")}`;
  const insert = multiRowInsert(sql, { table, columns });
  return sql.withTransaction(
    Effect.gen(function* () {
      // All of them first: a wrong row may stand where another's right one belongs.
      yield* onConnection(sql, (connection) =>
        Effect.forEach(keys, (rowKey) => connection.executeRaw(remove, rowKey.map(fromSqlValue)), {
          discard: true,
        }),
      );
      yield* insert(rows.map((row) => row.map(fromSqlValue)));
    }),
  );
};
