/** What a database file is made of: its tables and their indexes, and the room in it that is free. */
import { stat } from "node:fs/promises";
import { Effect } from "effect";
import type { SqlClient, SqlError } from "effect/sql";

export interface TableSize {
  readonly table: string;
  readonly rows: number;
  /** Of its own pages. */
  readonly bytes: number;
  /** Of the pages of its indexes. */
  readonly indexBytes: number;
}

export interface DatabaseStats {
  readonly fileBytes: number;
  /** What is not yet in the file itself. */
  readonly walBytes: number;
  readonly pageBytes: number;
  readonly pages: number;
  readonly freePages: number;
  /** The largest first. */
  readonly tables: ReadonlyArray<TableSize>;
}

/** Measures a database. It walks all of its pages; run it in one transaction. */
export const databaseStats = Effect.fn("DatabaseStats.databaseStats")(function* (
  sql: SqlClient.SqlClient,
  file: string,
): Effect.fn.Return<DatabaseStats, SqlError.SqlError> {
  const { pageBytes, pages, freePages } = yield* pageCounts(sql);
  const sizes = yield* sql<{ table: string; isIndex: 0 | 1; bytes: number }>`
    SELECT coalesce(object.tbl_name, size.name) AS "table", coalesce(object.type = 'index', 0) AS "isIndex",
      sum(size.pgsize) AS bytes
    FROM dbstat AS size LEFT JOIN sqlite_schema AS object ON object.name = size.name
    WHERE size.aggregate = TRUE GROUP BY 1, 2`;
  const bytesOf = (table: string, isIndex: 0 | 1) =>
    sizes.find((size) => size.table === table && size.isIndex === isIndex)?.bytes ?? 0;
  const tables = yield* Effect.forEach(new Set(sizes.map(({ table }) => table)), (table) =>
    Effect.map(sql<{ rows: number }>`SELECT count(*) AS rows FROM ${sql(table)}`, ([row]) => ({
      table,
      rows: row?.rows ?? 0,
      bytes: bytesOf(table, 0),
      indexBytes: bytesOf(table, 1),
    })),
  );
  return {
    fileBytes: yield* sizeOfFile(file),
    walBytes: yield* sizeOfFile(`${file}-wal`),
    pageBytes,
    pages,
    freePages,
    tables: tables.toSorted((left, right) => right.bytes + right.indexBytes - (left.bytes + left.indexBytes)),
  };
});

/** How many pages the database has, and how many of them are free. */
export const pageCounts = (
  sql: SqlClient.SqlClient,
): Effect.Effect<Pick<DatabaseStats, "pageBytes" | "pages" | "freePages">, SqlError.SqlError> =>
  Effect.map(
    sql<Pick<DatabaseStats, "pageBytes" | "pages" | "freePages">>`
      SELECT page_size AS "pageBytes", page_count AS pages, freelist_count AS "freePages"
      FROM pragma_page_size, pragma_page_count, pragma_freelist_count`,
    ([row]) => row ?? { pageBytes: 0, pages: 0, freePages: 0 },
  );

const sizeOfFile = (path: string): Effect.Effect<number> =>
  Effect.promise(() =>
    stat(path).then(
      ({ size }) => size,
      () => 0,
    ),
  );
