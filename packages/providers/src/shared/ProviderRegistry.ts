/** The live `Providers`: the agents of this server, each started by the adapter of its protocol. */
import { Effect, Layer } from "effect";
import { adapters, agentTable } from "./AgentTable.ts";
import { type Deadlines, defaultDeadlines } from "./Deadlines.ts";
import { type AgentLaunch, ProviderError, Providers } from "./Provider.ts";

export interface ProvidersOptions {
  /** From the settings; an agent of the same name as one built in takes its place. */
  readonly agents: Readonly<Record<string, AgentLaunch>>;
  readonly deadlines?: Partial<Deadlines>;
  /** What all agents of this server bear, in this run and the next: give it to `endProcessesOf` at the start. */
  readonly owner?: string;
}

export const layer = (options: ProvidersOptions): Layer.Layer<Providers> => {
  const agents = agentTable(options.agents, options.owner);
  const deadlines = { ...defaultDeadlines, ...options.deadlines };
  return Layer.succeed(Providers, {
    names: [...agents.keys()],
    start: (input) => {
      const { provider } = input.model;
      const agent = agents.get(provider);
      return agent === undefined
        ? Effect.fail(unknownAgent(provider))
        : adapters[agent.launch.protocol].start(provider, agent.launch, input, deadlines);
    },
  });
};

const unknownAgent = (provider: string): ProviderError =>
  new ProviderError({
    provider,
    operation: "start",
    message: `There is no agent "${provider}". "heddle agents list --all" shows those that there are. To add it, name its command under "agents" in settings.json in the data directory, and start the server again.`,
  });
