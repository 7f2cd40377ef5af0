/** What an archive is made of, read in pages of a bounded size. Rows come as they are stored. */
import { HEAD_SQL } from "@heddle/event-store/Pruned";
import { onConnection, selectValues } from "@heddle/sql/OnConnection";
import { Effect } from "effect";
import type { SqlClient, SqlError } from "effect/sql";
import { ARCHIVED, type ArchivedRow, columnsOf, type RowKind } from "./ArchiveFormat.ts";
import { toSqlValue } from "../rebuild/SqlValue.ts";

const PAGE_ROWS = 500;
const PAGE_BYTES = 4 * 1024 * 1024;

/** A row by its columns, in their order. */
const rowFrom = <Kind extends RowKind>(columns: ReadonlyArray<string>, values: ReadonlyArray<unknown>) =>
  Object.fromEntries(
    columns.map((column, index) => [column, toSqlValue(values[index])]),
  ) as ArchivedRow<Kind>;

export const selectRows = <Kind extends RowKind>(
  sql: SqlClient.SqlClient,
  kind: Kind,
  rest: string,
  parameters: ReadonlyArray<unknown>,
): Effect.Effect<ReadonlyArray<ArchivedRow<Kind>>, SqlError.SqlError> => {
  const columns = columnsOf(kind);
  const statement = `SELECT ${columns.join(", ")} FROM ${ARCHIVED[kind].table} ${rest}`;
  return Effect.map(selectValues(sql, statement, parameters), (rows) =>
    rows.map((values) => rowFrom<Kind>(columns, values)),
  );
};

export type EventRow = ArchivedRow<"event">;

const SIZES = `SELECT sequence, octet_length(payload_json) FROM orchestration_events
  WHERE sequence > ? AND sequence <= ? ORDER BY sequence LIMIT ${PAGE_ROWS}`;

/** The next events after one sequence and up to another, as many as fit into a page, one at least; none at the end. */
export const readEvents = (sql: SqlClient.SqlClient) =>
  Effect.fnUntraced(function* (from: number, upTo: number) {
    const sizes = yield* selectValues(sql, SIZES, [from, upTo]);
    const last = lastWithin(sizes);
    if (last === undefined) return [];
    const rows = yield* selectRows(sql, "event", "WHERE sequence > ? AND sequence <= ? ORDER BY sequence", [
      from,
      last,
    ]);
    const bytes = new Map(sizes.map(([sequence, size]) => [Number(sequence), Number(size)]));
    for (const [index, row] of rows.entries()) {
      const text = row.payload_json;
      // What is no UTF-8 came with other bytes than are stored.
      if (typeof text !== "string" || Buffer.byteLength(text) === bytes.get(row.sequence)) continue;
      (rows as Array<EventRow>)[index] = { ...row, payload_json: yield* rawPayload(sql, row.sequence) };
    }
    return rows;
  });

const lastWithin = (sizes: ReadonlyArray<ReadonlyArray<unknown>>): number | undefined => {
  let bytes = 0;
  let last: number | undefined;
  for (const [sequence, size] of sizes) {
    bytes += Number(size);
    if (bytes > PAGE_BYTES && last !== undefined) break;
    last = Number(sequence);
  }
  return last;
};

const rawPayload = (sql: SqlClient.SqlClient, sequence: number) =>
  Effect.map(
    selectValues(sql, "SELECT CAST(payload_json AS BLOB) FROM orchestration_events WHERE sequence = ?", [
      sequence,
    ]),
    ([values]) => ({ base64: Buffer.from(values?.[0] as Uint8Array).toString("base64") }),
  );

/**
 * Receipts in the order of the log, from a sequence on: all that stand at it, too, since a rejection says where the log
 * stood, and more of them may have come.
 */
export const receiptCursor = (sql: SqlClient.SqlClient, fromSequence: number) => {
  let buffer: ReadonlyArray<ArchivedRow<"receipt">> = [];
  let index = 0;
  let after: readonly [number, string] = [fromSequence, ""];
  /** Nothing stood behind the buffer up to this sequence. */
  let readUpTo = fromSequence - 1;
  const REST = `WHERE (result_sequence, command_id) > (?, ?) AND result_sequence <= ?
    ORDER BY result_sequence, command_id LIMIT ${PAGE_ROWS}`;

  /** The next one that stands at or before `upTo`, of those that were read. */
  const peek = (upTo: number) => {
    const next = buffer[index];
    return next !== undefined && next.result_sequence <= upTo ? next : undefined;
  };
  return {
    peek,
    skip: (): void => {
      index += 1;
    },
    /** More must be read before `peek` knows what stands at or before `upTo`. */
    mustRead: (upTo: number): boolean => buffer[index] === undefined && readUpTo < upTo,
    /** Reads on; the log is known up to `bound`. */
    read: (bound: number) =>
      Effect.map(selectRows(sql, "receipt", REST, [...after, bound]), (rows) => {
        buffer = rows;
        index = 0;
        const last = rows.at(-1);
        if (last !== undefined) after = [last.result_sequence, last.command_id];
        if (rows.length < PAGE_ROWS) readUpTo = bound;
      }),
  };
};

export interface RowsToRead {
  /** Columns that name a row, and order them. */
  readonly key: ReadonlyArray<string>;
  /** A condition, and what it is given. */
  readonly where?: string;
  readonly given?: ReadonlyArray<unknown>;
}

/** Rows of a table by pages of its key, given to `take` one by one. */
export const eachRow = Effect.fnUntraced(function* <Kind extends RowKind, E>(
  sql: SqlClient.SqlClient,
  kind: Kind,
  { key, where = "1", given = [] }: RowsToRead,
  take: (row: ArchivedRow<Kind>) => Effect.Effect<void, E>,
) {
  const columns = columnsOf(kind);
  const names = key.join(", ");
  const places = key.map(() => "?").join(", ");
  let after: ReadonlyArray<unknown> | undefined;
  for (;;) {
    const beyond = after === undefined ? "1" : `(${names}) > (${places})`;
    // One at a time where a row may be large.
    const rows = yield* selectRows(
      sql,
      kind,
      `WHERE ${where} AND ${beyond} ORDER BY ${names} LIMIT ${kind === "diff" ? 1 : PAGE_ROWS}`,
      [...given, ...(after ?? [])],
    );
    for (const row of rows) yield* take(row);
    const last = rows.at(-1);
    if (last === undefined) return;
    const values = Object.values(last);
    after = key.map((column) => values[columns.indexOf(column)]);
  }
});

/** The names of the database's tables. */
export const tablesOf = (sql: SqlClient.SqlClient): Effect.Effect<ReadonlySet<string>, SqlError.SqlError> =>
  Effect.map(
    onConnection(sql, (connection) =>
      connection.executeValues("SELECT name FROM sqlite_schema WHERE type = 'table'", []),
    ),
    (rows) => new Set(rows.map(([name]) => String(name))),
  );

/** Where the log stands; a database of an older schema may not know of pruned threads yet. */
export const headOf = (sql: SqlClient.SqlClient, tables: ReadonlySet<string>) =>
  tables.has("orchestration_pruned")
    ? Effect.map(selectValues(sql, HEAD_SQL, []), (rows) => Number(rows[0]?.[0] ?? 0))
    : endOf(sql);

/** The last event's sequence. */
export const endOf = (sql: SqlClient.SqlClient): Effect.Effect<number, SqlError.SqlError> =>
  Effect.map(selectValues(sql, "SELECT coalesce(max(sequence), 0) FROM orchestration_events", []), (rows) =>
    Number(rows[0]?.[0] ?? 0),
  );
