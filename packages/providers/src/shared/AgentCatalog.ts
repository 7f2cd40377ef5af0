/** What people ask about agents: which there are, and whether they can be used. */
import type { AgentCheck, AgentInfo, AgentState } from "@heddle/contracts/AgentRpc";
import { NotFound } from "@heddle/contracts/Errors";
import { Context, Effect, Layer, Stream } from "effect";
import { agentEnvironment } from "./AgentProcess.ts";
import { howToInstall, howToLogIn } from "./Advice.ts";
import { adapters, type Agent, agentTable } from "./AgentTable.ts";
import { commandPath } from "./CommandPath.ts";
import { type Deadlines, defaultDeadlines } from "./Deadlines.ts";
import { nothingFound } from "./Findings.ts";
import type { AgentLaunch } from "./Provider.ts";
import type { ProvidersOptions } from "./ProviderRegistry.ts";

/** An agent takes half a gigabyte at its start. */
const AT_ONCE = 4;

const CHECK_DEADLINES: Deadlines = { ...defaultDeadlines, handshake: "20 seconds" };

export class AgentCatalog extends Context.Service<
  AgentCatalog,
  {
    /** All of the table, in its order. Only looks where their commands are. */
    readonly list: Effect.Effect<ReadonlyArray<AgentInfo>>;
    /** Starts these, those that are found and those of the settings without names; each is told when it is known. */
    readonly check: (names?: ReadonlyArray<string>) => Stream.Stream<AgentCheck, NotFound>;
  }
>()("heddle/providers/AgentCatalog") {
  static readonly layer = (options: ProvidersOptions): Layer.Layer<AgentCatalog> =>
    Layer.sync(AgentCatalog, () => make(options));
}

const make = (options: ProvidersOptions): AgentCatalog["Service"] => {
  const agents = agentTable(options.agents, options.owner);
  const deadlines = { ...CHECK_DEADLINES, ...options.deadlines };

  const chosen = (names: ReadonlyArray<string> | undefined): Effect.Effect<ReadonlyArray<Agent>, NotFound> =>
    names === undefined
      ? Effect.sync(() =>
          [...agents.values()].filter((agent) => agent.source === "settings" || infoOf(agent).found !== null),
        )
      : Effect.forEach([...new Set(names)], (name) => {
          const agent = agents.get(name);
          return agent === undefined ? Effect.fail(noSuchAgent(name)) : Effect.succeed(agent);
        });

  return {
    list: Effect.sync(() => [...agents.values()].map(infoOf)),
    check: (names) =>
      Stream.unwrap(
        Effect.map(chosen(names), (found) =>
          Stream.fromIterable(found).pipe(
            Stream.mapEffect((agent) => checkOf(agent, deadlines), {
              concurrency: AT_ONCE,
              unordered: true,
            }),
          ),
        ),
      ),
  };
};

const infoOf = ({ name, launch, source }: Agent): AgentInfo => ({
  name,
  title: launch.title ?? name,
  protocol: launch.protocol,
  command: launch.command,
  args: launch.args,
  source,
  found: commandPath(launch.command, agentEnvironment(process.env, launch.env, "")) ?? null,
  install: launch.install ?? null,
  login: launch.login ?? null,
});

const checkOf = Effect.fnUntraced(function* (agent: Agent, deadlines: Deadlines) {
  const info = infoOf(agent);
  const { launch, name } = agent;
  const state: AgentState =
    info.found === null ? nothingFound() : yield* adapters[launch.protocol].check(name, launch, deadlines);
  const usable = info.found !== null && state.loggedIn !== "out" && state.problems.length === 0;
  return { agent: info, usable, ...state, advice: adviceOn(launch, info.found, state) } satisfies AgentCheck;
});

const adviceOn = (
  launch: AgentLaunch,
  found: string | null,
  { loggedIn, problems }: AgentState,
): ReadonlyArray<string> => {
  if (found === null) return [howToInstall(launch)];
  if (problems.length > 0) {
    // What it lacks for its login is said with the problem.
    if (loggedIn === "out") return [];
    return [`See what it says in a terminal: ${[launch.command, ...launch.args].join(" ")}`];
  }
  return loggedIn === "out" ? [howToLogIn(launch.login)] : [];
};

const noSuchAgent = (name: string): NotFound =>
  new NotFound({
    kind: "agent",
    id: name,
    message: `There is no agent "${name}". "heddle agents list --all" shows those that there are.`,
  });
