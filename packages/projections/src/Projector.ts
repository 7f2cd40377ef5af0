/**
 * A projector: a name, a version, a table, and how a batch of events changes its rows. It reads and writes its own table
 * and no other, so that live and rebuilt rows are the same. The runner does the rest.
 */
import type { ProjectedEvent, EventType } from "@heddle/contracts/Events";
import { inList, inListText } from "@heddle/sql/InList";
import { multiRowInsert } from "@heddle/sql/MultiRowInsert";
import { placeholders, selectValues } from "@heddle/sql/OnConnection";
import { Effect } from "effect";
import type { SqlClient, SqlError } from "effect/sql";

/**
 * Folds events that the projector handles, and writes each touched row once, inside the caller's transaction. Run what it
 * gives once that is committed, and not before: it remembers the rows.
 */
export type ApplyBatch = (
  events: ReadonlyArray<ProjectedEvent>,
) => Effect.Effect<() => void, SqlError.SqlError>;

/** Rows that a projector wrote last, by their key. */
export type RememberedRows = Map<string, object>;

/** For a projector that remembers nothing. */
export const nothingToRemember = (): void => {};

export interface Projector {
  /** Never changes: cursors are kept under it. */
  readonly name: string;
  /** Goes up when the same events give other rows. */
  readonly version: number;
  readonly table: string;
  /** The columns that tell its rows apart; none is null, and the table has a unique index on them in this order. */
  readonly key: ReadonlyArray<string>;
  /** The events that it is given; all others leave its rows as they are. */
  readonly handles: ReadonlyArray<EventType>;
  /** What it remembers holds until a commit of which it is not known whether it stood. */
  readonly bind: (sql: SqlClient.SqlClient, table: string, remembered: RememberedRows) => ApplyBatch;
}

/** Rows that an event removes: those of a thread's reverted turns. */
export interface Removal {
  readonly threadId: string;
  readonly turnIds: ReadonlyArray<string>;
}

export const revertedTurns = (event: ProjectedEvent): Removal | undefined =>
  event.eventType === "thread.reverted" && event.payload.removedTurnIds.length > 0
    ? { threadId: event.payload.threadId, turnIds: event.payload.removedTurnIds }
    : undefined;

export interface KeyedProjector<Row> {
  readonly name: string;
  readonly version: number;
  readonly table: string;
  readonly key: keyof Row & string;
  readonly columns: ReadonlyArray<keyof Row & string>;
  readonly handles: ReadonlyArray<EventType>;
  /** Those after which the row is the same whatever it was before: then it need not be read. */
  readonly begins: ReadonlyArray<EventType>;
  /** Key of the row that an event changes, or undefined. */
  readonly keyOf: (event: ProjectedEvent) => string | undefined;
  /** The row after the event; the same object where nothing changed. */
  readonly evolve: (row: Row | undefined, event: ProjectedEvent) => Row | undefined;
  /** Only where rows go away. The table then has the columns thread_id and turn_id. */
  readonly removalOf?: (event: ProjectedEvent) => Removal | undefined;
}

/** Rows of one projector that are kept in memory: those that were written last. */
const REMEMBERED_ROWS = 2048;

/** A projector whose rows have one key: loads the rows that a batch touches, folds, and writes those that changed. */
export const keyedProjector = <Row extends object>(spec: KeyedProjector<Row>): Projector => ({
  name: spec.name,
  version: spec.version,
  table: spec.table,
  key: [spec.key],
  handles: spec.handles,
  bind: (sql, table, rememberedRows) => {
    const upsert = multiRowInsert(sql, {
      table,
      columns: spec.columns,
      suffix: upsertSuffix(spec.key, spec.columns),
    });
    const load = loadRows<Row>(sql, table, spec);
    const remove = removeRows(sql, table);
    const begins = new Set<EventType>(spec.begins);
    // Where every event that has a key begins its row, no row is ever asked for again.
    const remembers = spec.handles.some((type) => !begins.has(type) && type !== "thread.reverted");
    const remembered = rememberedRows as Map<string, Row>;
    return Effect.fnUntraced(function* (events) {
      const keys = new Set<string>();
      const stored = new Map<string, Row>();
      const unread: Array<string> = [];
      const removals: Array<Removal> = [];
      for (const event of events) {
        const key = spec.keyOf(event);
        if (key !== undefined && !keys.has(key)) {
          keys.add(key);
          const known = remembered.get(key);
          if (known) stored.set(key, known);
          else if (!begins.has(event.eventType)) unread.push(key);
        }
        const removal = spec.removalOf?.(event);
        if (removal) removals.push(removal);
      }

      if (unread.length > 0) yield* load(unread, stored);
      const folded = new Map<string, Row>(stored);
      /** The table may hold them yet as they were before this batch, in another turn. */
      const dropped = new Set<string>();
      for (const event of events) {
        const removal = spec.removalOf?.(event);
        if (removal) for (const key of dropRemoved(folded, removal)) dropped.add(key);
        const key = spec.keyOf(event);
        if (key === undefined) continue;
        const row = spec.evolve(folded.get(key), event);
        if (row === undefined) continue;
        folded.set(key, row);
        dropped.delete(key);
      }

      for (const removal of removals) yield* remove(removal);
      if (dropped.size > 0)
        yield* sql`DELETE FROM ${sql(table)} WHERE ${inList(sql, spec.key, [...dropped])}`;
      const changed: Array<ReadonlyArray<unknown>> = [];
      for (const [key, row] of folded) {
        if (stored.get(key) !== row) changed.push(spec.columns.map((column) => row[column]));
      }
      yield* upsert(changed);
      if (!remembers) return nothingToRemember;
      return () => {
        for (const removal of removals) dropRemoved(remembered, removal);
        for (const key of dropped) remembered.delete(key);
        for (const [key, row] of folded) remember(remembered, key, row);
      };
    });
  },
});

/** The key moves to the young end: a Map keeps the order of insertion. */
const remember = <Row>(rows: Map<string, Row>, key: string, row: Row): void => {
  rows.delete(key);
  rows.set(key, row);
  const oldest = rows.keys().next();
  if (rows.size > REMEMBERED_ROWS && !oldest.done) rows.delete(oldest.value);
};

/** Reads rows by their key, as objects of one shape: the driver's own are slow to copy. */
const loadRows = <Row extends object>(
  sql: SqlClient.SqlClient,
  table: string,
  { key, columns }: Pick<KeyedProjector<Row>, "key" | "columns">,
) => {
  const { condition, parameter } = inListText(sql, key, placeholders(sql)());
  const statement = `SELECT ${columns.join(", ")} FROM ${table} WHERE ${condition}`;
  return (keys: ReadonlyArray<string>, into: Map<string, Row>) =>
    Effect.map(selectValues(sql, statement, [parameter(keys)]), (rows) => {
      for (const values of rows) {
        const row: Record<string, unknown> = {};
        for (const [index, column] of columns.entries()) row[column] = values[index];
        into.set(String(row[key]), row as Row);
      }
    });
};

/** `ON CONFLICT … DO UPDATE` of every column but the key. */
export const upsertSuffix = (key: string, columns: ReadonlyArray<string>): string => {
  const keys = key.split(", ");
  const assignments = columns
    .filter((column) => !keys.includes(column))
    .map((column) => `${column} = excluded.${column}`);
  return `ON CONFLICT (${key}) DO UPDATE SET ${assignments.join(", ")}`;
};

/** Deletes the rows of removed turns from a table that has thread_id and turn_id. */
export const removeRows = (sql: SqlClient.SqlClient, table: string) => (removal: Removal) =>
  sql`DELETE FROM ${sql(table)}
    WHERE thread_id = ${removal.threadId} AND ${inList(sql, "turn_id", removal.turnIds)}`;

/** Takes the rows of removed turns out of what has been folded so far: those of the thread, as in the table. Gives their keys. */
const dropRemoved = (rows: Map<string, object>, { threadId, turnIds }: Removal): ReadonlyArray<string> => {
  const dropped: Array<string> = [];
  for (const [key, row] of rows) {
    if (!("thread_id" in row && "turn_id" in row) || row.thread_id !== threadId) continue;
    if (typeof row.turn_id !== "string" || !turnIds.includes(row.turn_id)) continue;
    rows.delete(key);
    dropped.push(key);
  }
  return dropped;
};
