/**
 * What the database holds and what takes the space. The log is walked once, a stretch at a time, so that others on the
 * thread have their turn between; the answer is kept for some seconds.
 */
import type { AggregateKind } from "@heddle/contracts/Events";
import type { LogStats } from "@heddle/contracts/InspectionRpc";
import { eventReads } from "@heddle/event-store/EventStore";
import { selectValues } from "@heddle/sql/OnConnection";
import { Clock, Duration, Effect } from "effect";
import type { SqlClient } from "effect/sql";

const KEPT = Duration.seconds(10);
/** Events, blobs or rows that are counted by one statement. */
const STRETCH = 20_000;
const LARGEST_STREAMS = 20;
const LARGEST_BLOBS = 5;
const DAYS = 14;

interface Sized {
  readonly events: number;
  readonly payloadBytes: number;
}

/** Sums by name. */
class Sums {
  readonly #sums = new Map<string, Sized>();

  add(name: string, { events, payloadBytes }: Sized): void {
    const sum = this.#sums.get(name);
    this.#sums.set(name, {
      events: (sum?.events ?? 0) + events,
      payloadBytes: (sum?.payloadBytes ?? 0) + payloadBytes,
    });
  }

  get size(): number {
    return this.#sums.size;
  }

  get largestFirst(): ReadonlyArray<readonly [string, Sized]> {
    return [...this.#sums].toSorted(([, left], [, right]) => right.payloadBytes - left.payloadBytes);
  }

  get lastFirst(): ReadonlyArray<readonly [string, Sized]> {
    return [...this.#sums].toSorted(([left], [right]) => (left < right ? 1 : -1));
  }
}

/** Counts on a connection; one that is asked again soon gives what it has. */
export const logStats = (sql: SqlClient.SqlClient) => Effect.cachedWithTTL(count(sql), KEPT);

const count = Effect.fnUntraced(function* (sql: SqlClient.SqlClient) {
  const takenAt = new Date(yield* Clock.currentTimeMillis).toISOString();
  const headSequence = yield* eventReads(sql).head;
  const events = yield* walkEvents(sql, headSequence);
  const blobs = yield* walkBlobs(sql);
  const number = (statement: string) =>
    Effect.map(selectValues(sql, statement, []), ([row]) => Number(row?.[0] ?? 0));
  const time = (order: string) =>
    Effect.map(
      selectValues(
        sql,
        `SELECT occurred_at FROM orchestration_events ORDER BY sequence ${order} LIMIT 1`,
        [],
      ),
      ([row]) => (row === undefined ? null : String(row[0])),
    );
  const pageSize = yield* number("PRAGMA page_size");
  return {
    takenAt,
    headSequence,
    ...events.all,
    firstAt: yield* time("ASC"),
    lastAt: yield* time("DESC"),
    databaseBytes: (yield* number("PRAGMA page_count")) * pageSize,
    freeBytes: (yield* number("PRAGMA freelist_count")) * pageSize,
    tables: yield* tableSizes(sql),
    types: events.types.largestFirst.map(([eventType, sized]) => ({ eventType, ...sized })),
    streams: events.streams.size,
    largestStreams: events.streams.largestFirst.slice(0, LARGEST_STREAMS).map(([name, sized]) => {
      const [aggregateKind, streamId] = streamOf(name);
      return { aggregateKind, streamId, ...sized };
    }),
    days: events.days.lastFirst.slice(0, DAYS).map(([day, sized]) => ({ day, ...sized })),
    blobs,
    receipts: yield* walkReceipts(sql),
    effects: yield* walkEffects(sql),
    quarantined: yield* number("SELECT count(*) FROM orchestration_quarantine"),
  } satisfies LogStats;
});

const streamName = (kind: string, id: string): string => `${kind} ${id}`;
const streamOf = (name: string): readonly [AggregateKind, string] => {
  const space = name.indexOf(" ");
  return [name.slice(0, space) === "project" ? "project" : "thread", name.slice(space + 1)];
};

const EVENTS = `SELECT event_type, aggregate_kind, stream_id, substr(occurred_at, 1, 10), count(*),
    sum(octet_length(payload_json))
  FROM orchestration_events WHERE sequence > ? AND sequence <= ? GROUP BY 1, 2, 3, 4`;

const walkEvents = Effect.fnUntraced(function* (sql: SqlClient.SqlClient, head: number) {
  const types = new Sums();
  const streams = new Sums();
  const days = new Sums();
  let all: Sized = { events: 0, payloadBytes: 0 };
  for (let from = 0; from < head; from += STRETCH) {
    for (const [type, kind, id, day, events, bytes] of yield* selectValues(sql, EVENTS, [
      from,
      Math.min(from + STRETCH, head),
    ])) {
      const sized = { events: Number(events), payloadBytes: Number(bytes) };
      types.add(String(type), sized);
      streams.add(streamName(String(kind), String(id)), sized);
      days.add(String(day), sized);
      all = {
        events: all.events + sized.events,
        payloadBytes: all.payloadBytes + sized.payloadBytes,
      };
    }
    yield* Effect.yieldNow;
  }
  return { all, types, streams, days };
});

const BLOBS = "SELECT rowid, hash, size FROM orchestration_blobs WHERE rowid > ? ORDER BY rowid LIMIT ?";

const walkBlobs = Effect.fnUntraced(function* (sql: SqlClient.SqlClient) {
  let largest: ReadonlyArray<LogStats["blobs"]["largest"][number]> = [];
  let blobs = 0;
  let bytes = 0;
  let from = 0;
  while (true) {
    const rows = yield* selectValues(sql, BLOBS, [from, STRETCH]);
    const sizes = rows.map(([, hash, size]) => ({ hash: String(hash), bytes: Number(size) }));
    blobs += rows.length;
    bytes += sizes.reduce((sum, size) => sum + size.bytes, 0);
    largest = [...largest, ...sizes]
      .toSorted((left, right) => right.bytes - left.bytes)
      .slice(0, LARGEST_BLOBS);
    const last = rows.at(-1);
    if (last === undefined || rows.length < STRETCH) return { count: blobs, bytes, largest };
    from = Number(last[0]);
    yield* Effect.yieldNow;
  }
});

const RECEIPTS = `SELECT count(*), sum(status = 'rejected'), max(command_id) FROM (
  SELECT command_id, status FROM orchestration_command_receipts WHERE command_id > ? ORDER BY command_id LIMIT ?)`;

const walkReceipts = Effect.fnUntraced(function* (sql: SqlClient.SqlClient) {
  let accepted = 0;
  let rejected = 0;
  let from: unknown = "";
  while (true) {
    const [row] = yield* selectValues(sql, RECEIPTS, [from, STRETCH]);
    const receipts = Number(row?.[0] ?? 0);
    rejected += Number(row?.[1] ?? 0);
    accepted += receipts - Number(row?.[1] ?? 0);
    if (receipts < STRETCH) return { accepted, rejected };
    from = row?.[2];
    yield* Effect.yieldNow;
  }
});

const EFFECTS = `SELECT kind, status, count(*), max(effect_id) FROM (
  SELECT effect_id, kind, status FROM orchestration_effects WHERE effect_id > ? ORDER BY effect_id LIMIT ?
) GROUP BY kind, status`;

const walkEffects = Effect.fnUntraced(function* (sql: SqlClient.SqlClient) {
  const counts = new Map<string, { kind: string; status: string; count: number }>();
  let from = 0;
  while (true) {
    const rows = yield* selectValues(sql, EFFECTS, [from, STRETCH]);
    for (const [kind, status, counted] of rows) {
      const name = `${String(kind)} ${String(status)}`;
      const before = counts.get(name)?.count ?? 0;
      counts.set(name, { kind: String(kind), status: String(status), count: before + Number(counted) });
    }
    const effects = rows.reduce((sum, row) => sum + Number(row[2]), 0);
    if (effects < STRETCH) return [...counts.values()].toSorted((left, right) => right.count - left.count);
    from = Math.max(...rows.map((row) => Number(row[3])));
    yield* Effect.yieldNow;
  }
});

/** Every SQLite is built with it or without: it counts a table's pages. */
const HAS_DBSTAT = "SELECT count(*) FROM pragma_module_list WHERE name = 'dbstat'";
const SCHEMA = `SELECT name, tbl_name, type FROM sqlite_schema WHERE type IN ('table', 'index')
  AND name NOT LIKE 'sqlite_stat%' AND name <> 'sqlite_sequence'`;

const tableSizes = Effect.fnUntraced(function* (sql: SqlClient.SqlClient) {
  const parts = (yield* selectValues(sql, SCHEMA, [])).map(([name, table, type]) => ({
    name: String(name),
    table: String(table),
    isTable: type === "table",
  }));
  const [has] = yield* selectValues(sql, HAS_DBSTAT, []);
  const sizes = new Map<string, number>();
  if (Number(has?.[0] ?? 0) > 0) {
    for (const { name } of parts) {
      const [row] = yield* selectValues(
        sql,
        "SELECT sum(pgsize) FROM dbstat WHERE name = ? AND aggregate = TRUE",
        [name],
      );
      sizes.set(name, Number(row?.[0] ?? 0));
      yield* Effect.yieldNow;
    }
  }
  const tables: Array<LogStats["tables"][number]> = [];
  for (const { name } of parts.filter(({ isTable }) => isTable)) {
    const [row] = yield* selectValues(sql, `SELECT count(*) FROM "${name.replaceAll('"', '""')}"`, []);
    const indexes = parts.filter(({ table, isTable }) => table === name && !isTable);
    tables.push({
      name,
      rows: Number(row?.[0] ?? 0),
      bytes: sizes.get(name) ?? null,
      indexBytes:
        sizes.size === 0 ? null : indexes.reduce((sum, index) => sum + (sizes.get(index.name) ?? 0), 0),
    });
  }
  return tables.toSorted((left, right) => sizeOf(right) - sizeOf(left));
});

const sizeOf = ({ bytes, indexBytes, rows }: LogStats["tables"][number]): number =>
  bytes === null ? rows : bytes + (indexBytes ?? 0);
