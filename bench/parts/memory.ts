/** What a server with a long log holds of the machine's memory, against one with a thousandth of it, behind the same work. */
import { type Figure, median, type Part } from "../Figure.ts";
import { millionEvents, oneThread, someOfMillion } from "../StoredDatabase.ts";
import { rename } from "../support.ts";
import { startClients } from "../wire/ClientProcess.ts";
import type { CallsAnswer, CallsRequest } from "../wire/requestClients.ts";
import { startServer } from "../wire/ServerProcess.ts";
import { commandCall, type MethodCall } from "../wire/Wire.ts";

const ROUNDS = 2;
const COMMANDS = 2000;
const SHELL_PAGES = 20;
const THREAD_PAGES = 100;
const MEBIBYTE = 1_048_576;

/** Commands, pages of the shell and pages of threads; in another round, other command ids. */
const work = (threads: ReadonlyArray<string>, round: number): ReadonlyArray<MethodCall> => {
  const thread = (index: number) => threads[index % threads.length] ?? "";
  return [
    ...Array.from({ length: COMMANDS }, (_, index) =>
      commandCall(rename(thread(index), `memory-${round}-${index}`)),
    ),
    ...Array.from({ length: SHELL_PAGES }, () => ({ name: "getShellSnapshot", payload: { limit: 100 } })),
    ...Array.from({ length: THREAD_PAGES }, (_, index) => ({
      name: "getThreadSnapshot",
      payload: { threadId: thread(index), limit: 100 },
    })),
  ];
};

/** Bytes, behind that work. */
const residentAfter = async (folder: string, calls: ReadonlyArray<MethodCall>): Promise<number> => {
  const server = await startServer(folder);
  const clients = startClients<CallsRequest, CallsAnswer>("requestClients");
  try {
    await clients.ask({
      server: { port: server.port, token: server.token },
      clients: 4,
      inFlight: 100,
      calls,
    });
    return server.residentBytes();
  } finally {
    clients.stop();
    await server.stop();
  }
};

const databases = async () => ({ long: await millionEvents(), short: await oneThread() });

const run = async (): Promise<ReadonlyArray<Figure>> => {
  const { long, short } = await databases();
  const sizes: Array<readonly [long: number, short: number]> = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    sizes.push([
      await residentAfter(long.folder, work(someOfMillion, round)),
      await residentAfter(short.folder, work(["t0"], round)),
    ]);
  }
  return [
    {
      name: "memory of a server, 1,000,000 events stored",
      value: median(sizes.map(([withLog]) => withLog)) / MEBIBYTE,
      against: median(sizes.map(([, without]) => without)) / MEBIBYTE,
      unit: "MiB",
      ratio: median(sizes.map(([withLog, without]) => withLog / without)),
      bound: { atMost: 1.25 },
    },
  ];
};

export const memory: Part = {
  name: "memory",
  title: "Memory of a server (1,000 threads with 1,000,000 events, against one thread with 900)",
  prepare: databases,
  run,
};
