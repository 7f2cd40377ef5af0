/** Databases that hold a log, for parts to share. Their projections are brought up to date by the engine itself. */
import { mkdtempSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Runner } from "@heddle/projections/Runner";
import { Effect } from "effect";
import { type LogShape, threadNames, writeLog } from "./LogWriter.ts";
import { onEngine } from "./support.ts";

/**
 * Brings the projections up to date, as a server does at its start, and gives the seconds that it took. Throws where one
 * did not get there.
 */
export const project = (folder: string, head: number): Promise<number> => {
  const start = performance.now();
  return onEngine(
    folder,
    Effect.gen(function* () {
      for (const { projector, lastAppliedSequence, fault } of yield* (yield* Runner).status) {
        if (lastAppliedSequence !== head)
          throw new Error(`${projector} stands at ${lastAppliedSequence} of ${head}: ${fault}`);
      }
      return (performance.now() - start) / 1000;
    }),
  );
};

/** A log that several parts share: made when the first of them asks, removed at the end. */
const shared = (name: string, shape: LogShape, projected: boolean): (() => Promise<SharedDatabase>) => {
  let made: Promise<SharedDatabase> | undefined;
  return () => {
    made ??= makeShared(name, shape, projected);
    return made;
  };
};

export interface SharedDatabase {
  readonly folder: string;
  readonly events: number;
}

let root: string | undefined;

/** What is not on the disk yet is written at the first flush of whoever comes next, and counted as theirs. */
export const flush = async (path: string): Promise<void> => {
  const file = await open(path, "r+");
  await file.sync();
  await file.close();
};

const makeShared = async (name: string, shape: LogShape, projected: boolean): Promise<SharedDatabase> => {
  root ??= mkdtempSync(join(tmpdir(), "heddle-bench-"));
  const folder = join(root, name);
  const start = performance.now();
  const events = await writeLog(folder, shape);
  const written = performance.now();
  if (projected) await project(folder, events);
  await flush(join(folder, "heddle.db"));
  const seconds = (millis: number) => (millis / 1000).toFixed(0);
  const projecting = projected ? `, projected in ${seconds(performance.now() - written)} s` : "";
  process.stdout.write(
    `(${events.toLocaleString("en")} events written in ${seconds(written - start)} s${projecting})\n`,
  );
  return { folder, events };
};

export const removeShared = (): void => {
  if (root !== undefined) rmSync(root, { recursive: true, force: true });
};

const MILLION: LogShape = { threads: 1000, threadEvents: 900, firstThreadEvents: 100_000 };

/** 1,000,000 events in 1,000 threads, 100,000 of them in the thread `t0`; projections up to date. */
export const millionEvents = shared("million", MILLION, true);

/** Every tenth of its threads, the longest among them. */
export const someOfMillion = threadNames(MILLION.threads).filter((_, index) => index % 10 === 0);

/** 100,000 events in 111 threads, and no projections. */
export const unprojectedLog = shared(
  "unprojected",
  { threads: 111, threadEvents: 900, firstThreadEvents: 900 },
  false,
);

/** One thread, long enough for a page; as the threads of the million events are. */
export const oneThread = shared(
  "one-thread",
  { threads: 1, threadEvents: 900, firstThreadEvents: 900 },
  true,
);
