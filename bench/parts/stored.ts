/**
 * Durable commands on a database that holds a long log, against the same on one that holds nothing but their threads: by
 * the engine, and by node:sqlite writing the same rows. What SQLite itself loses on deeper trees, no engine gets back.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { burst, COMMANDS, prepare } from "../CommandLoad.ts";
import type { Figure, Part } from "../Figure.ts";
import { createRawDatabase, RawSqlite, readCommandRows } from "../RawSqlite.ts";
import { millionEvents } from "../StoredDatabase.ts";
import { dispatch, latencies, openEngine, rename, withFolder } from "../support.ts";

const LONGEST = "t0";
/** The two databases take turns of so many commands: within one, the machine is as fast for both. */
const TURN = 2000;
const TURNS = 20;
const RAW_TURNS = 10;

/** Commands a second, turn by turn. */
interface Rates {
  readonly stored: number;
  readonly empty: number;
}

/** Of all turns together: a checkpoint falls into one and not into the next. */
const overall = (rates: ReadonlyArray<number>): number =>
  rates.length / rates.reduce((sum, rate) => sum + 1 / rate, 0);

const figureOf = (name: string, rates: ReadonlyArray<Rates>): Figure => {
  const value = overall(rates.map(({ stored }) => stored));
  const against = overall(rates.map(({ empty }) => empty));
  return { name, value, against, unit: "commands/s", ratio: value / against };
};

const byEngine = async (storedFolder: string, emptyFolder: string) => {
  const stored = openEngine(storedFolder);
  const empty = openEngine(emptyFolder);
  try {
    await empty.run(prepare);
    const [cold = 0] = await stored.run(latencies(1, () => dispatch(rename(LONGEST, "cold"))));
    const [warm = 0] = await stored.run(latencies(1, () => dispatch(rename(LONGEST, "warm"))));
    // The other threads' states are read from the log once, before what is measured.
    await stored.run(burst("first"));
    await empty.run(burst("first"));
    const rates: Array<Rates> = [];
    for (let turn = 0; turn < TURNS; turn += 1) {
      const next = burst(`turn-${turn}`, TURN);
      rates.push({ stored: await stored.run(next), empty: await empty.run(next) });
    }
    return { cold, warm, rates };
  } finally {
    await Promise.all([stored.close(), empty.close()]);
  }
};

/** The same load on the same log, and on an empty one, from rows that the engine wrote. */
const byRaw = (storedPath: string, emptyPath: string, enginePath: string): ReadonlyArray<Rates> => {
  const commands = readCommandRows(enginePath);
  createRawDatabase(emptyPath, enginePath);
  const stored = new RawSqlite(storedPath);
  const empty = new RawSqlite(emptyPath);
  const take = (round: string, count: number): Rates => ({
    stored: stored.rate(stored.next(round, commands.slice(0, count))),
    empty: empty.rate(empty.next(round, commands.slice(0, count))),
  });
  take("first", COMMANDS);
  const rates = Array.from({ length: RAW_TURNS }, (_, turn) => take(`raw-${turn}`, TURN));
  stored.close();
  empty.close();
  return rates;
};

const run = (): Promise<ReadonlyArray<Figure>> =>
  withFolder(async (folder) => {
    const emptyFolder = join(folder, "empty");
    mkdirSync(emptyFolder);
    const long = await millionEvents();
    const { cold, warm, rates } = await byEngine(long.folder, emptyFolder);
    const raw = byRaw(join(long.folder, "heddle.db"), join(folder, "raw.db"), join(emptyFolder, "heddle.db"));
    return [
      { ...figureOf("durable commands, 1,000,000 events stored", rates), bound: { atLeast: 0.9 } },
      figureOf("their rows by node:sqlite alone", raw),
      {
        name: "the first command on a thread of 100,000 events",
        value: cold,
        against: warm,
        unit: "ms, the second",
        ratio: cold / warm,
      },
    ];
  });

export const stored: Part = {
  name: "stored",
  title: "Durable commands on a long log (100 of its 1,000 threads, against as many without a history)",
  prepare: millionEvents,
  run,
};
