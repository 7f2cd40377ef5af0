/** The shadow itself, on the thread that it is made on: builds, compares, and says what should stand where. */
import { StoreUnavailable } from "@heddle/contracts/Errors";
import { explainSqlError } from "@heddle/event-store/SqliteDatabase";
import type { Projector } from "@heddle/projections/Projector";
import type { ProjectorFault } from "@heddle/projections/ProjectionWriter";
import { Clock, Effect, Option, Stream } from "effect";
import type { SqlError } from "effect/sql";
import { compareRows, describeTable } from "./CompareRows.ts";
import type { Built, Compared, RightRows, RowKey, ShadowService, ShadowTarget } from "./Shadow.ts";
import { openShadow } from "./ShadowFile.ts";
import { type Folding, PAGE, shadowFold } from "./ShadowFold.ts";
import type { SqlValue } from "./SqlValue.ts";
import { noteDifference, type Noted, traceDifferences } from "./TraceDifferences.ts";

export interface ShadowOptions {
  /** The live database. */
  readonly database: string;
  /** Where the shadow is. */
  readonly file: string;
  readonly targets: ReadonlyArray<ShadowTarget>;
  /** Differences of one table that are noted at most. */
  readonly noted: number;
  /** Rows that are compared in one transaction. */
  readonly range?: number;
}

/** A few milliseconds of work. */
const RANGE = 2000;

/** How often the building says how far it is, in milliseconds. */
const SAID_EVERY = 200;
/** Bytes of rows in one answer, but for the last of them. */
const ANSWER_BYTES = 4_194_304;

const unavailable = (error: SqlError.SqlError) =>
  Effect.fail(
    new StoreUnavailable({
      operation: "rebuild",
      retryable: error.isRetryable,
      message: `The projections could not be built a second time: ${explainSqlError(error)}. They were left as they are.`,
    }),
  );

/** Opens or continues the shadow, for as long as the scope lives. */
export const makeShadow = Effect.fn("makeShadow")(
  function* (
    { database, file, targets, noted: limit, range = RANGE }: ShadowOptions,
    projectors: ReadonlyArray<Projector>,
  ) {
    const folded = targets.flatMap(({ projector: name, until }) => {
      const projector = projectors.find((candidate) => candidate.name === name);
      return projector ? [{ projector, until }] : [];
    });
    const { sql, resumedFrom, running, note } = yield* openShadow(database, file, folded);
    const foldings = running.map((entry, index): Folding => {
      return { running: entry, until: folded[index]?.until ?? "head", fixedAt: undefined };
    });
    const fold = shadowFold(sql, foldings);
    const compared = yield* Effect.forEach(foldings, (folding) =>
      Effect.gen(function* () {
        const { name, table, key } = folding.running.projector;
        const described = yield* describeTable(sql, table, key);
        const noted: Array<Noted> = [];
        return [name, { folding, described, rows: compareRows(sql, described), noted }] as const;
      }),
    );
    const byName = new Map(compared);
    const tableOf = (name: string) =>
      Effect.suspend(() => {
        const found = byName.get(name);
        return found ? Effect.succeed(found) : Effect.die(new Error(`The shadow has no rows of ${name}.`));
      });

    /** Events that are taken one by one, so that a projector that fails stands at the very one that it fails on. */
    let singly = 0;
    const onFault = (fault: ProjectorFault) =>
      Effect.sync(() => {
        const entry = running.find(({ projector }) => projector.name === fault.projector);
        if (singly === 0) singly = PAGE.limit;
        else if (entry) entry.fault = fault;
        return Option.none();
      });

    /** One page in one transaction, and `use` in the transaction that takes every projector to its goal. */
    const page = <A>(use: (goals: ReadonlyMap<Folding, number>) => Effect.Effect<A, SqlError.SqlError>) =>
      sql
        .withTransaction(
          Effect.gen(function* () {
            const { goals, more, reached, committed } = yield* fold.advance(singly > 0 ? 1 : PAGE.limit);
            yield* note(reached);
            return { committed, result: more ? Option.none<A>() : Option.some(yield* use(goals)) };
          }),
        )
        .pipe(
          Effect.tapError(() => Effect.sync(fold.forget)),
          Effect.map(({ committed, result }) => {
            committed();
            if (singly > 0) singly -= 1;
            return result;
          }),
          Effect.catchTag("ProjectorFault", onFault),
        );

    /** Does something with both sides at one event. */
    const atGoal = <A>(
      use: (goals: ReadonlyMap<Folding, number>) => Effect.Effect<A, SqlError.SqlError>,
    ): Effect.Effect<A, SqlError.SqlError> =>
      Effect.flatMap(page(use), (result) =>
        Option.isSome(result) ? Effect.succeed(result.value) : Effect.andThen(Effect.yieldNow, atGoal(use)),
      );

    const progress = Effect.map(fold.targets, (goals): Built => {
      const able = foldings.filter((folding) => folding.running.fault === null);
      const total = Math.max(0, ...able.map((folding) => goals.get(folding) ?? 0));
      return {
        done: able.length === 0 ? total : Math.min(...able.map((folding) => folding.running.cursor)),
        total,
        resumedFrom,
        faults: running.flatMap(({ projector, fault }) =>
          fault === null ? [] : [{ projector: projector.name, message: fault.message }],
        ),
      };
    });

    const build = Stream.unfold(false, (finished) =>
      Effect.gen(function* () {
        if (finished) return undefined;
        const from = yield* Clock.currentTimeMillis;
        while ((yield* Clock.currentTimeMillis) - from < SAID_EVERY) {
          if (Option.isSome(yield* page(() => Effect.void))) {
            for (const folding of foldings) {
              if (folding.until === "fixed") folding.fixedAt = folding.running.cursor;
            }
            return [yield* progress, true] as const;
          }
          yield* Effect.yieldNow;
        }
        return [yield* progress, false] as const;
      }).pipe(Effect.catchTag("SqlError", unavailable)),
    );

    const service: ShadowService = {
      build,
      count: (name) =>
        Effect.flatMap(tableOf(name), ({ rows }) => rows.count).pipe(
          Effect.catchTag("SqlError", unavailable),
        ),
      compare: ({ projector, after }) =>
        Effect.flatMap(tableOf(projector), ({ folding, described, rows, noted }) =>
          atGoal(
            Effect.fnUntraced(function* (goals) {
              const to = yield* rows.endOf(after, range);
              const { fault } = folding.running;
              const sequence = goals.get(folding) ?? 0;
              const found = yield* rows.compare({ after, to });
              const sides = [
                ["missing", found.missing],
                ["surplus", found.surplus],
                ["differs", found.differing],
              ] as const;
              for (const [side, keys] of sides) {
                for (const key of keys.slice(0, Math.max(0, limit - noted.length))) {
                  noted.push(
                    yield* noteDifference(folding.running.projector, described, rows, side, key, sequence),
                  );
                }
              }
              return { ...found, sequence, next: to, fault: fault?.message ?? null } satisfies Compared;
            }),
          ),
        ).pipe(Effect.catchTag("SqlError", unavailable)),
      rows: ({ projector, keys, together }) =>
        Effect.flatMap(tableOf(projector), ({ described: { columns }, rows }) =>
          atGoal(() =>
            Effect.map(rightRows(rows, keys, together), (right): RightRows => ({ columns, ...right })),
          ),
        ).pipe(Effect.catchTag("SqlError", unavailable)),
      differences: (name) =>
        Effect.flatMap(tableOf(name), ({ folding, noted }) =>
          traceDifferences(sql, folding.running.projector, noted.splice(0)),
        ).pipe(Effect.catchTag("SqlError", unavailable)),
    };
    return service;
  },
  Effect.catchTag("SqlError", unavailable),
);

/** The right rows of as many keys as fit. */
const rightRows = Effect.fnUntraced(function* (
  rows: ReturnType<typeof compareRows>,
  asked: ReadonlyArray<RowKey>,
  together: boolean,
) {
  const open = [...asked];
  const seen = new Set<string>();
  const found: Array<Found> = [];
  let [answered, bytes] = [0, 0];
  for (let key = open.shift(); key !== undefined; key = open.shift()) {
    const id = idOf(key);
    const own = answered < asked.length && asked[answered] === key;
    if (own) {
      if (bytes > ANSWER_BYTES) break;
      answered += 1;
    }
    if (seen.has(id)) continue;
    seen.add(id);
    const row = yield* rows.rowOf("main", key);
    const inTheWay = row === undefined ? [] : yield* rows.inTheWayOf(key);
    found.push({ id, key, row, inTheWay: inTheWay.map(idOf) });
    for (const value of row ?? []) bytes += typeof value === "string" ? 2 * value.length : 8;
    // What holds its place comes right behind it.
    if (together) open.unshift(...inTheWay);
  }
  const kept = withoutHeldPlaces(found);
  const putOff = found.filter((one) => !kept.includes(one)).map(({ key }) => key);
  return {
    answered,
    putOff,
    keys: kept.map(({ key }) => key),
    rows: kept.flatMap(({ row }) => (row === undefined ? [] : [row])),
  };
});

interface Found {
  readonly id: string;
  readonly key: RowKey;
  readonly row: ReadonlyArray<SqlValue> | undefined;
  readonly inTheWay: ReadonlyArray<string>;
}

const idOf = (key: RowKey): string => JSON.stringify(key);

/** Those whose places are free, or held by one another. */
const withoutHeldPlaces = (found: ReadonlyArray<Found>): ReadonlyArray<Found> => {
  const ids = new Set(found.map(({ id }) => id));
  const free = found.filter(({ inTheWay }) => inTheWay.every((id) => ids.has(id)));
  return free.length === found.length ? free : withoutHeldPlaces(free);
};
