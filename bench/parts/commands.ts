/** Durable commands in process, against node:sqlite writing the same rows. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Effect } from "effect";
import { burst, prepare } from "../CommandLoad.ts";
import { type Figure, median, type Part, percentile } from "../Figure.ts";
import { createRawDatabase, RawSqlite, readCommandRows } from "../RawSqlite.ts";
import { dispatch, latencies, onEngine, rename, withFolder } from "../support.ts";

const ROUNDS = 5;
const SINGLE = 1000;

const run = (): Promise<ReadonlyArray<Figure>> =>
  withFolder(async (folder) => {
    const place = (name: string): string => {
      const path = join(folder, name);
      mkdirSync(path);
      return path;
    };
    // The rows are made once; then raw and engine are measured in turn, each on a fresh database.
    const sample = place("sample");
    await onEngine(sample, Effect.andThen(prepare, burst("sample")));
    const samplePath = join(sample, "heddle.db");
    const commands = readCommandRows(samplePath);
    const openRaw = (name: string): RawSqlite => {
      const path = join(folder, `${name}.db`);
      createRawDatabase(path, samplePath);
      return new RawSqlite(path);
    };

    const rates: Array<readonly [engine: number, raw: number]> = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const raw = openRaw(`raw-${round}`);
      const rawRate = raw.rate(commands);
      raw.close();
      const name = `engine-${round}`;
      rates.push([await onEngine(place(name), Effect.andThen(prepare, burst(name))), rawRate]);
    }

    const raw = openRaw("raw-single");
    const rawTimes: Array<number> = [];
    const engineTimes = await onEngine(
      place("engine-single"),
      Effect.gen(function* () {
        yield* prepare;
        const times: Array<number> = [];
        const singles = commands.slice(0, SINGLE);
        // In turn, so that both meet the same disk.
        for (const [index, single] of singles.entries()) {
          const start = performance.now();
          raw.commit([single]);
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
        value: median(rates.map(([engine]) => engine)),
        against: median(rates.map(([, ofRaw]) => ofRaw)),
        unit: "commands/s",
        ratio: median(rates.map(([engine, ofRaw]) => engine / ofRaw)),
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

export const commands: Part = { name: "commands", title: "Durable commands in process", run };
