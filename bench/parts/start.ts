/** How long a server takes from the start of its process until `/ready` says so. */
import { type Figure, median, type Part } from "../Figure.ts";
import { millionEvents } from "../StoredDatabase.ts";
import { withFolder } from "../support.ts";
import { startServer } from "../wire/ServerProcess.ts";

const ROUNDS = 3;

const isReady = async (port: number): Promise<boolean> => {
  // A connection that stays open would hold up the server's stop.
  const response = await fetch(`http://127.0.0.1:${port}/ready`, { headers: { connection: "close" } });
  await response.arrayBuffer();
  return response.status === 200;
};

/** Milliseconds. */
const timeToReady = async (dataDir: string): Promise<number> => {
  const start = performance.now();
  const server = await startServer(dataDir);
  try {
    while (!(await isReady(server.port)));
    return performance.now() - start;
  } finally {
    await server.stop();
  }
};

const run = (): Promise<ReadonlyArray<Figure>> =>
  withFolder(async (emptyFolder) => {
    const { folder: storedFolder } = await millionEvents();
    // The first start makes what every data directory has.
    await timeToReady(emptyFolder);
    await timeToReady(storedFolder);
    const times: Array<readonly [stored: number, empty: number]> = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      times.push([await timeToReady(storedFolder), await timeToReady(emptyFolder)]);
    }
    return [
      {
        name: "start to /ready, 1,000,000 events stored",
        value: median(times.map(([withLog]) => withLog)),
        against: median(times.map(([, without]) => without)),
        unit: "ms",
        ratio: median(times.map(([withLog, without]) => withLog / without)),
        bound: { atMost: 1.5 },
      },
    ];
  });

export const start: Part = {
  name: "start",
  title: "Start of a server (against one with an empty database)",
  prepare: millionEvents,
  run,
};
