/**
 * Which blobs nothing refers to. Everything that could name one is read: each column of JSON, in whatever table. What may
 * be a reference counts as one, so that a blob is rather kept.
 */
import { blobsNamedIn, mayRefer } from "@heddle/event-store/BlobReferences";
import { eventReads } from "@heddle/event-store/EventStore";
import { Effect, Schema } from "effect";
import type { SqlClient, SqlError } from "effect/sql";

export const UnreferencedBlobs = Schema.Struct({
  blobs: Schema.Array(Schema.Struct({ hash: Schema.String, bytes: Schema.Int })),
  /** Where the log stood: a later event may refer to one of them. */
  headSequence: Schema.Int,
});
export type UnreferencedBlobs = typeof UnreferencedBlobs.Type;

const PAGE_ROWS = 500;

interface JsonTable {
  readonly name: string;
  readonly columns: ReadonlyArray<string>;
  /** The column that says which thread a row is of. */
  readonly threadColumn: string | undefined;
}

/** The tables with columns of JSON, by their schema. */
const jsonTables = (sql: SqlClient.SqlClient) =>
  Effect.map(
    sql<{ name: string; column: string }>`SELECT list.name AS name, info.name AS "column"
      FROM pragma_table_list AS list JOIN pragma_table_info(list.name) AS info
      WHERE list.schema = 'main' AND list.type = 'table' AND list.wr = 0
      ORDER BY list.name, info.cid`,
    (rows) =>
      [...Map.groupBy(rows, ({ name }) => name)].flatMap(([name, infos]): ReadonlyArray<JsonTable> => {
        const columns = infos.map(({ column }) => column);
        const json = columns.filter((column) => column.endsWith("_json"));
        const threadColumn = columns.find((column) => column === "thread_id" || column === "stream_id");
        return json.length === 0 ? [] : [{ name, columns: json, threadColumn }];
      }),
  );

/** All blobs that nothing refers to, but for what these threads say: they are about to go. Run it in one transaction. */
export const unreferencedBlobs = Effect.fn("BlobMarks.unreferencedBlobs")(function* (
  sql: SqlClient.SqlClient,
  without: ReadonlyArray<string>,
): Effect.fn.Return<UnreferencedBlobs, SqlError.SqlError> {
  const headSequence = yield* eventReads(sql).head;
  const marked = new Set<string>();
  for (const table of yield* jsonTables(sql)) yield* markTable(sql, table, without, marked);
  const blobs = yield* sql<{ hash: string; bytes: number }>`
    SELECT hash, size AS bytes FROM orchestration_blobs ORDER BY hash`;
  yield* markWithin(sql, blobs, marked);
  return { blobs: blobs.filter(({ hash }) => !marked.has(hash)), headSequence };
});

const markTable = Effect.fnUntraced(function* (
  sql: SqlClient.SqlClient,
  { name, columns, threadColumn }: JsonTable,
  without: ReadonlyArray<string>,
  marked: Set<string>,
) {
  const refers = columns.map(mayRefer).join(" OR ");
  const others =
    threadColumn === undefined ? "" : `AND ${threadColumn} NOT IN (SELECT value FROM json_each(?2))`;
  const statement = `SELECT rowid AS at, ${columns.join(", ")} FROM ${name}
    WHERE rowid > ?1 AND (${refers}) ${others} ORDER BY rowid LIMIT ${PAGE_ROWS}`;
  const list = threadColumn === undefined ? [] : [JSON.stringify(without)];
  for (let from = -1; ;) {
    const rows = yield* sql.unsafe<{ readonly at: number } & Readonly<Record<string, unknown>>>(statement, [
      from,
      ...list,
    ]);
    for (const row of rows) {
      for (const column of columns) {
        const json = row[column];
        if (typeof json !== "string") continue;
        for (const hash of blobsNamedIn(json)) marked.add(hash);
      }
    }
    const last = rows.at(-1);
    if (last === undefined) return;
    from = last.at;
  }
});

/** A blob that is the JSON of something large may itself refer to others. */
const markWithin = Effect.fnUntraced(function* (
  sql: SqlClient.SqlClient,
  blobs: ReadonlyArray<{ readonly hash: string }>,
  marked: Set<string>,
) {
  const there = new Set(blobs.map(({ hash }) => hash));
  const open = [...marked];
  for (let hash = open.pop(); hash !== undefined; hash = open.pop()) {
    if (!there.has(hash)) continue;
    const [blob] = yield* sql<{ content: Uint8Array }>`
      SELECT content FROM orchestration_blobs WHERE hash = ${hash} AND instr(content, CAST('blob":"' AS BLOB)) > 0`;
    if (blob === undefined) continue;
    for (const inner of blobsNamedIn(Buffer.from(blob.content).toString("latin1"))) {
      if (marked.has(inner)) continue;
      marked.add(inner);
      open.push(inner);
    }
  }
});
