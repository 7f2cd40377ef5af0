/**
 * Compares a table of the shadow with the same table of the live database, a range of keys at a time. Whole ranges, since
 * SQLite compares a row on both sides faster than it can be read; by key, so that nothing need be remembered.
 */
import { selectValues } from "@heddle/sql/OnConnection";
import { Effect } from "effect";
import type { SqlClient, SqlError } from "effect/sql";
import type { RowKey } from "./Shadow.ts";
import { fromSqlValue, type SqlValue, toSqlValue } from "./SqlValue.ts";

/** Characters of a value that are shown. */
const SHOWN = 200;

export interface ComparedTable {
  readonly table: string;
  readonly key: ReadonlyArray<string>;
  readonly columns: ReadonlyArray<string>;
  /** Other sets of columns that no two rows have alike. */
  readonly unique: ReadonlyArray<ReadonlyArray<string>>;
}

export interface Range {
  /** Exclusive; null at the beginning. */
  readonly after: RowKey | null;
  /** Inclusive; null at the end. */
  readonly to: RowKey | null;
}

export interface DifferingColumn {
  readonly column: string;
  readonly stored: string | null;
  readonly rebuilt: string | null;
}

const list = (columns: ReadonlyArray<string>, of?: string): string =>
  columns.map((column) => (of === undefined ? column : `${of}.${column}`)).join(", ");

const equal = (key: ReadonlyArray<string>, left: string, right: string): string =>
  key.map((column) => `${left}.${column} = ${right}.${column}`).join(" AND ");

/** As a condition of rows of `of`, with its parameters. */
const within = (key: ReadonlyArray<string>, of: string, { after, to }: Range) => {
  const marks = key.map(() => "?").join(", ");
  const conditions = [
    ...(after === null ? [] : [`(${list(key, of)}) > (${marks})`]),
    ...(to === null ? [] : [`(${list(key, of)}) <= (${marks})`]),
  ];
  return {
    condition: conditions.length === 0 ? "true" : conditions.join(" AND "),
    parameters: [...(after ?? []), ...(to ?? [])].map(fromSqlValue),
  };
};

/** Integers beyond what a number can hold come as text. */
const readable = (column: string): string =>
  `iif(typeof(${column}) = 'integer' AND abs(${column}) > ${Number.MAX_SAFE_INTEGER}, CAST(${column} AS TEXT), ${column})`;

const asKey = (values: ReadonlyArray<unknown>): RowKey => values.map(toSqlValue);

/** A value as text, short; what is no text is shown as SQL writes it. */
const shown = (column: string): string =>
  `CASE typeof(${column}) WHEN 'null' THEN NULL WHEN 'blob' THEN substr(quote(${column}), 1, ${SHOWN})
    ELSE substr(${column}, 1, ${SHOWN}) || iif(length(${column}) > ${SHOWN}, '…', '') END`;

/** The comparisons of one table on a connection that has the shadow as `main` and the live database as `live`. */
export const compareRows = (sql: SqlClient.SqlClient, { table, key, columns, unique }: ComparedTable) => {
  const marks = key.map((column) => `${column} = ?`).join(" AND ");
  const values = columns.filter((column) => !key.includes(column));
  const unlike = values.map((column) => `shadow.${column} IS NOT stored.${column}`).join(" OR ") || "false";

  const select = (statement: string, parameters: ReadonlyArray<unknown>) =>
    selectValues(sql, statement, parameters);
  const keys = (statement: string, parameters: ReadonlyArray<unknown>) =>
    Effect.map(select(statement, parameters), (rows) => rows.map(asKey));

  return {
    /** The end of the range behind a key: at most so many rows stand in it on either side. Null where it has no end. */
    endOf: (after: RowKey | null, size: number): Effect.Effect<RowKey | null, SqlError.SqlError> => {
      const { condition, parameters } = within(key, "each", { after, to: null });
      const nth = (schema: string): string =>
        `SELECT * FROM (SELECT ${list(key)} FROM ${schema}.${table} AS each WHERE ${condition}
          ORDER BY ${list(key)} LIMIT 1 OFFSET ${size - 1})`;
      return Effect.map(
        keys(`${nth("main")} UNION ALL ${nth("live")} ORDER BY ${list(key)} LIMIT 1`, [
          ...parameters,
          ...parameters,
        ]),
        ([end]) => end ?? null,
      );
    },

    /** How many rows the shadow has. */
    count: Effect.map(select(`SELECT count(*) FROM main.${table}`, []), (rows) => Number(rows[0]?.[0])),

    compare: Effect.fnUntraced(function* (range: Range) {
      const ours = within(key, "shadow", range);
      const theirs = within(key, "stored", range);
      const found = yield* select(
        `SELECT ${list(key, "shadow")}, stored.${key[0]} IS NULL
          FROM main.${table} AS shadow LEFT JOIN live.${table} AS stored ON ${equal(key, "stored", "shadow")}
          WHERE ${ours.condition} AND (stored.${key[0]} IS NULL OR ${unlike}) ORDER BY ${list(key, "shadow")}`,
        ours.parameters,
      );
      const surplus = yield* keys(
        `SELECT ${list(key, "stored")} FROM live.${table} AS stored WHERE ${theirs.condition}
          AND NOT EXISTS (SELECT 1 FROM main.${table} AS shadow WHERE ${equal(key, "shadow", "stored")})
          ORDER BY ${list(key, "stored")}`,
        theirs.parameters,
      );
      const counted = yield* select(
        `SELECT count(*) FROM main.${table} AS shadow WHERE ${ours.condition}`,
        ours.parameters,
      );
      const missing: Array<RowKey> = [];
      const differing: Array<RowKey> = [];
      for (const row of found) (row.at(-1) === 1 ? missing : differing).push(asKey(row.slice(0, -1)));
      return { rows: Number(counted[0]?.[0]) + surplus.length, missing, surplus, differing };
    }),

    /** The columns in which a row differs. */
    columnsOf: (rowKey: RowKey): Effect.Effect<ReadonlyArray<DifferingColumn>, SqlError.SqlError> => {
      const facts = values.flatMap((column) => [
        `shadow.${column} IS NOT stored.${column}`,
        shown(`stored.${column}`),
        shown(`shadow.${column}`),
      ]);
      if (facts.length === 0) return Effect.succeed([]);
      const of = key.map((column) => `shadow.${column} = ?`).join(" AND ");
      return Effect.map(
        select(
          `SELECT ${facts.join(", ")} FROM main.${table} AS shadow
            JOIN live.${table} AS stored ON ${equal(key, "stored", "shadow")} WHERE ${of}`,
          rowKey.map(fromSqlValue),
        ),
        ([row = []]) =>
          values.flatMap((column, index) =>
            row[3 * index] === 1
              ? [{ column, stored: textOf(row[3 * index + 1]), rebuilt: textOf(row[3 * index + 2]) }]
              : [],
          ),
      );
    },

    /** Stored rows of other keys that stand where a right row belongs. */
    inTheWayOf: (rowKey: RowKey): Effect.Effect<ReadonlyArray<RowKey>, SqlError.SqlError> => {
      const of = key.map((column) => `shadow.${column} = ?`).join(" AND ");
      return Effect.map(
        Effect.forEach(unique, (together) =>
          keys(
            `SELECT ${list(key, "stored")} FROM main.${table} AS shadow
              JOIN live.${table} AS stored ON ${equal(together, "stored", "shadow")}
              WHERE ${of} AND NOT (${equal(key, "stored", "shadow")})`,
            rowKey.map(fromSqlValue),
          ),
        ),
        (found) => found.flat(),
      );
    },

    /** A row of one side, its values in the order of the columns. */
    rowOf: (
      schema: "main" | "live",
      rowKey: RowKey,
    ): Effect.Effect<ReadonlyArray<SqlValue> | undefined, SqlError.SqlError> =>
      Effect.map(
        select(
          `SELECT ${columns.map(readable).join(", ")} FROM ${schema}.${table} WHERE ${marks}`,
          rowKey.map(fromSqlValue),
        ),
        ([row]) => row?.map(toSqlValue),
      ),
  };
};

/** What the comparison needs to know of a table of the shadow. */
export const describeTable = Effect.fnUntraced(function* (
  sql: SqlClient.SqlClient,
  table: string,
  key: ReadonlyArray<string>,
): Effect.fn.Return<ComparedTable, SqlError.SqlError> {
  const names = (statement: string, parameters: ReadonlyArray<unknown>) =>
    Effect.map(selectValues(sql, statement, parameters), (rows) => rows.map(([name]) => String(name)));
  const columns = yield* names("SELECT name FROM pragma_table_info(?, 'main') ORDER BY cid", [table]);
  const indexes = yield* names(
    `SELECT name FROM pragma_index_list(?, 'main') WHERE "unique" = 1 AND partial = 0 ORDER BY seq`,
    [table],
  );
  const unique = yield* Effect.forEach(indexes, (index) =>
    names("SELECT name FROM pragma_index_info(?, 'main') ORDER BY seqno", [index]),
  );
  return { table, key, columns, unique: unique.filter((together) => together.join() !== key.join()) };
});

const textOf = (value: unknown): string | null =>
  value === null || value === undefined ? null : String(value);
