/** The measure of the write path: node:sqlite writing the rows that the engine wrote, prepared statements and nothing else. */
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { join } from "node:path";

const TABLES = [
  "orchestration_events",
  "orchestration_command_receipts",
  "projection_threads",
  "projection_state",
] as const;
type Row = ReadonlyArray<string | number | null>;

/** For each command: its event, its receipt, and the thread's row as it was then. */
export interface CommandRows {
  readonly event: Row;
  readonly receipt: Row;
  readonly thread: Row;
}

export class RawSqlite {
  readonly #database: DatabaseSync;
  readonly #insert: Record<(typeof TABLES)[number], StatementSync>;
  readonly #states: ReadonlyArray<Row>;

  /** A fresh database in `folder` with the schema of the engine's. */
  constructor(folder: string, enginePath: string) {
    const engine = new DatabaseSync(enginePath, { readOnly: true });
    this.#database = new DatabaseSync(join(folder, "raw.db"));
    this.#database.exec(
      "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL",
    );
    for (const { sql } of engine.prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL").all()) {
      if (TABLES.some((name) => new RegExp(`(TABLE|ON) ${name}\\b`).test(String(sql))))
        this.#database.exec(String(sql));
    }
    this.#states = allRows(engine, "SELECT * FROM projection_state");
    engine.close();
    const prepare = (table: (typeof TABLES)[number], suffix: string) => {
      const columns = this.#database.prepare(`PRAGMA table_info(${table})`).all();
      const values = columns.map(() => "?").join(", ");
      return this.#database.prepare(`INSERT INTO ${table} VALUES (${values}) ${suffix}`);
    };
    this.#insert = {
      orchestration_events: prepare("orchestration_events", ""),
      orchestration_command_receipts: prepare("orchestration_command_receipts", ""),
      projection_threads: prepare(
        "projection_threads",
        "ON CONFLICT (thread_id) DO UPDATE SET title = excluded.title, updated_at = excluded.updated_at",
      ),
      projection_state: prepare(
        "projection_state",
        "ON CONFLICT (projector) DO UPDATE SET last_applied_sequence = excluded.last_applied_sequence",
      ),
    };
  }

  /** Writes the rows of some commands in one transaction. */
  commit(commands: ReadonlyArray<CommandRows>): void {
    this.#database.exec("BEGIN IMMEDIATE");
    for (const { event, receipt, thread } of commands) {
      this.#insert.orchestration_events.run(...event);
      this.#insert.orchestration_command_receipts.run(...receipt);
      this.#insert.projection_threads.run(...thread);
    }
    for (const state of this.#states) this.#insert.projection_state.run(...state);
    this.#database.exec("COMMIT");
  }

  close(): void {
    this.#database.close();
  }
}

const allRows = (database: DatabaseSync, sql: string): ReadonlyArray<Row> =>
  database
    .prepare(sql)
    .all()
    .map((row) => Object.values(row) as Row);

/** What the engine wrote for commands that each gave one event. */
export const readCommandRows = (enginePath: string): ReadonlyArray<CommandRows> => {
  const database = new DatabaseSync(enginePath, { readOnly: true });
  const events = allRows(
    database,
    "SELECT * FROM orchestration_events WHERE event_type = 'thread.meta-updated' ORDER BY sequence",
  );
  const receipts = new Map(
    allRows(database, "SELECT * FROM orchestration_command_receipts").map((row) => [row[0], row]),
  );
  const threads = new Map(allRows(database, "SELECT * FROM projection_threads").map((row) => [row[0], row]));
  database.close();
  return events.flatMap((event) => {
    const receipt = receipts.get(event[8] ?? null);
    const thread = threads.get(event[3] ?? null);
    return receipt && thread ? [{ event, receipt, thread }] : [];
  });
};
