/** The methods that tell of agents, and the same for whom no server runs for. */
import { AgentRpcs, CheckAgentsInput } from "@heddle/contracts/AgentRpc";
import { AgentCatalog } from "@heddle/providers/shared/AgentCatalog";
import { Effect, Layer, Schema, Stream } from "effect";
import type { DataDirectory } from "./DataDirectory.ts";
import { inputOf } from "./Input.ts";
import { readSettings } from "./Settings.ts";

const LIST = "orchestration.listAgents";
const CHECK = "orchestration.checkAgents";

const listInput = inputOf(LIST, Schema.Struct({}));
const checkInput = inputOf(CHECK, CheckAgentsInput);

export const agentHandlers = Effect.map(AgentCatalog, ({ list, check }) =>
  AgentRpcs.of({
    [LIST]: (payload) => Effect.andThen(listInput(payload), listed(list)),
    [CHECK]: (payload) => Stream.unwrap(Effect.map(checkInput(payload), ({ names }) => check(names))),
  }),
);

/** The agents that a server of the data directory would have; neither it nor a database has to be there. */
export const agentsOf = (directory: DataDirectory) =>
  Effect.gen(function* () {
    const { list, check } = yield* AgentCatalog;
    return {
      listAgents: listed(list),
      checkAgents: ({ names }: CheckAgentsInput) => check(names),
    };
  }).pipe(
    Effect.provide(
      Layer.unwrap(Effect.map(readSettings(directory), ({ agents }) => AgentCatalog.layer({ agents }))),
    ),
  );

const listed = (list: AgentCatalog["Service"]["list"]) => Effect.map(list, (agents) => ({ agents }));
