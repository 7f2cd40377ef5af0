/** Many subscribers on one busy thread, against one; and what it costs the server when some of them stop reading. */
import { join } from "node:path";
import { type Figure, median, type Part } from "../Figure.ts";
import { createProject, createThread, rename, withFolder } from "../support.ts";
import { startClients } from "../wire/ClientProcess.ts";
import type { CallsAnswer, CallsRequest } from "../wire/requestClients.ts";
import type { FollowingAnswer, FollowingRequest } from "../wire/followingClients.ts";
import { type ServerProcess, startServer } from "../wire/ServerProcess.ts";
import { commandCall } from "../wire/Wire.ts";

const THREAD = "busy";
const SUBSCRIBERS = 200;
const STOPPED = 20;
const EVENTS = 4000;
const ROUNDS = 3;
const EVENTS_WHILE_STOPPED = 20_000;
const MEBIBYTE = 1_048_576;
/**
 * What there may be more: a page of 1 MiB for each that stopped, as objects and as text, and some garbage. If the events
 * were kept for those that stopped, it would be some 180 MiB in their text alone.
 */
const MEMORY_BOUND = 64 * MEBIBYTE;

interface Busy {
  readonly server: ServerProcess;
  /** Writes this many events to the thread, as fast as the server takes them. */
  readonly write: (events: number) => Promise<unknown>;
  readonly follow: (clients: number) => Promise<Followers>;
  readonly stop: () => Promise<void>;
}

interface Followers {
  readonly ask: (request: FollowingRequest) => Promise<FollowingAnswer>;
  readonly stop: () => void;
}

const startBusy = async (folder: string): Promise<Busy> => {
  const server = await startServer(folder);
  const { port, token } = server;
  const writers = startClients<CallsRequest, CallsAnswer>("requestClients");
  let written = 0;
  const write: Busy["write"] = (events) => {
    const calls = Array.from({ length: events }, () => commandCall(rename(THREAD, `rename-${++written}`)));
    return writers.ask({ server: { port, token }, clients: 4, inFlight: 100, calls });
  };
  const creations = [createProject, createThread(THREAD)];
  await writers.ask({ server: { port, token }, clients: 1, inFlight: 1, calls: creations.map(commandCall) });
  await write(EVENTS);
  return {
    server,
    write,
    follow: async (clients) => {
      const followers = startClients<FollowingRequest, FollowingAnswer>("followingClients");
      // From the head: what is measured is what is live.
      const fromSequenceExclusive = creations.length + written;
      await followers.ask({
        type: "subscribe",
        server: { port, token },
        threadId: THREAD,
        fromSequenceExclusive,
        clients,
      });
      return followers;
    },
    stop: () => {
      writers.stop();
      return server.stop();
    },
  };
};

/** Events in a second, of all subscribers together. */
const deliveredRate = async (busy: Busy, subscribers: number): Promise<number> => {
  const followers = await busy.follow(subscribers);
  const received = followers.ask({ type: "receive", events: EVENTS });
  await busy.write(EVENTS);
  const { seconds } = await received;
  followers.stop();
  return (subscribers * EVENTS) / seconds;
};

/** By how much the server grows while most subscribers read and some have stopped. */
const growthWhileStopped = async (busy: Busy): Promise<number> => {
  const followers = await busy.follow(SUBSCRIBERS);
  const send = async (events: number) => {
    const received = followers.ask({ type: "receive", events });
    await busy.write(events);
    // All that read get everything.
    await received;
  };
  // As much as comes later: a process grows by itself until its allocators have what they keep.
  await send(EVENTS_WHILE_STOPPED);
  await followers.ask({ type: "pause", clients: STOPPED });
  const before = busy.server.residentBytes();
  let most = before;
  for (let events = 0; events < EVENTS_WHILE_STOPPED; events += EVENTS) {
    await send(EVENTS);
    most = Math.max(most, busy.server.residentBytes());
  }
  followers.stop();
  return most - before;
};

const run = (): Promise<ReadonlyArray<Figure>> =>
  withFolder(async (folder) => {
    const busy = await startBusy(join(folder, "data"));
    try {
      const rates: Array<readonly [many: number, one: number]> = [];
      for (let round = 0; round < ROUNDS; round += 1) {
        const one = await deliveredRate(busy, 1);
        rates.push([await deliveredRate(busy, SUBSCRIBERS), one]);
      }
      const growth = await growthWhileStopped(busy);
      return [
        {
          name: `events delivered to ${SUBSCRIBERS} subscribers`,
          value: median(rates.map(([many]) => many)),
          against: median(rates.map(([, one]) => one)),
          unit: "events/s",
          ratio: median(rates.map(([many, one]) => many / one)),
          bound: { atLeast: 50 },
        },
        {
          name: `growth while ${STOPPED} of them do not read`,
          value: growth / MEBIBYTE,
          against: MEMORY_BOUND / MEBIBYTE,
          unit: "MiB",
          ratio: growth / MEMORY_BOUND,
          bound: { atMost: 1 },
        },
      ];
    } finally {
      await busy.stop();
    }
  });

export const subscribers: Part = { name: "subscribers", title: "Subscribers on one busy thread", run };
