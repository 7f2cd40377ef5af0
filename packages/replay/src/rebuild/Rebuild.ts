/**
 * Builds projections a second time beside the live ones, compares them row by row, and puts right what differs, while the
 * server serves (docs/adr/0016-rebuild-by-difference.md). Verifying is the same without the last step.
 */
import type { JobError, MaintenanceBusy } from "@heddle/contracts/Jobs";
import type { ProjectionJobItem, ProjectionReport } from "@heddle/contracts/ProjectionRpc";
import { StoreUnavailable } from "@heddle/contracts/Errors";
import { eventReads } from "@heddle/event-store/EventStore";
import { explainSqlError } from "@heddle/event-store/SqliteDatabase";
import type { Projector } from "@heddle/projections/Projector";
import { PROJECTORS } from "@heddle/projections/Projectors";
import { type ProjectorStatus, Runner } from "@heddle/projections/Runner";
import { Clock, Context, Effect, Layer, Queue, type Scope, Stream, type Types } from "effect";
import { SqlClient, type SqlError } from "effect/sql";
import { correctRows } from "./CorrectRows.ts";
import { beginPhase, type JobMeter } from "../JobMeter.ts";
import { OneJob } from "../OneJob.ts";
import { compareStates } from "./ProjectorStates.ts";
import type { Compared, RowKey, ShadowService, ShadowTarget } from "./Shadow.ts";
import type { ShadowOptions } from "./ShadowDatabase.ts";
import { removeShadow } from "./ShadowFile.ts";
import { shadowThread } from "./ShadowThread.ts";

/** `rebuild` mends without saying what; `verify` says what differs; `repair` does both. */
export type Purpose = "rebuild" | "verify" | "repair";

export interface RebuildRequest {
  readonly purpose: Purpose;
  /** All of them where there are none. */
  readonly names: ReadonlyArray<string>;
  /** Differences of each table that are said one by one. */
  readonly limit: number;
  /** Keep what is built where the job is interrupted, as a stop of the server does. */
  readonly keep?: boolean;
}

export interface RebuildParts {
  /** The live database, and where the shadow may be. */
  readonly database: string;
  readonly file: string;
  readonly projectors?: ReadonlyArray<Projector>;
  /** Runs an effect while nothing else writes; it must be short. */
  readonly exclusively: <A, E, R>(use: Effect.Effect<A, E, R>) => Effect.Effect<A, E | SqlError.SqlError, R>;
  /** Takes projectors that are behind to the head. */
  readonly catchUp: Effect.Effect<void, SqlError.SqlError>;
  /** On a thread of its own, unless said otherwise. */
  readonly openShadow?: (
    options: ShadowOptions,
  ) => Effect.Effect<ShadowService, StoreUnavailable, Scope.Scope>;
}

/** Rows that are corrected in one transaction at most. Commands wait for it. */
const BATCH = 200;

const JOBS: Readonly<Record<Purpose, string>> = {
  rebuild: "A rebuild of projections",
  verify: "A verification of projections",
  repair: "A repair of projections",
};

export class Rebuild extends Context.Service<
  Rebuild,
  {
    /** The job, for as long as its stream is read. */
    readonly run: (request: RebuildRequest) => Stream.Stream<ProjectionJobItem, JobError>;
    /** Builds those that are to be built anew; they are served as they are until then. */
    readonly fill: Effect.Effect<void, StoreUnavailable | MaintenanceBusy>;
  }
>()("heddle/replay/Rebuild") {
  static readonly layer = (parts: RebuildParts) =>
    Layer.effect(
      Rebuild,
      Effect.gen(function* () {
        const jobs = yield* OneJob;
        const runner = yield* Runner;
        const services = { ...parts, runner, sql: yield* SqlClient.SqlClient };
        const run = (request: RebuildRequest) =>
          jobs.stream(
            JOBS[request.purpose],
            Stream.callback<ProjectionJobItem, StoreUnavailable>(
              (queue) =>
                Effect.scoped(job(services, request, (item) => Queue.offer(queue, item))).pipe(
                  Effect.andThen(Queue.end(queue)),
                ),
              { bufferSize: 64 },
            ),
          );
        return Rebuild.of({
          run,
          fill: Effect.gen(function* () {
            const names = (yield* runner.status).flatMap(({ state, projector }) =>
              state === "filling" ? [projector] : [],
            );
            if (names.length === 0) return;
            yield* Effect.logInfo(`Building projections anew: ${names.join(", ")}`);
            yield* Stream.runDrain(run({ purpose: "rebuild", names, limit: 0, keep: true }));
            yield* Effect.logInfo(`Built anew: ${names.join(", ")}`);
          }),
        });
      }),
    );
}

interface Services extends RebuildParts {
  readonly runner: Runner["Service"];
  readonly sql: SqlClient.SqlClient;
}

type Say = (item: ProjectionJobItem) => Effect.Effect<unknown>;

/** A projector, where its rows are built to, and what was found of them. */
interface Part {
  readonly projector: Projector;
  readonly until: ShadowTarget["until"];
  report: ProjectionReport;
}

const unavailable = (error: SqlError.SqlError) =>
  Effect.fail(
    new StoreUnavailable({
      operation: "rebuild",
      retryable: error.isRetryable,
      message: `The projections could not be corrected: ${explainSqlError(error)}. What was corrected stays so.`,
    }),
  );

const job = Effect.fn("Rebuild.job")(function* (
  services: Services,
  { purpose, names, limit, keep = false }: RebuildRequest,
  say: Say,
) {
  const { runner, database, file, openShadow = shadowThread } = services;
  const began = yield* Clock.currentTimeMillis;

  // 1. What is to be built, and up to where. The states first: a cursor that somebody moved would mislead the runner.
  const states = yield* compareStates(services, names, purpose, limit).pipe(
    Effect.catchTag("SqlError", unavailable),
  );
  const { head, statuses } = yield* services
    .exclusively(Effect.all({ head: eventReads(services.sql).head, statuses: runner.status }))
    .pipe(Effect.catchTag("SqlError", unavailable));
  const parts = partsOf(services, statuses, head, names, purpose);
  const built = parts.filter(({ report }) => report.fault === null);

  // 2. Build it beside. The file goes when the thread is gone; only where the process is killed does it stay.
  let kept = keep;
  yield* Effect.addFinalizer(() => (kept ? Effect.void : removeShadow(file)));
  const targets = built.map(({ projector, until }) => ({ projector: projector.name, until }));
  const shadow = yield* openShadow({ database, file, targets, noted: purpose === "rebuild" ? 0 : limit });
  let [resumedFrom, events] = [0, 0];
  const faults = new Map<string, string>();
  let building: JobMeter | undefined;
  yield* Stream.runForEach(shadow.build, (progress) =>
    Effect.gen(function* () {
      resumedFrom = progress.resumedFrom;
      events = progress.done - resumedFrom;
      for (const { projector, message } of progress.faults) faults.set(projector, message);
      building ??= yield* beginPhase("building", "events", say, resumedFrom);
      yield* building.at(progress.done, progress.total);
    }),
  );

  // 3. Those that stand still first: what was built of them holds for one event, and grows old.
  const compare = (part: Part, meter: JobMeter, before: number, total: number) =>
    compareAndCorrect(services, shadow, part, purpose, (rows) => meter.at(before + rows, total));
  const compareAll = Effect.fnUntraced(function* (phase: string, some: ReadonlyArray<Part>) {
    const counts = yield* Effect.forEach(some, ({ projector }) => shadow.count(projector.name));
    const total = counts.reduce((sum, count) => sum + count, 0);
    const meter = yield* beginPhase(phase, "rows", say);
    let before = 0;
    for (const part of some) {
      yield* compare(part, meter, before, total);
      before += part.report.rows;
      for (const difference of yield* shadow.differences(part.projector.name)) yield* say(difference);
    }
  });
  const fixed = built.filter(({ until }) => until === "fixed");
  if (fixed.length > 0) {
    yield* compareAll("correcting", fixed);
    yield* services.catchUp.pipe(Effect.catchTag("SqlError", unavailable));
  }

  // 4. Then those whose rows go on changing.
  const following = built.filter(({ until }) => until !== "fixed");
  if (following.length > 0) yield* compareAll("comparing", following);

  // 5. What became of it all.
  for (const difference of states.differences) yield* say(difference);
  const after = new Map((yield* runner.status).map((status) => [status.projector, status]));
  const reports = [
    ...parts.map(({ projector, report }) => ({
      ...report,
      fault: report.fault ?? after.get(projector.name)?.fault ?? null,
    })),
    states.report,
  ];
  kept = false;
  yield* say({
    kind: "report",
    sound: reports.every(
      ({ missing, surplus, differing, corrected, fault }) =>
        fault === null && (corrected || missing + surplus + differing === 0),
    ),
    projections: reports,
    events,
    resumedFrom,
    seconds: ((yield* Clock.currentTimeMillis) - began) / 1000,
  });
});

const partsOf = (
  { projectors = PROJECTORS }: RebuildParts,
  statuses: ReadonlyArray<ProjectorStatus>,
  head: number,
  names: ReadonlyArray<string>,
  purpose: Purpose,
): ReadonlyArray<Part> =>
  statuses.flatMap(({ projector: name, state, lastAppliedSequence }) => {
    const projector = projectors.find((candidate) => candidate.name === name);
    if (projector === undefined || (names.length > 0 && !names.includes(name))) return [];
    const unfit = purpose === "verify" && state === "filling";
    const stands = state === "filling" || (state === "faulted" && purpose !== "verify");
    const report: ProjectionReport = {
      projector: name,
      table: projector.table,
      rows: 0,
      missing: 0,
      surplus: 0,
      differing: 0,
      corrected: false,
      sequence: lastAppliedSequence,
      seconds: 0,
      fault: unfit ? "Its rows are being built anew; they are not yet those of this version." : null,
    };
    // One that is at the head now moves with it, or fails.
    const live = state === "live" && lastAppliedSequence >= head;
    return [{ projector, until: stands ? "fixed" : live ? "head" : "cursor", report }];
  });

/** Compares the rows of a projector, a range after the other, and corrects those that differ as they are found. */
const compareAndCorrect = Effect.fnUntraced(
  function* (
    { runner, sql, exclusively }: Services,
    shadow: ShadowService,
    part: Part,
    purpose: Purpose,
    onRows: (rows: number) => Effect.Effect<void>,
  ) {
    const { projector, until } = part;
    const { name } = projector;
    const began = yield* Clock.currentTimeMillis;
    const putOff: Array<RowKey> = [];
    let together = false;
    const right = (keys: ReadonlyArray<RowKey>) =>
      Effect.tap(shadow.rows({ projector: name, keys, together }), (rows) =>
        Effect.sync(() => {
          for (const key of rows.putOff) putOff.push(key);
        }),
      );

    /** Of one that stands still, nobody else writes the rows. */
    const correctStanding = (keys: ReadonlyArray<RowKey>) =>
      Effect.flatMap(right(keys), (rows) => Effect.as(correctRows(sql, projector, rows), rows.answered));
    /** Of one that goes on, they are those of the very event at which the stored rows stand. */
    const correctFollowing = (keys: ReadonlyArray<RowKey>) =>
      exclusively(
        Effect.flatMap(right(keys), (rows) =>
          // What the runner remembers is not what stands, whether or not the commit did.
          Effect.exit(correctRows(sql, projector, rows)).pipe(
            Effect.tap(() => runner.reload),
            Effect.flatten,
            Effect.as(rows.answered),
            Effect.uninterruptible,
          ),
        ),
      );
    const correct = Effect.fnUntraced(function* (keys: ReadonlyArray<RowKey>) {
      for (let at = 0; at < keys.length;) {
        const batch = keys.slice(at, at + BATCH);
        at += yield* until === "fixed" ? correctStanding(batch) : correctFollowing(batch);
      }
    });
    const inTransaction = (change: ReturnType<Runner["Service"]["beginFill"]>) =>
      exclusively(
        Effect.uninterruptible(Effect.map(sql.withTransaction(change), (committed) => committed())),
      );

    if (until === "fixed") yield* inTransaction(runner.beginFill(name));
    let after: RowKey | null = null;
    const report: Types.Mutable<ProjectionReport> = { ...part.report };
    do {
      const found: Compared = yield* shadow.compare({ projector: name, after });
      if (found.fault !== null && until !== "fixed") {
        part.report = { ...report, fault: found.fault };
        return;
      }
      if (purpose !== "verify") {
        yield* correct([...found.missing, ...found.surplus, ...found.differing]);
      }
      report.rows += found.rows;
      report.missing += found.missing.length;
      report.surplus += found.surplus.length;
      report.differing += found.differing.length;
      report.sequence = found.sequence;
      yield* onRows(report.rows);
      after = found.next;
    } while (after !== null);
    // Every wrong row is known by now: one that holds another's place is corrected together with it.
    together = true;
    yield* correct(putOff.splice(0));
    if (until === "fixed") yield* inTransaction(runner.adopt(name, report.sequence));
    part.report = {
      ...report,
      corrected: purpose !== "verify" && report.missing + report.surplus + report.differing > 0,
      seconds: ((yield* Clock.currentTimeMillis) - began) / 1000,
    };
  },
  Effect.catchTag("SqlError", unavailable),
);
