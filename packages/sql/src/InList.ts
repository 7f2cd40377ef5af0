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

/** The same for a statement whose text is made once: the condition, and the parameter for a list. */
export const inListText = (sql: SqlClient.SqlClient, column: string, placeholder: string) =>
  sql.onDialectOrElse({
    pg: () => ({
      condition: `${column} = ANY(${placeholder})`,
      parameter: (values: ReadonlyArray<string>): unknown => values,
    }),
    orElse: () => ({
      condition: `${column} IN (SELECT value FROM json_each(${placeholder}))`,
      parameter: (values: ReadonlyArray<string>): unknown => JSON.stringify(values),
    }),
  });
