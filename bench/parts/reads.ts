/** Snapshots of a database that holds much, against the same pages of one that holds one thread. */
import { ThreadId } from "@heddle/contracts/Ids";
import { Queries } from "@heddle/projections/Queries";
import { Effect } from "effect";
import { type Figure, type Part, percentile } from "../Figure.ts";
import { millionEvents, oneThread } from "../StoredDatabase.ts";
import { type EngineParts, latencies, type OpenEngine, openEngine } from "../support.ts";

const READS = 500;
const ROUNDS = 5;

const shellPage = Effect.flatMap(Queries, (queries) => queries.shellSnapshot({ limit: 1 }));
const threadPage = Effect.flatMap(Queries, (queries) =>
  queries.threadSnapshot({ threadId: ThreadId.make("t0"), limit: 100 }),
);

const measure = async <E>(
  name: string,
  read: Effect.Effect<unknown, E, EngineParts>,
  large: OpenEngine,
  small: OpenEngine,
): Promise<Figure> => {
  const times: Record<"large" | "small", Array<number>> = { large: [], small: [] };
  const some = latencies(READS / ROUNDS, () => read);
  await large.run(some);
  await small.run(some);
  for (let round = 0; round < ROUNDS; round += 1) {
    times.large.push(...(await large.run(some)));
    times.small.push(...(await small.run(some)));
  }
  const value = percentile(times.large, 0.99);
  const against = percentile(times.small, 0.99);
  return { name, value, against, unit: "ms", ratio: value / against, bound: { atMost: 2 } };
};

const databases = async () => ({ large: await millionEvents(), small: await oneThread() });

const run = async (): Promise<ReadonlyArray<Figure>> => {
  // The newest page of both threads has the same contents: turns go in cycles.
  const folders = await databases();
  const large = openEngine(folders.large.folder);
  const small = openEngine(folders.small.folder);
  try {
    return [
      await measure("getShellSnapshot at 1,000 threads, p99", shellPage, large, small),
      await measure("getThreadSnapshot, 100,000 events, p99", threadPage, large, small),
    ];
  } finally {
    await Promise.all([large.close(), small.close()]);
  }
};

export const reads: Part = {
  name: "reads",
  title: "Snapshots (a page of one thread, and of 100 entries, against a database with one thread)",
  prepare: databases,
  run,
};
