/** Which agents there are: those that come with Heddle, and those of the settings. */
import { basename } from "node:path";
import { acp } from "../acp/Adapter.ts";
import { claude } from "../claude/Adapter.ts";
import { codex } from "../codex/Adapter.ts";
import { OWNER_MARK } from "./ProcessTree.ts";
import type { AgentLaunch, ProviderAdapter } from "./Provider.ts";

/** By protocol, in the order in which their agents are listed. Another protocol is another line. */
export const adapters: Readonly<Record<AgentLaunch["protocol"], ProviderAdapter>> = { claude, codex, acp };

/** An agent of the table. */
export interface Agent {
  readonly name: string;
  readonly launch: AgentLaunch;
  readonly source: "built-in" | "settings";
}

/** What a new user has without any settings: an agent that needs no account, and those whose commands they may have. */
export const builtInAgents: Readonly<Record<string, AgentLaunch>> = Object.assign(
  {},
  ...Object.values(adapters).map(({ agents }) => agents),
);

/** By name. One of the settings takes the place of one that is built in. The processes of all bear the owner's mark. */
export const agentTable = (
  own: Readonly<Record<string, AgentLaunch>>,
  owner?: string,
): ReadonlyMap<string, Agent> =>
  new Map(
    [
      ...Object.entries(builtInAgents).map(([name, launch]): Agent => ({ name, launch, source: "built-in" })),
      ...Object.entries(own).map(([name, launch]): Agent => ({
        name,
        launch: withKnown(launch),
        source: "settings",
      })),
    ].map((agent) => [agent.name, { ...agent, launch: owned(agent.launch, owner) }]),
  );

const owned = (launch: AgentLaunch, owner: string | undefined): AgentLaunch =>
  owner === undefined ? launch : { ...launch, env: { ...launch.env, [OWNER_MARK]: owner } };

/** What is known of a program holds also where a person says how it is started. */
const withKnown = (launch: AgentLaunch): AgentLaunch => {
  const known = Object.values(builtInAgents).find(
    ({ protocol, command }) => protocol === launch.protocol && command === basename(launch.command),
  );
  if (known === undefined) return launch;
  const { title, install, login, modes, env } = known;
  return {
    ...(title === undefined ? {} : { title }),
    ...(install === undefined ? {} : { install }),
    ...(login === undefined ? {} : { login }),
    ...(modes === undefined ? {} : { modes }),
    ...launch,
    env: { ...env, ...launch.env },
  };
};
