/** A log with its projections, and rebuilds of them: given these rows, when a job runs, then this is said and stands. */
import type { ProjectionJobItem, RowDifference } from "@heddle/contracts/ProjectionRpc";
import { play, randomSteps } from "@heddle/domain/testing/Steps";
import { EventStore } from "@heddle/event-store/EventStore";
import type { Projector } from "@heddle/projections/Projector";
import { PROJECTORS } from "@heddle/projections/Projectors";
import { Runner } from "@heddle/projections/Runner";
import { freshStore } from "@heddle/event-store/testing/support";
import { Effect, Layer, Semaphore, Stream } from "effect";
import { SqlClient } from "effect/sql";
import fc from "fast-check";
import { OneJob } from "../src/OneJob.ts";
import { Rebuild, type RebuildParts, type RebuildRequest } from "../src/rebuild/Rebuild.ts";
import { makeShadow } from "../src/rebuild/ShadowDatabase.ts";

/** The file of the live database. */
export const databaseFile = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient;
  const [main] = yield* sql<{ file: string }>`SELECT file FROM pragma_database_list WHERE name = 'main'`;
  return main?.file ?? "";
});

/** Where the shadow is. */
export const shadowFile = Effect.map(databaseFile, (file) => file.replace("heddle.db", "rebuild.db"));

/** Takes the projectors of the runner to the head of the log. */
export const catchUp = Effect.gen(function* () {
  const log = yield* EventStore;
  const runner = yield* Runner;
  yield* runner.catchUp((fromSequenceExclusive, limit) => log.readAll({ fromSequenceExclusive, limit }));
});

/** Rebuilds over the runner there is, on this thread, unless something else is said. */
export const rebuilds = (
  projectors: ReadonlyArray<Projector> = PROJECTORS,
  more: Partial<RebuildParts> = {},
) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const log = yield* EventStore;
      const runner = yield* Runner;
      const one = yield* Semaphore.make(1);
      return Rebuild.layer({
        database: yield* databaseFile,
        file: yield* shadowFile,
        projectors,
        exclusively: (use) => one.withPermit(use),
        catchUp: Effect.gen(function* () {
          const page = (fromSequenceExclusive: number, limit: number) =>
            log.readAll({ fromSequenceExclusive, limit });
          while (yield* one.withPermit(runner.step(page, 50)));
        }),
        // A row at a time, so that there are many ranges.
        openShadow: (options) => makeShadow({ ...options, range: 1 }, projectors),
        ...more,
      });
    }),
  ).pipe(Layer.provideMerge(OneJob.layer));

/** A log, projectors and rebuilds of them on a fresh database. */
export const freshRebuilds = (
  projectors: ReadonlyArray<Projector> = PROJECTORS,
  more: Partial<RebuildParts> = {},
) =>
  rebuilds(projectors, more).pipe(
    Layer.provideMerge(Runner.layer(projectors)),
    Layer.provideMerge(freshStore),
  );

/** Everything that a job says. */
export const run = (request: Partial<RebuildRequest>) =>
  Effect.gen(function* () {
    const rebuild = yield* Rebuild;
    const items = yield* Stream.runCollect(
      rebuild.run({ purpose: "verify", names: [], limit: 20, ...request }),
    );
    return said(items);
  });

export const said = (items: ReadonlyArray<ProjectionJobItem>) => {
  const progress = items.filter((item) => item.kind === "progress");
  const differences = items.filter((item) => item.kind === "difference");
  const report = items.find((item) => item.kind === "report");
  if (report === undefined) throw new Error("The job ended without a report.");
  return { progress, differences, report };
};

/** A difference in a few words: table, key and what differs. */
export const inWords = ({ table, key, side, columns }: RowDifference): string =>
  [table, ...Object.values(key), side, ...columns.map(({ column }) => column)].join(" ");

/** The same random history each time. */
export const history = (steps: number, seed = 12) => {
  const [sample = []] = fc.sample(randomSteps(steps), { numRuns: 1, seed });
  return play(sample).log;
};
