/**
 * Statements whose text is made once, for paths where a statement built anew for each call would cost more than the
 * database's own work. They run in the caller's transaction, if it has one.
 */
import { Context, Effect } from "effect";
import type { SqlClient, SqlConnection, SqlError } from "effect/sql";

/** Uses the transaction's connection, or else the client's. */
export const onConnection = <A>(
  sql: SqlClient.SqlClient,
  use: (connection: SqlConnection.Connection) => Effect.Effect<A, SqlError.SqlError>,
): Effect.Effect<A, SqlError.SqlError> =>
  Effect.withFiber((fiber) => {
    const transaction = Context.getOrUndefined(fiber.context, sql.transactionService);
    return transaction ? use(transaction[0]) : Effect.scoped(Effect.flatMap(sql.reserve, use));
  });

/** The rows of a statement, each as an array of its values in the order of its columns. */
export const selectValues = (
  sql: SqlClient.SqlClient,
  statement: string,
  parameters: ReadonlyArray<unknown>,
): Effect.Effect<ReadonlyArray<ReadonlyArray<unknown>>, SqlError.SqlError> =>
  onConnection(sql, (connection) => connection.executeValues(statement, parameters));

/** Placeholders of a statement, in the dialect's own way: `?`, or `$1`, `$2` and so on. */
export const placeholders = (sql: SqlClient.SqlClient): (() => string) => {
  let count = 0;
  return sql.onDialectOrElse({ pg: () => () => `$${++count}`, orElse: () => () => "?" });
};
