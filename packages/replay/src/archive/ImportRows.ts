/** How the rows of the log get from an archive into a database: some at a time, in one transaction. */
import { multiRowInsert } from "@heddle/sql/MultiRowInsert";
import { Effect } from "effect";
import type { SqlClient, SqlError } from "effect/sql";
import { ARCHIVED, type ArchivedRow, columnsOf, type RowKind } from "./ArchiveFormat.ts";
import { fromSqlValue, type SqlValue } from "../rebuild/SqlValue.ts";

const BATCH_ROWS = 5000;
const BATCH_BYTES = 8 * 1024 * 1024;

const valuesOf = (row: object): ReadonlyArray<unknown> =>
  Object.values(row).map((value: SqlValue) => fromSqlValue(value));

/** An insert of rows of a kind, in the order of its columns. */
export const inserter = (sql: SqlClient.SqlClient, kind: RowKind, suffix: string) => {
  const columns = columnsOf(kind);
  const insert = multiRowInsert(sql, { table: ARCHIVED[kind].table, columns, suffix });
  return (rows: ReadonlyArray<object>) => insert(rows.map(valuesOf));
};

export interface Batch {
  readonly blobs: Array<ArchivedRow<"blob">>;
  readonly events: Array<ArchivedRow<"event">>;
  readonly receipts: Array<ArchivedRow<"receipt">>;
  bytes: number;
}

export const emptyBatch = (): Batch => ({ blobs: [], events: [], receipts: [], bytes: 0 });

export const isEmpty = ({ blobs, events, receipts }: Batch): boolean =>
  blobs.length === 0 && events.length === 0 && receipts.length === 0;

export const isFull = ({ blobs, events, receipts, bytes }: Batch): boolean =>
  bytes >= BATCH_BYTES || blobs.length + events.length + receipts.length >= BATCH_ROWS;

/** Adds a batch of the log in one transaction. Blobs and receipts may be there already: then they are the same. */
export const logInserter = (sql: SqlClient.SqlClient) => {
  const blobs = inserter(sql, "blob", "ON CONFLICT (hash) DO NOTHING");
  const events = inserter(sql, "event", "");
  const receipts = inserter(sql, "receipt", "ON CONFLICT (command_id) DO NOTHING");
  const columns = columnsOf("event");
  const places = columns.map((column) => (column === "payload_json" ? "CAST(? AS TEXT)" : "?")).join(", ");
  /** Bytes that are no UTF-8 are a text in the log all the same. */
  const raw = `INSERT INTO orchestration_events (${columns.join(", ")}) VALUES (${places})`;
  const isRaw = ({ payload_json }: ArchivedRow<"event">) => typeof payload_json !== "string";
  return (batch: Batch): Effect.Effect<void, SqlError.SqlError> =>
    Effect.gen(function* () {
      yield* blobs(batch.blobs);
      yield* events(batch.events.filter((row) => !isRaw(row)));
      for (const row of batch.events.filter(isRaw)) yield* sql.unsafe(raw, valuesOf(row));
      yield* receipts(batch.receipts);
    }).pipe(sql.withTransaction);
};
