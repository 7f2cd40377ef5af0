/**
 * Finds out from which event on a stored row is not what the log gives: the events of the row's stream are folded once more,
 * one by one, in memory, and the row is looked at after each.
 */
import type { AggregateKind } from "@heddle/contracts/Events";
import type { RowDifference } from "@heddle/contracts/ProjectionRpc";
import { eventReads } from "@heddle/event-store/EventStore";
import type { Projector } from "@heddle/projections/Projector";
import { nodeSqliteLayer } from "@heddle/sql/NodeSqlite";
import { selectValues } from "@heddle/sql/OnConnection";
import { Context, Effect, Layer } from "effect";
import { SqlClient, type SqlError } from "effect/sql";
import type { ComparedTable, compareRows } from "./CompareRows.ts";
import type { RowKey } from "./Shadow.ts";
import { fromSqlValue, type SqlValue, toSqlValue } from "./SqlValue.ts";

/** Events that are folded once more for the differences of one table; the rows of threads beyond stay without a `since`. */
const EVENTS = 200_000;
/** Larger values are not kept to be compared. */
const KEPT_CHARACTERS = 1_048_576;
const PAGE = { limit: 1000, maxBytes: 16_777_216 };

type Values = ReadonlyMap<string, SqlValue>;

/** A difference as it was found. */
export interface Noted {
  readonly difference: RowDifference;
  readonly rowKey: RowKey;
  /** The stream whose events make the row, where it can be known. */
  readonly stream: { readonly kind: AggregateKind; readonly id: string } | undefined;
  /** What is stored in the columns that differ. */
  readonly stored: Values;
  /** Both sides stood at this event. */
  readonly sequence: number;
}

/** Notes a difference while both sides stand at one event. */
export const noteDifference = Effect.fnUntraced(function* (
  { name }: Projector,
  { table, key, columns }: ComparedTable,
  rows: ReturnType<typeof compareRows>,
  side: RowDifference["side"],
  rowKey: RowKey,
  sequence: number,
): Effect.fn.Return<Noted, SqlError.SqlError> {
  const row = yield* rows.rowOf(side === "surplus" ? "live" : "main", rowKey);
  const valueOf = (column: string): SqlValue | undefined => row?.[columns.indexOf(column)];
  const [thread, project] = [valueOf("thread_id"), valueOf("project_id")];
  const stream =
    typeof thread === "string"
      ? { kind: "thread" as const, id: thread }
      : typeof project === "string"
        ? { kind: "project" as const, id: project }
        : undefined;
  const differing = side === "differs" ? yield* rows.columnsOf(rowKey) : [];
  const storedRow = side === "differs" ? yield* rows.rowOf("live", rowKey) : undefined;
  const stored = new Map(
    differing.flatMap(({ column }): ReadonlyArray<readonly [string, SqlValue]> => {
      const value = storedRow?.[columns.indexOf(column)];
      const large = typeof value === "string" && value.length > KEPT_CHARACTERS;
      return value === undefined || large ? [] : [[column, value]];
    }),
  );
  return {
    difference: {
      kind: "difference",
      projector: name,
      table,
      key: Object.fromEntries(key.map((column, index) => [column, textOf(rowKey[index] ?? null)])),
      side,
      columns: differing.map((column) => ({ ...column, since: null })),
      since: null,
    },
    rowKey,
    stream,
    stored,
    sequence,
  };
});

const textOf = (value: SqlValue): string =>
  typeof value === "object" && value !== null
    ? `x'${Buffer.from(value.base64, "base64").toString("hex")}'`
    : String(value);

/** When something was the stored thing for the last time, and when it became what it is. */
class Turns {
  #ever = false;
  #same = false;
  #value: SqlValue | undefined;
  #turned: number | null = null;
  #changed: number | null = null;

  see(value: SqlValue, same: boolean, sequence: number): void {
    if (this.#same && !same) this.#turned = sequence;
    if (this.#value !== value) this.#changed = sequence;
    this.#ever ||= same;
    this.#same = same;
    this.#value = value;
  }

  get since(): number | null {
    return this.#ever ? this.#turned : this.#changed;
  }
}

/** Gives each difference the event from which on it is one. */
export const traceDifferences = Effect.fn("traceDifferences")(function* (
  sql: SqlClient.SqlClient,
  projector: Projector,
  noted: ReadonlyArray<Noted>,
): Effect.fn.Return<ReadonlyArray<RowDifference>, SqlError.SqlError> {
  const streams = Map.groupBy(noted, ({ stream }) => stream && `${stream.kind} ${stream.id}`);
  const traced = new Map<Noted, RowDifference>();
  let left = EVENTS;
  for (const together of streams.values()) {
    const [{ stream } = { stream: undefined }] = together;
    if (stream === undefined || left <= 0) continue;
    const watched = together.map((one) => new WatchedRow(one));
    left -= yield* Effect.scoped(watchStream(sql, projector, stream, watched, left));
    for (const row of watched) traced.set(row.noted, row.difference);
  }
  return noted.map((one) => traced.get(one) ?? one.difference);
});

class WatchedRow {
  readonly noted: Noted;
  readonly #columns = new Map<string, Turns>();
  readonly #presence = new Turns();
  /** False where the stream is too long to be folded once more. */
  whole = false;

  constructor(noted: Noted) {
    this.noted = noted;
    for (const column of noted.stored.keys()) this.#columns.set(column, new Turns());
    // Before its first event, no row is there.
    this.#seePresence(false, 0);
  }

  /** The row after an event, by columns; undefined where there is none. */
  see(row: Values | undefined, sequence: number): void {
    this.#seePresence(row !== undefined, sequence);
    for (const [column, turns] of this.#columns) {
      const value = row?.get(column) ?? null;
      turns.see(value, row !== undefined && value === this.noted.stored.get(column), sequence);
    }
  }

  #seePresence(there: boolean, sequence: number): void {
    this.#presence.see(Number(there), there === (this.noted.difference.side !== "missing"), sequence);
  }

  get difference(): RowDifference {
    const { difference } = this.noted;
    if (!this.whole) return difference;
    const columns = difference.columns.map((column) => ({
      ...column,
      since: this.#columns.get(column.column)?.since ?? null,
    }));
    const known = columns.flatMap(({ since }) => (since === null ? [] : [since]));
    const since =
      difference.side === "differs"
        ? known.length === 0
          ? null
          : Math.min(...known)
        : this.#presence.since || null;
    return { ...difference, columns, since };
  }
}

/** Folds a stream, and shows the rows after each event that the projector handles. Gives how many events that took. */
const watchStream = Effect.fnUntraced(function* (
  sql: SqlClient.SqlClient,
  projector: Projector,
  { kind, id }: NonNullable<Noted["stream"]>,
  watched: ReadonlyArray<WatchedRow>,
  budget: number,
) {
  const { table, key, handles } = projector;
  const scratch = Context.get(
    yield* Layer.build(nodeSqliteLayer({ filename: ":memory:", pragmas: [], begin: "BEGIN" })),
    SqlClient.SqlClient,
  );
  const statements = yield* sql<{ statement: string }>`SELECT sql AS statement FROM main.sqlite_schema
    WHERE sql IS NOT NULL AND tbl_name = ${table} ORDER BY type DESC, name`;
  for (const { statement } of statements) yield* scratch.unsafe(statement);
  const apply = projector.bind(scratch, table, new Map());
  const columns = [...new Set(watched.flatMap(({ noted }) => [...noted.stored.keys()]))];
  const select = `SELECT ${["1", ...columns].join(", ")} FROM ${table} WHERE ${key.map((column) => `${column} = ?`).join(" AND ")}`;
  const until = Math.max(...watched.map(({ noted }) => noted.sequence));
  const reads = eventReads(sql);
  let [from, folded] = [0, 0];
  while (true) {
    const page = yield* reads.readStream({
      aggregateKind: kind,
      streamId: id,
      fromVersionExclusive: from,
      ...PAGE,
    });
    for (const event of page.events) {
      if (event.sequence > until || !handles.includes(event.eventType)) continue;
      (yield* scratch.withTransaction(apply([event])))();
      for (const row of watched) {
        if (event.sequence > row.noted.sequence) continue;
        const [values] = yield* selectValues(scratch, select, row.noted.rowKey.map(fromSqlValue));
        const present =
          values && new Map(columns.map((column, index) => [column, toSqlValue(values[index + 1])]));
        row.see(present, event.sequence);
      }
    }
    folded += page.events.length;
    yield* Effect.yieldNow;
    if (page.last === undefined || page.last.sequence >= until || page.atEnd) {
      for (const row of watched) row.whole = true;
      return folded;
    }
    if (folded > budget) return folded;
    from = page.last.streamVersion;
  }
});
