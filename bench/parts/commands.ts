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

const place = (folder: string, name: string): string => {
  const path = join(folder, name);
  mkdirSync(path);
  return path;
};

const burst = (name: string) =>
  rate(COMMANDS, 100, (index) => dispatch(rename(`t${index % THREADS}`, `${name}-${index}`)));

const run = (): Promise<ReadonlyArray<Figure>> =>
  withFolder(async (folder) => {
    // The rows are made once; then raw and engine are measured in turn, each on a fresh database.
    const sample = place(folder, "sample");
    await onEngine(sample, Effect.andThen(prepare, burst("sample")));
    const samplePath = join(sample, "heddle.db");
    const rows = readCommandRows(samplePath);

    const engineRates: Array<number> = [];
    const rawRates: Array<number> = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const raw = new RawSqlite(place(folder, `raw-${round}`), samplePath);
      rawRates.push(rawRate(raw, rows));
      raw.close();
      const name = `engine-${round}`;
      engineRates.push(await onEngine(place(folder, name), Effect.andThen(prepare, burst(name))));
    }

    const raw = new RawSqlite(place(folder, "raw-single"), samplePath);
    const rawTimes: Array<number> = [];
    const engineTimes = await onEngine(
      place(folder, "engine-single"),
      Effect.gen(function* () {
        yield* prepare;
        const times: Array<number> = [];
        // In turn, so that both meet the same disk.
        for (let index = 0; index < SINGLE; index += 1) {
          const start = performance.now();
          raw.commit(rows.slice(index, index + 1));
          rawTimes.push(performance.now() - start);
          times.push(...(yield* latencies(1, () => dispatch(rename("t1", `single-${index}`)))));
        }
        return times;
      }),
    );
    raw.close();
    const p99 = percentile(engineTimes, 0.99);
    const rawP99 = percentile(rawTimes, 0.99);

    return [
      {
        name: "durable commands, 100 in flight",
        value: median(engineRates),
        against: median(rawRates),
        unit: "commands/s",
        ratio: median(engineRates.map((perSecond, round) => perSecond / (rawRates[round] ?? Number.NaN))),
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
    ];
  });

const prepare = Effect.gen(function* () {
  yield* dispatch(createProject);
  for (let index = 0; index < THREADS; index += 1) yield* dispatch(createThread(`t${index}`));
});

export const commands: Part = { name: "commands", title: "Durable commands in process", run };
