/** Durable commands in process, against node:sqlite writing the same rows. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Effect } from "effect";
import { type Figure, median, type Part, percentile } from "../Figure.ts";
import { type CommandRows, RawSqlite, readCommandRows } from "../RawSqlite.ts";
import {
  createProject,
  createThread,
  dispatch,
  latencies,
  onEngine,
  rate,
  rename,
  withFolder,
} from "../support.ts";

const THREADS = 100;
const COMMANDS = 10_000;
const ROUNDS = 5;
const SINGLE = 1000;

const rawRate = (raw: RawSqlite, commands: ReadonlyArray<CommandRows>): number => {
  const start = performance.now();
  for (let at = 0; at < commands.length; at += 100) raw.commit(commands.slice(at, at + 100));
  return (commands.length / (performance.now() - start)) * 1000;
};

const run = (): Promise<ReadonlyArray<Figure>> =>
  withFolder(async (folder) => {
    // The rows are made once, so that raw and engine can be measured in turn, round by round.
    const sample = join(folder, "sample");
    mkdirSync(sample);
    await onEngine(
      sample,
      Effect.gen(function* () {
        yield* prepare;
        yield* rate(COMMANDS, 100, (index) => dispatch(rename(`t${index % THREADS}`, `sample-${index}`)));
      }),
    );
    const samplePath = join(sample, "heddle.db");
    const rows = readCommandRows(samplePath);

    return await onEngine(
      folder,
      Effect.gen(function* () {
        yield* prepare;
        const ratios: Array<number> = [];
        const engineRates: Array<number> = [];
        const rawRates: Array<number> = [];
        for (let round = 0; round < ROUNDS; round += 1) {
          const raw = yield* freshRaw(folder, samplePath, `round-${round}`);
          const rawPerSecond = rawRate(raw, rows);
          raw.close();
          const perSecond = yield* rate(COMMANDS, 100, (index) =>
            dispatch(rename(`t${index % THREADS}`, `round-${round}-${index}`)),
          );
          rawRates.push(rawPerSecond);
          engineRates.push(perSecond);
          ratios.push(perSecond / rawPerSecond);
        }

        const raw = yield* freshRaw(folder, samplePath, "single");
        const rawTimes: Array<number> = [];
        const engineTimes: Array<number> = [];
        // In turn, so that both meet the same disk.
        for (let index = 0; index < SINGLE; index += 1) {
          const start = performance.now();
          raw.commit(rows.slice(index, index + 1));
          rawTimes.push(performance.now() - start);
          engineTimes.push(...(yield* latencies(1, () => dispatch(rename("t1", `single-${index}`)))));
        }
        raw.close();
        const p99 = percentile(engineTimes, 0.99);
        const rawP99 = percentile(rawTimes, 0.99);

        return [
          {
            name: "durable commands, 100 in flight",
            value: median(engineRates),
            against: median(rawRates),
            unit: "commands/s",
            ratio: median(ratios),
            bound: { atLeast: 0.5 },
          },
          {
            name: "one command at a time, p99",
            value: p99,
            against: rawP99,
            unit: "ms",
            ratio: p99 / rawP99,
            bound: { atMost: 3 },
          },
        ] satisfies ReadonlyArray<Figure>;
      }),
    );
  });

const prepare = Effect.gen(function* () {
  yield* dispatch(createProject);
  for (let index = 0; index < THREADS; index += 1) yield* dispatch(createThread(`t${index}`));
});

const freshRaw = (folder: string, enginePath: string, name: string) =>
  Effect.sync(() => {
    const place = join(folder, name);
    mkdirSync(place);
    return new RawSqlite(place, enginePath);
  });

export const commands: Part = { name: "commands", title: "Durable commands in process", run };
