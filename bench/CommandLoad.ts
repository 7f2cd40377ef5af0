/** The load that is the same in process, over RPC and on a long log: renames of 100 threads in turn, 100 in flight. */
import type { ClientCommandInput } from "@heddle/contracts/Commands";
import { Effect } from "effect";
import { threadNames } from "./LogWriter.ts";
import { createProject, createThread, dispatch, rate, rename } from "./support.ts";

export const COMMANDS = 10_000;
export const IN_FLIGHT = 100;

const threads = threadNames(100);

/** What makes the threads, where there are none. */
export const creations: ReadonlyArray<ClientCommandInput> = [createProject, ...threads.map(createThread)];

export const prepare = Effect.forEach(creations, dispatch, { discard: true });

/** In another round, other command ids. */
export const command = (round: string, index: number): ClientCommandInput =>
  rename(threads[index % threads.length] ?? "", `${round}-${index}`);

/** Commands a second in process. */
export const burst = (round: string, commands = COMMANDS) =>
  rate(commands, IN_FLIGHT, (index) => dispatch(command(round, index)));
