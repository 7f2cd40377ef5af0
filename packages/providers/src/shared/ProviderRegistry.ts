/** The agents of this server: those built in, and those of its settings. */
import { fileURLToPath } from "node:url";
import { Effect, Layer } from "effect";
import { startAcp } from "../acp/AcpAdapter.ts";
import { startCodex } from "../codex/CodexAdapter.ts";
import { type Deadlines, defaultDeadlines } from "./Deadlines.ts";
import { type AgentLaunch, ProviderError, Providers } from "./Provider.ts";

/** What a new user has without any settings: an agent that needs no account, and those whose commands they may have. */
export const builtInAgents: Readonly<Record<string, AgentLaunch>> = {
  demo: {
    protocol: "acp",
    command: process.execPath,
    args: [fileURLToPath(new URL("../demo/main.ts", import.meta.url))],
    env: {},
  },
  codex: { protocol: "codex", command: "codex", args: ["app-server"], env: {} },
  "codex-acp": {
    protocol: "acp",
    command: "codex-acp",
    args: [],
    env: {},
    modes: { "approval-required": "read-only", "full-access": "agent-full-access" },
  },
};

export interface ProvidersOptions {
  /** From the settings; an agent of the same name as one built in takes its place. */
  readonly agents: Readonly<Record<string, AgentLaunch>>;
  readonly deadlines?: Partial<Deadlines>;
}

/** The live `Providers`. */
export const layer = (options: ProvidersOptions): Layer.Layer<Providers> => {
  const agents = new Map(Object.entries({ ...builtInAgents, ...options.agents }));
  const deadlines = { ...defaultDeadlines, ...options.deadlines };
  return Layer.succeed(Providers, {
    names: [...agents.keys()],
    start: (input) => {
      const { provider } = input.model;
      const launch = agents.get(provider);
      return launch === undefined
        ? Effect.fail(unknownAgent(provider, [...agents.keys()]))
        : adapters[launch.protocol](provider, launch, input, deadlines);
    },
  });
};

const adapters = { acp: startAcp, codex: startCodex } satisfies Record<AgentLaunch["protocol"], unknown>;

const unknownAgent = (provider: string, known: ReadonlyArray<string>): ProviderError =>
  new ProviderError({
    provider,
    operation: "start",
    message: `There is no agent "${provider}". Known: ${known.join(", ")}. To add it, name its command under "agents" in settings.json in the data directory.`,
  });
