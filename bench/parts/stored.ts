/** Durable commands on a database that holds a long log, against the same on one that holds nothing but its threads. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Effect } from "effect";
import { type Figure, median, type Part } from "../Figure.ts";
import { millionEvents, someOfMillion as threads } from "../StoredDatabase.ts";
import {
  createProject,
  createThread,
  dispatch,
  latencies,
  openEngine,
  rate,
  rename,
  withFolder,
} from "../support.ts";

const LONGEST = "t0";
const COMMANDS = 5000;
const ROUNDS = 9;

const burst = (name: string) =>
  rate(COMMANDS, 100, (index) => dispatch(rename(threads[index % threads.length] ?? "", `${name}-${index}`)));

const prepare = Effect.gen(function* () {
  yield* dispatch(createProject);
  yield* Effect.forEach(threads, (threadId) => dispatch(createThread(threadId)));
});

const run = (): Promise<ReadonlyArray<Figure>> =>
  withFolder(async (folder) => {
    const emptyFolder = join(folder, "empty");
    mkdirSync(emptyFolder);
    const empty = openEngine(emptyFolder);
    const stored = openEngine((await millionEvents()).folder);
    try {
      await empty.run(prepare);
      const [cold = 0] = await stored.run(latencies(1, () => dispatch(rename(LONGEST, "cold"))));
      const [warm = 0] = await stored.run(latencies(1, () => dispatch(rename(LONGEST, "warm"))));
      // The other threads' states are read from the log once, before what is measured.
      await empty.run(burst("first"));
      await stored.run(burst("first"));
      const rates: Array<readonly [stored: number, empty: number]> = [];
      for (let round = 0; round < ROUNDS; round += 1) {
        rates.push([await stored.run(burst(`burst-${round}`)), await empty.run(burst(`burst-${round}`))]);
      }
      return [
        {
          name: "durable commands, 1,000,000 events stored",
          value: median(rates.map(([withLog]) => withLog)),
          against: median(rates.map(([, without]) => without)),
          unit: "commands/s",
          ratio: median(rates.map(([withLog, without]) => withLog / without)),
          bound: { atLeast: 0.9 },
        },
        {
          name: "the first command on a thread of 100,000 events",
          value: cold,
          against: warm,
          unit: "ms, the second",
          ratio: cold / warm,
        },
      ];
    } finally {
      await Promise.all([stored.close(), empty.close()]);
    }
  });

export const stored: Part = {
  name: "stored",
  title: "Durable commands on a long log (100 of its 1,000 threads, against as many without a history)",
  prepare: millionEvents,
  run,
};
