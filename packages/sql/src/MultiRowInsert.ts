/**
 * One statement for many rows: SQLite spends more on a statement than on a row. Rows go in chunks of few sizes, so that
 * the prepared statements stay few and are found again.
 */
import { Effect } from "effect";
import type { SqlClient, SqlConnection, SqlError } from "effect/sql";
import { onConnection, placeholders } from "./OnConnection.ts";

const CHUNK_SIZES = [64, 16, 4, 1] as const;

export interface InsertTarget {
  readonly table: string;
  readonly columns: ReadonlyArray<string>;
  /** Such as `ON CONFLICT (…) DO UPDATE SET …`. */
  readonly suffix?: string;
}

/** An insert into one table; make it once, and call it with rows whose values stand in the order of the columns. */
export const multiRowInsert = (sql: SqlClient.SqlClient, target: InsertTarget) => {
  const statements = new Map(CHUNK_SIZES.map((size) => [size, insertStatement(sql, target, size)]));
  const insert = (connection: SqlConnection.Connection, rows: ReadonlyArray<ReadonlyArray<unknown>>) => {
    const [only] = rows;
    if (rows.length === 1 && only) return Effect.asVoid(connection.executeRaw(statements.get(1) ?? "", only));
    return Effect.gen(function* () {
      let at = 0;
      for (const size of CHUNK_SIZES) {
        const statement = statements.get(size) ?? "";
        for (; rows.length - at >= size; at += size) {
          yield* connection.executeRaw(statement, valuesOf(rows, at, size));
        }
      }
    });
  };
  return (rows: ReadonlyArray<ReadonlyArray<unknown>>): Effect.Effect<void, SqlError.SqlError> =>
    rows.length === 0 ? Effect.void : onConnection(sql, (connection) => insert(connection, rows));
};

const valuesOf = (
  rows: ReadonlyArray<ReadonlyArray<unknown>>,
  from: number,
  count: number,
): Array<unknown> => {
  const values: Array<unknown> = [];
  for (let index = from; index < from + count; index += 1) {
    for (const value of rows[index] ?? []) values.push(value);
  }
  return values;
};

const insertStatement = (
  sql: SqlClient.SqlClient,
  { table, columns, suffix = "" }: InsertTarget,
  rows: number,
): string => {
  const placeholder = placeholders(sql);
  const row = () => `(${columns.map(placeholder).join(", ")})`;
  const values = Array.from({ length: rows }, row).join(", ");
  return `INSERT INTO ${table} (${columns.join(", ")}) VALUES ${values} ${suffix}`;
};
