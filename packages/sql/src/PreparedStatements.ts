/** Statements of one connection of `node:sqlite`, each prepared once. They run synchronously. */
import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";

/** The texts come from the program, and are few; a text that was made for one use goes again. */
const PREPARED_STATEMENTS = 500;

/** How rows are given: as objects, or each as an array of its values in the order of its columns. */
export type RowShape = "objects" | "values";

interface Prepared {
  readonly statement: StatementSync;
  readonly givesRows: boolean;
}

export class PreparedStatements {
  readonly #database: DatabaseSync;
  readonly #prepared = { objects: new Map<string, Prepared>(), values: new Map<string, Prepared>() };

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** The rows, none where the statement gives none. Throws the error of `node:sqlite`. */
  run(sql: string, params: ReadonlyArray<unknown>, shape: RowShape): ReadonlyArray<unknown> {
    const { statement, givesRows } = this.#prepared[shape].get(sql) ?? this.#prepare(sql, shape);
    // What a value may be is the driver's to check: it throws on another.
    const values = params as ReadonlyArray<SQLInputValue>;
    if (givesRows) return statement.all(...values);
    statement.run(...values);
    return [];
  }

  #prepare(sql: string, shape: RowShape): Prepared {
    const statement = this.#database.prepare(sql);
    if (shape === "values") statement.setReturnArrays(true);
    const prepared = { statement, givesRows: statement.columns().length > 0 };
    const cache = this.#prepared[shape];
    cache.set(sql, prepared);
    const oldest = cache.keys().next();
    if (cache.size > PREPARED_STATEMENTS && !oldest.done) cache.delete(oldest.value);
    return prepared;
  }
}
