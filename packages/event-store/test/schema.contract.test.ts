import { assert, describe, layer } from "@effect/vitest";
import { Effect } from "effect";
import { SqlClient, SqlError } from "effect/sql";
import { CONTRACT, type TableContract } from "./schema.contract.ts";
import { archived, freshDatabase } from "./support.ts";

interface ColumnRow {
  readonly name: string;
  readonly type: string;
  readonly notnull: number;
  readonly dflt_value: string | null;
  readonly pk: number;
  readonly hidden: number;
}
interface IndexRow {
  readonly name: string;
  readonly unique: number;
  /** `c`: CREATE INDEX, `u`: a UNIQUE constraint, `pk`: a primary key. */
  readonly origin: "c" | "u" | "pk";
}
interface IndexColumnRow {
  readonly name: string | null;
  readonly desc: number;
  readonly coll: string;
  readonly key: number;
}

const describeTable = Effect.fnUntraced(function* (table: string) {
  const sql = yield* SqlClient.SqlClient;
  const columns = yield* sql<ColumnRow>`SELECT * FROM pragma_table_xinfo(${table})`;
  const indexes = yield* sql<IndexRow>`SELECT * FROM pragma_index_list(${table}) ORDER BY seq DESC`;
  const foreignKeys = yield* sql`SELECT * FROM pragma_foreign_key_list(${table})`;
  const schema = yield* sql<{ name: string; sql: string }>`
    SELECT name, sql FROM sqlite_schema WHERE tbl_name = ${table} AND sql IS NOT NULL`;
  const [listed] = yield* sql<{
    wr: number;
    strict: number;
  }>`SELECT wr, strict FROM pragma_table_list(${table})`;
  const statements = new Map(schema.map((row) => [row.name, row.sql.replaceAll(/\s+/g, " ")]));

  const unique: Array<ReadonlyArray<string>> = [];
  const named: Record<string, string> = {};
  for (const index of indexes) {
    const entries = yield* sql<IndexColumnRow>`SELECT * FROM pragma_index_xinfo(${index.name}) WHERE key = 1`;
    for (const entry of entries) assert.deepInclude({ ...entry }, { desc: 0, coll: "BINARY" });
    const names = entries.map((entry) => entry.name ?? "expression");
    if (index.origin === "u") unique.push(names);
    if (index.origin === "c")
      named[index.name] = describeIndex(index, names, statements.get(index.name) ?? "");
  }

  const create = statements.get(table) ?? "";
  return {
    columns: Object.fromEntries(
      columns.map((column) => [column.name, `${column.type}${column.notnull || isRowid(column) ? "" : "?"}`]),
    ),
    key: columns
      .filter((column) => column.pk > 0)
      .toSorted((left, right) => left.pk - right.pk)
      .map((column) => column.name),
    unique,
    checks: checksIn(create),
    indexes: named,
    withoutRowid: listed?.wr === 1,
    // What no table of ours has.
    defaults: columns.filter((column) => column.dflt_value !== null).map((column) => column.name),
    generated: columns.filter((column) => column.hidden > 0).map((column) => column.name),
    foreignKeys: foreignKeys.length,
    collations: [...create.matchAll(/COLLATE \w+/gi)].map(String),
  };
});

/** SQLite gives `INTEGER PRIMARY KEY` the table's row id, which is never null. */
const isRowid = (column: ColumnRow): boolean => column.type === "INTEGER" && column.pk === 1;

const describeIndex = (index: IndexRow, columns: ReadonlyArray<string>, statement: string): string => {
  const [, where] = statement.split(" WHERE ");
  return `${index.unique ? "unique " : ""}(${columns.join(", ")})${where === undefined ? "" : ` where ${where}`}`;
};

/** The conditions behind each CHECK, without their outer brackets. */
const checksIn = (create: string): ReadonlyArray<string> =>
  [...create.matchAll(/CHECK \(/g)].map(({ index }) => {
    const start = index + "CHECK (".length;
    let depth = 1;
    let end = start;
    while (depth > 0 && end < create.length) {
      if (create[end] === "(") depth += 1;
      if (create[end] === ")") depth -= 1;
      end += 1;
    }
    return create.slice(start, end - 1).trim();
  });

const expected = (table: TableContract) => ({
  columns: table.columns,
  key: table.key,
  unique: table.unique ?? [],
  checks: table.checks ?? [],
  indexes: table.indexes ?? {},
  withoutRowid: table.withoutRowid ?? false,
  defaults: [],
  generated: [],
  foreignKeys: 0,
  collations: [],
});

layer(freshDatabase)("a fresh database", (it) => {
  describe("holds", () => {
    it.effect.each(Object.entries(CONTRACT))("%s as the contract says", ([name, table]) =>
      Effect.gen(function* () {
        assert.deepStrictEqual<unknown>(yield* describeTable(name), expected(table));
      }),
    );

    it.effect("these tables and their indexes, and no other table, view or trigger", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient;
        const objects = yield* sql<{ type: string; name: string }>`
          SELECT type, name FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type, name`;
        const named = (type: string) => objects.filter((row) => row.type === type).map((row) => row.name);
        assert.deepStrictEqual(named("table"), Object.keys(CONTRACT).toSorted());
        assert.deepStrictEqual(
          named("index"),
          Object.values(CONTRACT)
            .flatMap((table) => Object.keys(table.indexes ?? {}))
            .toSorted(),
        );
        assert.deepStrictEqual(
          objects.filter((row) => row.type !== "table" && row.type !== "index"),
          [],
        );
      }),
    );

    it.effect("a column of the log for each field of an event, under its name", () =>
      Effect.gen(function* () {
        const { columns } = yield* describeTable("orchestration_events");
        const fields = Object.keys(columns).map((column) =>
          column.replace(/_json$/, "").replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase()),
        );
        assert.deepStrictEqual(fields.toSorted(), Object.keys(archived({ sequence: 1 })).toSorted());
      }),
    );

    it.effect("columns in the contract's order", () =>
      Effect.gen(function* () {
        for (const [name, table] of Object.entries(CONTRACT)) {
          const { columns } = yield* describeTable(name);
          assert.deepStrictEqual(Object.keys(columns), Object.keys(table.columns));
        }
      }),
    );
  });

  describe("refuses", () => {
    it.effect.each([
      ["an aggregate of an unknown kind", { aggregate_kind: "session" }],
      ["a stream version of 0", { stream_version: 0 }],
      ["an unknown actor", { actor_kind: "agent" }],
      ["an event without a type", { event_type: null }],
      ["an event without a payload", { payload_json: null }],
    ] as const)("%s", ([, wrong]) =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient;
        const row = {
          sequence: 1,
          event_id: "e1",
          aggregate_kind: "thread",
          stream_id: "t1",
          stream_version: 1,
          event_type: "thread.archived",
          event_version: 1,
          occurred_at: "2026-02-03T04:05:06.000Z",
          actor_kind: "client",
          payload_json: "{}",
          metadata_json: "{}",
        };
        const insert = (values: Record<string, string | number | null>) =>
          sql`INSERT INTO orchestration_events ${sql.insert(values)}`;
        const failure = yield* Effect.flip(insert({ ...row, ...wrong }));
        assert.instanceOf(failure.reason, SqlError.ConstraintError);
        // The rest of the row is as it should be.
        yield* insert(row);
        yield* sql`DELETE FROM orchestration_events`;
      }),
    );
  });
});
