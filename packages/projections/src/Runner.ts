/**
 * Runs the projectors, the same way for live events and for catching up: rows and cursor in one transaction. A projector
 * that fails is marked with its error at the event that it failed on; the others and the commands go on.
 */
import type { ProjectedEvent, EventType } from "@heddle/contracts/Events";
import { inList } from "@heddle/sql/InList";
import type { Pipeline } from "@heddle/sql/Pipeline";
import { Context, Effect, Layer, Result, type Scope } from "effect";
import { SqlClient, type SqlError } from "effect/sql";
import type { Projector } from "./Projector.ts";
import { ProjectorFault, type Running, writerOn } from "./ProjectionWriter.ts";
import { catchUpInPipeline } from "./PipelinedCatchUp.ts";
import { PROJECTORS } from "./Projectors.ts";

export { ProjectorFault };

/**
 * `live`: its rows are those of the log's head. `behind`: they stand at an earlier event, and go on from there. `filling`:
 * they are no rows of this version; they are built anew (until that begins, the old ones stand). `faulted`: it failed.
 */
export type ProjectorState = "live" | "behind" | "filling" | "faulted";

export interface ProjectorStatus {
  readonly projector: string;
  readonly version: number;
  readonly state: ProjectorState;
  readonly lastAppliedSequence: number;
  /** What is wrong, and at which event. */
  readonly fault: string | null;
}

/** Events of the log in order. Some may be missing between them: those that cannot be read. */
export interface LogPage {
  readonly events: ReadonlyArray<ProjectedEvent>;
  /** The last one that was looked at, read or not; undefined at the head. */
  readonly last: { readonly sequence: number } | undefined;
  /** Of the payloads as they are stored. */
  readonly characters: number;
  /** Nothing stood behind the page when it was read. */
  readonly atEnd: boolean;
}

/** The next page after a sequence. */
export type ReadPage<E> = (fromSequenceExclusive: number, limit: number) => Effect.Effect<LogPage, E>;

/** Events in one transaction of a catch-up: more would hold up all else, fewer would cost more commits. */
const PAGE_SIZE = 2000;

/** Of a projector whose rows are of no version: they are being built. */
const NO_VERSION = 0;

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
      events: ReadonlyArray<ProjectedEvent>,
    ) => Effect.Effect<() => void, ProjectorFault | SqlError.SqlError>;
    /** Marks a projector as faulted, so that it is left out until it is mended. */
    readonly markFaulted: (fault: ProjectorFault) => Effect.Effect<void, SqlError.SqlError>;
    /** Takes each faulted projector on, event by event, to the very one that it fails on. */
    readonly locateFaults: <E>(readPage: ReadPage<E>) => Effect.Effect<void, E | SqlError.SqlError>;
    /** Has those built anew that have passed an event which they handle and were not given. */
    readonly restartFor: (leftOut: ReadonlyMap<EventType, number>) => Effect.Effect<void, SqlError.SqlError>;
    /** Takes each projector to the head of the log, whatever the distance; those that are to be built anew, from nothing. */
    readonly catchUp: <E>(readPage: ReadPage<E>) => Effect.Effect<void, E | SqlError.SqlError>;
    /** Takes those that are behind on by one page; false where none is behind any more. */
    readonly step: <E>(readPage: ReadPage<E>, limit: number) => Effect.Effect<boolean, E | SqlError.SqlError>;
    /** Says, inside the caller's transaction, that a projector's rows are of no use until `adopt`. Run what it gives after it. */
    readonly beginFill: (name: string) => Effect.Effect<() => void, SqlError.SqlError>;
    /** Says, inside the caller's transaction, that its rows are now those of the log up to a sequence. The same. */
    readonly adopt: (name: string, sequence: number) => Effect.Effect<() => void, SqlError.SqlError>;
    /** Reads cursors and rows again: after a commit of which it is not known whether it stood, or a change by another hand. */
    readonly reload: Effect.Effect<void, SqlError.SqlError>;
    /** By each other: one that is behind none of the others is live. */
    readonly status: Effect.Effect<ReadonlyArray<ProjectorStatus>>;
  }
>()("heddle/projections/Runner") {
  /** With a pipeline to the same database, a long catch-up writes a page while it reads the next. */
  static readonly layer = (
    projectors: ReadonlyArray<Projector> = PROJECTORS,
    pipeline?: Effect.Effect<Pipeline, never, Scope.Scope>,
  ) => Layer.effect(Runner, make(projectors, pipeline));
}

const isCurrent = ({ version, projector }: Running): boolean => version === projector.version;
const isAble = (entry: Running): boolean => entry.fault === null && isCurrent(entry);

const make = Effect.fnUntraced(function* (
  projectors: ReadonlyArray<Projector>,
  pipeline: Effect.Effect<Pipeline, never, Scope.Scope> | undefined,
) {
  const sql = yield* SqlClient.SqlClient;
  const running = yield* loadState(sql, projectors);
  let live = writerOn(sql, running);
  /** Rows that are remembered may not be those that stand. */
  const forgetRows = () => {
    live = writerOn(sql, running);
  };
  const able = () => running.filter(isAble);
  const named = (name: string) => running.filter(({ projector }) => projector.name === name);

  const reload = Effect.map(readState(sql), (stored) => {
    for (const entry of running) {
      const row = stored.get(entry.projector.name);
      if (row === undefined) continue;
      entry.cursor = row.last_applied_sequence;
      entry.version = row.version;
    }
    forgetRows();
  });

  /** Writes another state of a projector; it counts once what this gives is run. */
  const setState = Effect.fnUntraced(function* (name: string, change: Pick<Running, "version" | "cursor">) {
    const entries = named(name);
    const changed = entries.map((entry) => ({ ...entry, ...change, fault: null }));
    yield* live.writeState(changed, ({ cursor }) => cursor);
    return () => {
      for (const entry of entries) Object.assign(entry, change, { fault: null });
      forgetRows();
    };
  });
  const beginFill = (name: string) => setState(name, { version: NO_VERSION, cursor: 0 });

  const markFaulted = Effect.fn("Runner.markFaulted")(function* (fault: ProjectorFault) {
    const entries = named(fault.projector);
    for (const entry of entries) Object.assign(entry, { fault, located: false });
    yield* Effect.logError(fault.message);
    yield* sql.withTransaction(live.writeState(entries, ({ cursor }) => cursor));
  });

  /** Each event in a savepoint of its own; what stands before the one that fails is kept. */
  const takeSingly = Effect.fnUntraced(function* (entry: Running, events: ReadonlyArray<ProjectedEvent>) {
    for (const event of events) {
      if (event.sequence <= entry.cursor) continue;
      const taken = yield* sql.withTransaction(live.apply([entry], [event], event.sequence)).pipe(
        Effect.map(Result.succeed),
        Effect.catchTag("ProjectorFault", (fault) => Effect.succeed(Result.fail(fault))),
      );
      if (Result.isFailure(taken)) return taken.failure;
      taken.success();
    }
    return null;
  });

  const locateIn = (entry: Running, page: LogPage) =>
    sql
      .withTransaction(
        Effect.gen(function* () {
          const fault = yield* takeSingly(entry, page.events);
          entry.fault = fault;
          const last = fault === null ? page.last?.sequence : fault.sequence - 1;
          yield* live.writeState([entry], ({ cursor }) => Math.max(cursor, last ?? 0));
          return Math.max(entry.cursor, last ?? 0);
        }),
      )
      .pipe(
        Effect.map((cursor) => {
          entry.cursor = cursor;
          entry.located = true;
        }),
        // Some of it may not stand.
        Effect.tapError(() => reload),
      );

  /** Undefined where none is behind. */
  const takePage = Effect.fnUntraced(function* <E>(readPage: ReadPage<E>, limit: number) {
    const from = Math.min(...able().map((entry) => entry.cursor));
    if (from === Number.POSITIVE_INFINITY) return undefined;
    const page = yield* readPage(from, limit);
    const { last } = page;
    if (last === undefined) return undefined;
    const behind = able().filter((entry) => entry.cursor < last.sequence);
    yield* sql.withTransaction(live.apply(behind, page.events, last.sequence)).pipe(
      Effect.map((committed) => committed()),
      Effect.catchTag("ProjectorFault", (fault) =>
        Effect.andThen(
          markFaulted(fault),
          Effect.forEach(named(fault.projector), (entry) => locateIn(entry, page), { discard: true }),
        ),
      ),
    );
    return page;
  });
  const step = <E>(readPage: ReadPage<E>, limit: number) =>
    Effect.map(takePage(readPage, limit), (page) => page !== undefined);

  const startFromNothing = Effect.fnUntraced(function* (entry: Running) {
    yield* sql`DELETE FROM ${sql(entry.projector.table)}`;
    return yield* setState(entry.projector.name, { version: entry.projector.version, cursor: 0 });
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
    locateFaults: Effect.fnUntraced(function* (readPage) {
      for (const entry of running) {
        if (entry.fault === null || entry.located) continue;
        yield* locateIn(entry, yield* readPage(entry.cursor, PAGE_SIZE));
      }
    }),
    restartFor: Effect.fnUntraced(function* (leftOut) {
      for (const entry of running) {
        const passed = [...leftOut].some(
          ([type, sequence]) => entry.projector.handles.includes(type) && entry.cursor >= sequence,
        );
        if (passed) (yield* sql.withTransaction(beginFill(entry.projector.name)))();
      }
    }),
    catchUp: Effect.fn("Runner.catchUp")(function* (readPage) {
      for (const entry of running) {
        if (!isCurrent(entry)) (yield* sql.withTransaction(startFromNothing(entry)))();
      }
      const page = yield* takePage(readPage, PAGE_SIZE);
      if (page !== undefined && !page.atEnd && pipeline !== undefined) {
        // Whatever fails there, the steps go on from what stands, and meet it again.
        yield* catchUpInPipeline(pipeline, able, readPage, PAGE_SIZE, live.memory).pipe(
          Effect.catch((error) => Effect.logDebug("The projections go on without a pipeline:", error)),
        );
        yield* reload;
      }
      while (yield* step(readPage, PAGE_SIZE));
    }),
    step,
    beginFill,
    adopt: (name, sequence) =>
      Effect.suspend(() =>
        setState(name, { version: named(name)[0]?.projector.version ?? NO_VERSION, cursor: sequence }),
      ),
    reload,
    status: Effect.sync(() => {
      const head = Math.max(...running.map(({ cursor }) => cursor));
      return running.map((entry) => statusOf(entry, head));
    }),
  });
});

const statusOf = (entry: Running, head: number): ProjectorStatus => ({
  projector: entry.projector.name,
  version: entry.projector.version,
  state:
    entry.fault !== null
      ? "faulted"
      : !isCurrent(entry)
        ? "filling"
        : entry.cursor < head
          ? "behind"
          : "live",
  lastAppliedSequence: entry.cursor,
  fault: entry.fault?.message ?? null,
});

/** A state against the head of the log: where all are on their way, none is behind another. */
export const stateAt = (head: number, { state, lastAppliedSequence }: ProjectorStatus): ProjectorState =>
  state === "live" && lastAppliedSequence < head ? "behind" : state;

const readState = (sql: SqlClient.SqlClient) =>
  sql<StateRow>`SELECT projector, version, last_applied_sequence FROM projection_state`.pipe(
    Effect.map((rows) => new Map(rows.map((row) => [row.projector, row]))),
  );

/**
 * A projector without a row, or with one of another version, is to be built anew, unless nothing was ever projected. One that is no more feeds nothing: its
 * cursor goes, or it would hold the snapshot's sequence back for good. A faulted one is tried again from where it stood:
 * the code may have been mended.
 */
const loadState = Effect.fnUntraced(function* (
  sql: SqlClient.SqlClient,
  projectors: ReadonlyArray<Projector>,
) {
  const stored = yield* readState(sql);
  const untouched = stored.size === 0 && (yield* areEmpty(sql, projectors));
  const names = new Set(projectors.map(({ name }) => name));
  const gone = [...stored.keys()].filter((name) => !names.has(name));
  const running = projectors.map((projector): Running => {
    const row = stored.get(projector.name);
    return {
      projector,
      version: row?.version ?? (untouched ? projector.version : NO_VERSION),
      cursor: row?.last_applied_sequence ?? 0,
      fault: null,
      located: false,
    };
  });
  const added = running.filter(({ projector }) => !stored.has(projector.name));
  yield* sql.withTransaction(
    Effect.andThen(
      sql`DELETE FROM projection_state WHERE ${inList(sql, "projector", gone)}`,
      writerOn(sql, running).writeState(added, () => 0),
    ),
  );
  return running;
});

const areEmpty = Effect.fnUntraced(function* (
  sql: SqlClient.SqlClient,
  projectors: ReadonlyArray<Projector>,
) {
  for (const { table } of projectors) {
    const [row] = yield* sql`SELECT 1 FROM ${sql(table)} LIMIT 1`;
    if (row !== undefined) return false;
  }
  return true;
});
