/** Durable commands over WebSocket RPC, against the same in process. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Effect } from "effect";
import { burst, command, COMMANDS, creations, IN_FLIGHT, prepare } from "../CommandLoad.ts";
import { type Figure, median, type Part } from "../Figure.ts";
import { onEngine, withFolder } from "../support.ts";
import { startClients } from "../wire/ClientProcess.ts";
import type { CallsAnswer, CallsRequest } from "../wire/requestClients.ts";
import { startServer } from "../wire/ServerProcess.ts";
import { commandCall } from "../wire/Wire.ts";

const ROUNDS = 5;
const CLIENTS = 4;

/** A server with its clients, in processes of their own. */
const startWire = async (folder: string) => {
  const { port, token, stop } = await startServer(folder);
  const clients = startClients<CallsRequest, CallsAnswer>("requestClients");
  await clients.ask({ server: { port, token }, clients: 1, inFlight: 1, calls: creations.map(commandCall) });
  return {
    burst: async (round: string): Promise<number> => {
      const calls = Array.from({ length: COMMANDS }, (_, index) => commandCall(command(round, index)));
      const answer = await clients.ask({
        server: { port, token },
        clients: CLIENTS,
        inFlight: IN_FLIGHT,
        calls,
      });
      return COMMANDS / answer.seconds;
    },
    stop: () => {
      clients.stop();
      return stop();
    },
  };
};

const run = (): Promise<ReadonlyArray<Figure>> =>
  withFolder(async (folder) => {
    const engineFolder = join(folder, "engine");
    mkdirSync(engineFolder);
    const wire = await startWire(join(folder, "server"));
    const rates = await onEngine(
      engineFolder,
      Effect.gen(function* () {
        yield* prepare;
        const rates: Array<readonly [rpc: number, inProcess: number]> = [];
        // In turn, so that both meet the same machine; the first round warms both up.
        for (let round = 0; round <= ROUNDS; round += 1) {
          const inProcess = yield* burst(`rename-${round}`);
          const rpc = yield* Effect.promise(() => wire.burst(`rename-${round}`));
          if (round > 0) rates.push([rpc, inProcess]);
        }
        return rates;
      }),
    ).finally(wire.stop);
    return [
      {
        name: `durable commands over RPC, ${CLIENTS} clients`,
        value: median(rates.map(([rpc]) => rpc)),
        against: median(rates.map(([, inProcess]) => inProcess)),
        unit: "commands/s",
        ratio: median(rates.map(([rpc, inProcess]) => rpc / inProcess)),
        bound: { atLeast: 0.6 },
      },
    ];
  });

export const rpc: Part = { name: "rpc", title: "Durable commands over WebSocket RPC", run };
