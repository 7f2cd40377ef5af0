import type { SqlClient, Statement } from "effect/sql";

/**
 * `column IN (…)` with the whole list as one parameter, so that a statement is prepared once whatever the list's length.
 * An empty list matches nothing.
 */
export const inList = (
  sql: SqlClient.SqlClient,
  column: string,
  values: ReadonlyArray<string>,
): Statement.Fragment =>
  sql.onDialectOrElse({
    pg: () => sql`${sql(column)} = ANY(${values})`,
    orElse: () => sql`${sql(column)} IN (SELECT value FROM json_each(${JSON.stringify(values)}))`,
  });
