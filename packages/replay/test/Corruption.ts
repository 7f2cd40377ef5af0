/** Hands that change rows of projections behind the server's back, and what they changed, seen by comparing all rows. */
import { PROJECTORS } from "@heddle/projections/Projectors";
import { Effect } from "effect";
import { SqlClient } from "effect/sql";
import fc from "fast-check";

export interface Corruption {
  readonly kind: "update" | "delete" | "insert";
  readonly table: number;
  readonly row: number;
  readonly column: number;
  readonly form: number;
}

export const corruptions: fc.Arbitrary<ReadonlyArray<Corruption>> = fc.array(
  fc.record({
    kind: fc.constantFrom("update", "update", "delete", "insert"),
    table: fc.nat(PROJECTORS.length - 1),
    row: fc.nat(1000),
    column: fc.nat(20),
    form: fc.nat(5),
  }),
  { minLength: 1, maxLength: 12 },
);

type Row = Readonly<Record<string, unknown>>;

/** Values that somebody may have written. Those that the table does not take change nothing. */
const FORMS = [
  (column: string) => `${column} || 'x'`,
  () => "NULL",
  () => "'pending'",
  (column: string) => `${column} + 1`,
  () => "''",
  () => "x'00ff'",
];

export const corrupt = ({ kind, table: at, row: pick, column: of, form }: Corruption) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient;
    const table = PROJECTORS[at % PROJECTORS.length]?.table ?? "";
    const rows = yield* sql<{ id: number }>`SELECT rowid AS id FROM ${sql(table)} ORDER BY rowid`;
    const id = rows[pick % Math.max(1, rows.length)]?.id;
    if (id === undefined) return;
    const columns = (yield* sql<{ name: string }>`SELECT name FROM pragma_table_info(${table})`).map(
      ({ name }) => name,
    );
    const column = columns[of % columns.length] ?? "";
    const value = FORMS[form % FORMS.length]?.(column) ?? "NULL";
    // Another row that is like it but for its first column.
    const copied = columns.map((name, index) => (index === 0 ? `${name} || '-copy'` : name));
    const statement = {
      update: `UPDATE ${table} SET ${column} = ${value} WHERE rowid = ${id}`,
      delete: `DELETE FROM ${table} WHERE rowid = ${id}`,
      insert: `INSERT INTO ${table} (${columns.join(", ")}) SELECT ${copied.join(", ")} FROM ${table} WHERE rowid = ${id}`,
    }[kind];
    yield* sql.unsafe(statement).pipe(Effect.catchTag("SqlError", () => Effect.void));
  });

const shown = (value: unknown): unknown =>
  value instanceof Uint8Array ? `x'${Buffer.from(value).toString("hex")}'` : value;

/** What differs between two states of the tables, in the words of `inWords`. */
export const changesBetween = (
  right: Readonly<Record<string, ReadonlyArray<Row>>>,
  stored: Readonly<Record<string, ReadonlyArray<Row>>>,
): ReadonlyArray<string> =>
  PROJECTORS.flatMap(({ table, key }) => {
    const byKey = (rows: ReadonlyArray<Row> = []) =>
      new Map(rows.map((row) => [key.map((column) => shown(row[column])).join(" "), row]));
    const [ours, theirs] = [byKey(right[table]), byKey(stored[table])];
    return [...new Set([...ours.keys(), ...theirs.keys()])].flatMap((id) => {
      const [rightRow, storedRow] = [ours.get(id), theirs.get(id)];
      if (storedRow === undefined) return [`${table} ${id} missing`];
      if (rightRow === undefined) return [`${table} ${id} surplus`];
      const columns = Object.keys(rightRow).filter(
        (column) => shown(rightRow[column]) !== shown(storedRow[column]),
      );
      return columns.length === 0 ? [] : [`${table} ${id} differs ${columns.join(" ")}`];
    });
  });
