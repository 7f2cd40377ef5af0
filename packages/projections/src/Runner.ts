/**
 * Runs the projectors, the same way for live events and for catching up: rows and cursor in one transaction. A projector
 * that fails is marked with its error and left where it is; the others and the commands go on.
 */
import { EVENT_TYPES, type EventEnvelope, type EventType } from "@heddle/contracts/Events";
import { inList } from "@heddle/sql/InList";
import { multiRowInsert } from "@heddle/sql/MultiRowInsert";
import { Clock, Context, Effect, Layer, Schema } from "effect";
import type { SqlError } from "effect/sql";
import { SqlClient } from "effect/sql";
import { PROJECTORS } from "./Projectors.ts";
import { type ApplyBatch, type Projector, upsertSuffix } from "./Projector.ts";

/** A projector cannot take these events: a bug in it, never in the command. */
export class ProjectorFault extends Schema.TaggedError<ProjectorFault>()("ProjectorFault", {
  projector: Schema.String,
  /** First event of the batch that it failed on. */
  sequence: Schema.Int,
  reason: Schema.String,
}) {
  override get message(): string {
    return `Projector ${this.projector} failed at sequence ${this.sequence}: ${this.reason}`;
  }
}

export interface ProjectorStatus {
  readonly projector: string;
  readonly lastAppliedSequence: number;
  readonly fault: string | null;
}

/** Events of the log in order. Some may be missing between them: those that cannot be read. */
export interface LogPage {
  readonly events: ReadonlyArray<EventEnvelope>;
  /** The last one that was looked at, read or not; undefined at the head. */
  readonly last: { readonly sequence: number } | undefined;
}

/** The next page after a sequence. */
export type ReadPage<E> = (fromSequenceExclusive: number, limit: number) => Effect.Effect<LogPage, E>;

/** Events in one transaction of a catch-up: more would hold up all else, fewer would cost more commits. */
const PAGE_SIZE = 1000;

interface Running {
  readonly projector: Projector;
  cursor: number;
  fault: string | null;
}

interface StateRow {
  readonly projector: string;
  readonly version: number;
  readonly last_applied_sequence: number;
}

export class Runner extends Context.Service<
  Runner,
  {
    /**
     * Projects the events that a commit adds, inside its transaction. Run what it gives once the commit stands: only then
     * have the cursors moved.
     */
    readonly project: (
      events: ReadonlyArray<EventEnvelope>,
    ) => Effect.Effect<() => void, ProjectorFault | SqlError.SqlError>;
    /** Marks a projector as faulted, so that it is left out until the next start. */
    readonly markFaulted: (fault: ProjectorFault) => Effect.Effect<void, SqlError.SqlError>;
    /** Lets those start from nothing that have passed an event which they handle and were not given. */
    readonly restartFor: (leftOut: ReadonlyMap<EventType, number>) => Effect.Effect<void, SqlError.SqlError>;
    /** Takes each projector from its own cursor to the head of the log, whatever the distance. */
    readonly catchUp: <E>(readPage: ReadPage<E>) => Effect.Effect<void, E | SqlError.SqlError>;
    /** Reads the cursors again, after a commit of which it is not known whether it stood. */
    readonly reload: Effect.Effect<void, SqlError.SqlError>;
    readonly status: Effect.Effect<ReadonlyArray<ProjectorStatus>>;
  }
>()("heddle/projections/Runner") {
  static readonly layer = (projectors: ReadonlyArray<Projector> = PROJECTORS) =>
    Layer.effect(Runner, make(projectors));
}

const make = Effect.fnUntraced(function* (projectors: ReadonlyArray<Projector>) {
  const sql = yield* SqlClient.SqlClient;
  const running = yield* loadState(sql, projectors);
  let live = writerOn(sql, running);
  const able = () => running.filter((entry) => entry.fault === null);

  const reload = Effect.map(readState(sql), (stored) => {
    for (const entry of running) {
      entry.cursor = stored.get(entry.projector.name)?.last_applied_sequence ?? entry.cursor;
    }
    live = writerOn(sql, running);
  });

  const markFaulted = Effect.fn("Runner.markFaulted")(function* (fault: ProjectorFault) {
    const entry = running.find(({ projector }) => projector.name === fault.projector);
    if (!entry) return;
    entry.fault = fault.message;
    yield* Effect.logError(fault.message);
    yield* sql.withTransaction(live.writeState([entry], ({ cursor }) => cursor));
  });

  return Runner.of({
    project: (events) =>
      Effect.suspend(() => {
        const [first, last] = [events[0], events.at(-1)];
        if (first === undefined || last === undefined) return Effect.succeed(() => {});
        const before = first.sequence - 1;
        const current = able().filter((entry) => entry.cursor === before);
        return live.apply(current, events, last.sequence);
      }),
    markFaulted,
    restartFor: Effect.fnUntraced(function* (leftOut) {
      for (const entry of running) {
        const passed = [...leftOut].some(
          ([type, sequence]) => entry.projector.handles.includes(type) && entry.cursor >= sequence,
        );
        if (!passed) continue;
        yield* startFromNothing(sql, entry.projector);
        entry.cursor = 0;
      }
      live = writerOn(sql, running);
    }),
    catchUp: Effect.fn("Runner.catchUp")(function* (readPage) {
      while (true) {
        const from = Math.min(...able().map((entry) => entry.cursor));
        if (from === Number.POSITIVE_INFINITY) return;
        const { events, last } = yield* readPage(from, PAGE_SIZE);
        if (last === undefined) return;
        const behind = able().filter((entry) => entry.cursor < last.sequence);
        yield* sql.withTransaction(live.apply(behind, events, last.sequence)).pipe(
          Effect.map((committed) => committed()),
          Effect.catchTag("ProjectorFault", markFaulted),
        );
      }
    }),
    reload,
    status: Effect.sync(() =>
      running.map(({ projector, cursor, fault }) => ({
        projector: projector.name,
        lastAppliedSequence: cursor,
        fault,
      })),
    ),
  });
});

/** What writes rows and cursors on one connection. */
const writerOn = (sql: SqlClient.SqlClient, running: ReadonlyArray<Running>) => {
  const bound = running.map((entry) => ({ entry, apply: entry.projector.bind(sql, entry.projector.table) }));
  const handlers = new Map<EventType, typeof bound>(
    EVENT_TYPES.map((type) => [type, bound.filter(({ entry }) => entry.projector.handles.includes(type))]),
  );
  const columns = ["projector", "version", "last_applied_sequence", "fault", "updated_at"];
  const upsertState = multiRowInsert(sql, {
    table: "projection_state",
    columns,
    suffix: upsertSuffix("projector", columns),
  });

  const writeState = (entries: ReadonlyArray<Running>, cursorOf: (entry: Running) => number) =>
    Effect.flatMap(Clock.currentTimeMillis, (millis) => {
      const at = new Date(millis).toISOString();
      return upsertState(
        entries.map((entry) => [
          entry.projector.name,
          entry.projector.version,
          cursorOf(entry),
          entry.fault,
          at,
        ]),
      );
    });

  /** Takes some projectors on to `last`; each gets what it handles and has not had. Run what it gives after the commit. */
  const apply = Effect.fnUntraced(function* (
    entries: ReadonlyArray<Running>,
    events: ReadonlyArray<EventEnvelope>,
    last: number,
  ) {
    const routed = new Map(
      bound
        .filter(({ entry }) => entries.includes(entry))
        .map((each): [(typeof bound)[number], Array<EventEnvelope>] => [each, []]),
    );
    for (const event of events) {
      for (const each of handlers.get(event.eventType) ?? []) {
        if (each.entry.cursor < event.sequence) routed.get(each)?.push(event);
      }
    }
    const committed: Array<() => void> = [];
    for (const [each, own] of routed) {
      if (own.length > 0) committed.push(yield* guard(each.entry.projector, each.apply, own));
    }
    yield* writeState(entries, () => last);
    return () => {
      for (const remember of committed) remember();
      for (const entry of entries) entry.cursor = last;
    };
  });
  return { apply, writeState };
};

const guard = (projector: Projector, apply: ApplyBatch, events: ReadonlyArray<EventEnvelope>) => {
  const faulted = (reason: string) =>
    new ProjectorFault({ projector: projector.name, sequence: events[0]?.sequence ?? 0, reason });
  return Effect.suspend(() => apply(events)).pipe(
    Effect.catchDefect((defect) =>
      Effect.fail(faulted(defect instanceof Error ? defect.message : String(defect))),
    ),
    // Rows that the table refuses are the projector's fault; a full disk or a locked file is not.
    Effect.catchReasons("SqlError", {
      ConstraintError: (error) => Effect.fail(faulted(String(error.cause))),
      UniqueViolation: (error) => Effect.fail(faulted(String(error.cause))),
      SqlSyntaxError: (error) => Effect.fail(faulted(String(error.cause))),
    }),
  );
};

const readState = (sql: SqlClient.SqlClient) =>
  sql<StateRow>`SELECT projector, version, last_applied_sequence FROM projection_state`.pipe(
    Effect.map((rows) => new Map(rows.map((row) => [row.projector, row]))),
  );

const startFromNothing = Effect.fnUntraced(function* (sql: SqlClient.SqlClient, projector: Projector) {
  const state = {
    projector: projector.name,
    version: projector.version,
    last_applied_sequence: 0,
    fault: null,
    updated_at: new Date(yield* Clock.currentTimeMillis).toISOString(),
  };
  yield* sql`DELETE FROM ${sql(projector.table)}`;
  yield* sql`DELETE FROM projection_state WHERE projector = ${projector.name}`;
  yield* sql`INSERT INTO projection_state ${sql.insert(state)}`;
});

/**
 * A projector without a row, or with one of another version, starts from nothing. One that is no more feeds nothing: its
 * cursor goes, or it would hold the snapshot's sequence back for good.
 */
const loadState = Effect.fnUntraced(function* (
  sql: SqlClient.SqlClient,
  projectors: ReadonlyArray<Projector>,
) {
  const stored = yield* readState(sql);
  const names = new Set(projectors.map(({ name }) => name));
  const gone = [...stored.keys()].filter((name) => !names.has(name));
  const load = Effect.forEach(projectors, (projector) => {
    const row = stored.get(projector.name);
    if (row?.version === projector.version) {
      // A faulted one is tried again from where it stood: the code may have been mended.
      return Effect.succeed<Running>({ projector, cursor: row.last_applied_sequence, fault: null });
    }
    return Effect.as(startFromNothing(sql, projector), { projector, cursor: 0, fault: null } as Running);
  });
  return yield* sql.withTransaction(
    Effect.andThen(sql`DELETE FROM projection_state WHERE ${inList(sql, "projector", gone)}`, load),
  );
});
