/** Projections from nothing to the head of the log, against node:sqlite reading the same rows. */
import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setImmediate } from "node:timers/promises";
import { type Figure, median, type Part } from "../Figure.ts";
import { flush, project, unprojectedLog } from "../StoredDatabase.ts";
import { withFolder } from "../support.ts";

const ROUNDS = 5;
const PAGE = 1000;

/** Reads every event, all columns, a page at a time; gives the seconds that it took. */
const readAll = async (path: string): Promise<number> => {
  const database = new DatabaseSync(path, { readOnly: true });
  const page = database.prepare(
    `SELECT * FROM orchestration_events WHERE sequence > ? ORDER BY sequence LIMIT ${PAGE}`,
  );
  let millis = 0;
  for (let from = 0, more = true; more; await setImmediate()) {
    const start = performance.now();
    const last = page.all(from).at(-1);
    millis += performance.now() - start;
    from = Number(last?.["sequence"]);
    more = last !== undefined;
  }
  database.close();
  return millis / 1000;
};

const run = (): Promise<ReadonlyArray<Figure>> =>
  withFolder(async (place) => {
    const { folder, events } = await unprojectedLog();
    const rates: Array<readonly [projected: number, read: number]> = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const copy = join(place, `round-${round}`);
      await mkdir(copy);
      await copyFile(join(folder, "heddle.db"), join(copy, "heddle.db"));
      await flush(join(copy, "heddle.db"));
      const read = events / (await readAll(join(copy, "heddle.db")));
      rates.push([events / (await project(copy, events)), read]);
    }
    return [
      {
        name: "catch-up of projections from zero",
        value: median(rates.map(([projected]) => projected)),
        against: median(rates.map(([, read]) => read)),
        unit: "events/s",
        ratio: median(rates.map(([projected, read]) => projected / read)),
        bound: { atLeast: 0.25 },
      },
    ];
  });

export const catchup: Part = {
  name: "catchup",
  title: "Catch-up of the projections (100,000 events of agents' work, against reading their rows)",
  prepare: unprojectedLog,
  run,
};
