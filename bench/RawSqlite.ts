/** The measure of the write path: node:sqlite writing the rows that the engine wrote, prepared statements and nothing else. */
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { WRITER_PRAGMAS } from "@heddle/event-store/SqliteDatabase";

const TABLES = [
  "orchestration_events",
  "orchestration_command_receipts",
  "projection_threads",
  "projection_state",
] as const;
type Table = (typeof TABLES)[number];
type Row = ReadonlyArray<string | number | null>;

/** For each command: its event, its receipt, and the thread's row as it was then. */
export interface CommandRows {
  readonly event: Row;
  readonly receipt: Row;
  readonly thread: Row;
}

/** Commands in one transaction. */
const GROUP = 100;

/** Makes a database with the tables that a command writes: empty, but for the cursors of the engine's projectors. */
export const createRawDatabase = (path: string, enginePath: string): void => {
  const engine = new DatabaseSync(enginePath, { readOnly: true });
  const raw = new DatabaseSync(path);
  for (const pragma of WRITER_PRAGMAS) raw.exec(`PRAGMA ${pragma}`);
  for (const { sql } of engine.prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL").all()) {
    if (TABLES.some((name) => new RegExp(`(TABLE|ON) ${name}\\b`).test(String(sql)))) raw.exec(String(sql));
  }
  const insert = insertInto(raw, "projection_state");
  for (const state of allRows(engine, "SELECT * FROM projection_state")) insert.run(...state);
  engine.close();
  raw.close();
};

export class RawSqlite {
  readonly #database: DatabaseSync;
  readonly #event: StatementSync;
  readonly #receipt: StatementSync;
  readonly #thread: StatementSync;
  readonly #state: StatementSync;
  readonly #states: ReadonlyArray<Row>;
  readonly #versions = new Map<string, number>();
  #sequence: number;

  /** Opens a database that has those tables, with the engine's settings. */
  constructor(path: string) {
    const database = new DatabaseSync(path);
    for (const pragma of WRITER_PRAGMAS) database.exec(`PRAGMA ${pragma}`);
    this.#database = database;
    this.#event = insertInto(database, "orchestration_events");
    this.#receipt = insertInto(database, "orchestration_command_receipts");
    this.#thread = insertInto(
      database,
      "projection_threads",
      "ON CONFLICT (thread_id) DO UPDATE SET title = excluded.title, updated_at = excluded.updated_at",
    );
    this.#state = insertInto(
      database,
      "projection_state",
      "ON CONFLICT (projector) DO UPDATE SET last_applied_sequence = excluded.last_applied_sequence",
    );
    this.#states = allRows(database, "SELECT * FROM projection_state");
    this.#sequence = Number(
      database.prepare("SELECT max(sequence) AS head FROM orchestration_events").get()?.["head"],
    );
  }

  /** Those commands as they come next on this database; in another round, other ids. */
  next(round: string, commands: ReadonlyArray<CommandRows>): ReadonlyArray<CommandRows> {
    return commands.map(({ event, receipt, thread }) => {
      const commandId = `${round}-${String(event[8])}`;
      const streamId = String(event[3]);
      const version = (this.#versions.get(streamId) ?? this.#versionOf(streamId)) + 1;
      this.#versions.set(streamId, version);
      this.#sequence += 1;
      return {
        event: event
          .with(0, this.#sequence)
          .with(1, `${commandId}#1`)
          .with(4, version)
          .with(8, commandId)
          .with(10, commandId),
        receipt: receipt.with(0, commandId).with(4, this.#sequence),
        thread,
      };
    });
  }

  #versionOf(streamId: string): number {
    const found = this.#database
      .prepare(
        "SELECT max(stream_version) AS version FROM orchestration_events WHERE aggregate_kind = 'thread' AND stream_id = ?",
      )
      .get(streamId);
    return Number(found?.["version"]);
  }

  /** Writes the rows of some commands in one transaction. */
  commit(commands: ReadonlyArray<CommandRows>): void {
    this.#database.exec("BEGIN IMMEDIATE");
    for (const { event, receipt, thread } of commands) {
      this.#event.run(...event);
      this.#receipt.run(...receipt);
      this.#thread.run(...thread);
    }
    const last = commands.at(-1)?.event[0] ?? null;
    for (const state of this.#states) this.#state.run(...state.with(2, last));
    this.#database.exec("COMMIT");
  }

  /** Writes them in groups, and gives the commands a second. */
  rate(commands: ReadonlyArray<CommandRows>): number {
    const start = performance.now();
    for (let at = 0; at < commands.length; at += GROUP) this.commit(commands.slice(at, at + GROUP));
    return (commands.length / (performance.now() - start)) * 1000;
  }

  close(): void {
    this.#database.close();
  }
}

const insertInto = (database: DatabaseSync, table: Table, suffix = ""): StatementSync => {
  const columns = database.prepare(`PRAGMA table_info(${table})`).all();
  return database.prepare(`INSERT INTO ${table} VALUES (${columns.map(() => "?").join(", ")}) ${suffix}`);
};

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
