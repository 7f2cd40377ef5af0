/**
 * Effect's SQL client on `node:sqlite` (docs/adr/0014-sqlite-connection.md): one connection, each statement prepared once.
 * Statements run synchronously, one at a time; a transaction holds the connection until it ends.
 */
import { DatabaseSync } from "node:sqlite";
import { Effect, Layer, Semaphore, Stream } from "effect";
import { Reactivity } from "effect/reactivity";
import { SqlClient, type SqlConnection, SqlError, Statement } from "effect/sql";
import { PreparedStatements, type RowShape } from "./PreparedStatements.ts";

export interface NodeSqliteOptions {
  readonly filename: string;
  /** Run once, in order, when the connection opens: `PRAGMA …` without the word. */
  readonly pragmas: ReadonlyArray<string>;
  /** How a transaction begins: a writer takes its lock at once. */
  readonly begin: "BEGIN" | "BEGIN IMMEDIATE";
  /** The file must be there, and cannot be written on this connection. */
  readonly readOnly?: boolean;
}

type Rows = ReadonlyArray<Record<string, unknown>>;

class NodeSqliteConnection implements SqlConnection.Connection {
  readonly #database: DatabaseSync;
  readonly #statements: PreparedStatements;

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#statements = new PreparedStatements(database);
  }

  get isTransaction(): boolean {
    return this.#database.isTransaction;
  }

  /**
   * Nobody holds the connection when it is handed out: a transaction that is open then was left by an error, such as a
   * BEGIN that was carried out although it failed.
   */
  get endLeftover(): Effect.Effect<void, SqlError.SqlError> {
    return Effect.suspend(() =>
      this.isTransaction ? Effect.asVoid(this.#run<Rows>("objects", "ROLLBACK", [])) : Effect.void,
    );
  }

  execute(
    sql: string,
    params: ReadonlyArray<unknown>,
    transformRows?: <A extends object>(rows: ReadonlyArray<A>) => ReadonlyArray<A>,
  ): Effect.Effect<Rows, SqlError.SqlError> {
    const rows = this.#run<Rows>("objects", sql, params);
    // What failed before has its own error; what this leaves open, `endLeftover` ends.
    if (sql === "ROLLBACK") return Effect.catchTag(rows, "SqlError", () => Effect.succeed([]));
    return transformRows ? Effect.map(rows, transformRows) : rows;
  }

  executeRaw(sql: string, params: ReadonlyArray<unknown>) {
    return this.#run<unknown>("objects", sql, params);
  }

  executeValues(sql: string, params: ReadonlyArray<unknown>) {
    return this.#run<ReadonlyArray<ReadonlyArray<unknown>>>("values", sql, params);
  }

  executeValuesUnprepared(sql: string, params: ReadonlyArray<unknown>) {
    return this.executeValues(sql, params);
  }

  executeUnprepared(
    sql: string,
    params: ReadonlyArray<unknown>,
    transformRows?: <A extends object>(rows: ReadonlyArray<A>) => ReadonlyArray<A>,
  ) {
    return this.execute(sql, params, transformRows);
  }

  executeStream(): Stream.Stream<never> {
    return Stream.die("Read pages instead: a stream would hold the one connection while it is pulled.");
  }

  #run<A>(shape: RowShape, sql: string, params: ReadonlyArray<unknown>): Effect.Effect<A, SqlError.SqlError> {
    return Effect.suspend(() => {
      try {
        return Effect.succeed(this.#statements.run(sql, params, shape) as A);
      } catch (cause) {
        return Effect.fail(sqlError(cause));
      }
    });
  }
}

/** https://www.sqlite.org/rescode.html */
const SQLITE_CONSTRAINT_PRIMARYKEY = 1555;
const SQLITE_CONSTRAINT_UNIQUE = 2067;

/** By SQLite's extended result code. A primary key that is taken counts as a unique value that is taken. */
export const sqlError = (cause: unknown): SqlError.SqlError => {
  if (cause instanceof Error && "errcode" in cause && typeof cause.errcode === "number") {
    const { errcode } = cause;
    const errno = errcode === SQLITE_CONSTRAINT_PRIMARYKEY ? SQLITE_CONSTRAINT_UNIQUE : errcode;
    Object.assign(cause, { errno });
  }
  const message = cause instanceof Error ? cause.message : String(cause);
  return new SqlError.SqlError({
    reason: SqlError.classifySqliteError(cause, { message, operation: "execute" }),
  });
};

/** Opens the file; it must be possible, see `DatabaseUnavailable`. Fails where a pragma does. */
export const nodeSqliteLayer = ({
  filename,
  pragmas,
  begin,
  readOnly = false,
}: NodeSqliteOptions): Layer.Layer<SqlClient.SqlClient, SqlError.SqlError> =>
  Layer.effect(
    SqlClient.SqlClient,
    Effect.gen(function* () {
      const database = yield* Effect.acquireRelease(
        Effect.try({ try: () => new DatabaseSync(filename, { readOnly }), catch: sqlError }),
        (opened) => Effect.sync(() => opened.close()),
      );
      const connection = new NodeSqliteConnection(database);
      for (const pragma of pragmas) yield* connection.execute(`PRAGMA ${pragma}`, []);
      return yield* SqlClient.make({
        ...SqlClient.makeSqliteAcquirers({
          connection: Effect.as(connection.endLeftover, connection),
          semaphore: yield* Semaphore.make(1),
          isTransaction: () => connection.isTransaction,
        }),
        compiler: Statement.makeCompilerSqlite(),
        driver: "node:sqlite",
        spanAttributes: [],
        beginTransaction: begin,
        prepareTransactionControls: true,
      });
    }),
  ).pipe(Layer.provide(Reactivity.layer));
