/** `heddle agents`: which agents there are, and whether they can be used. */
import type { ConnectionError, HeddleClientService } from "@heddle/client/HeddleClient";
import { findServer } from "@heddle/server/DataDirectory";
import { Effect, Stream } from "effect";
import { Argument, Command, Flag } from "effect/cli";
import { CliFailure } from "../CliFailure.ts";
import { connected } from "../Connection.ts";
import { DataFolder, invocation } from "../Environment.ts";
import { Output } from "../Output.ts";
import * as render from "../render/Agents.ts";

/** What a server says of its agents; where none runs, what one would say. */
type Agents = Pick<HeddleClientService, "listAgents" | "checkAgents">;

const withAgents = <A, E, R>(use: (agents: Agents) => Effect.Effect<A, E | ConnectionError, R>) =>
  Effect.gen(function* () {
    const directory = yield* DataFolder;
    if ((yield* findServer(directory)) !== undefined) return yield* connected(use);
    // Loaded here, since a client of a server needs none of it.
    const { agentsOf } = yield* Effect.promise(() => import("@heddle/server/AgentHandlers"));
    return yield* use(yield* agentsOf(directory));
  });

const all = Flag.Boolean("all").pipe(
  Flag.withAlias("a"),
  Flag.withoutNegation,
  Flag.withDescription("Also those that were not found on this machine, and how to install them"),
  Flag.withDefault(false),
);

const list = Command.make("list", { all }, ({ all: wantsAll }) =>
  withAgents(
    Effect.fnUntraced(function* (source) {
      const output = yield* Output;
      const { agents } = yield* source.listAgents;
      const shown = agents.filter(
        ({ found, source: from }) => wantsAll || found !== null || from === "settings",
      );
      if (output.json) return yield* output.printJson({ agents: shown });
      yield* output.print(render.list(shown, agents.length - shown.length, output.columns(), invocation));
    }),
  ),
).pipe(
  Command.withDescription(
    "List the agents that can be named with --model: those of the settings, and of the known ones those whose command is on the PATH of the server",
  ),
  Command.withShortDescription("List the agents that there are"),
  Command.withExamples([
    { command: "heddle agents list", description: "What this machine has" },
    { command: "heddle agents list --all", description: "All that are known, and how to install them" },
  ]),
);

const names = Argument.String("agent").pipe(
  Argument.withDescription(
    "Names of agents, as `heddle agents list --all` shows them; those that were found without",
  ),
  Argument.variadic(),
);

const doctor = Command.make("doctor", { names }, ({ names: chosen }) =>
  withAgents(
    Effect.fnUntraced(function* (source) {
      const output = yield* Output;
      const unusable: Array<string> = [];
      let checked = 0;
      yield* output.status("starting them…");
      yield* source.checkAgents(chosen.length === 0 ? {} : { names: chosen }).pipe(
        Stream.runForEach((check) => {
          if (!check.usable) unusable.push(check.agent.name);
          checked += 1;
          return output.json
            ? output.printJsonLine(check)
            : output.print((checked > 1 ? "\n" : "") + render.check(check, output.columns()));
        }),
        Effect.ensuring(output.status(undefined)),
      );
      if (chosen.length === 0 || unusable.length === 0) return;
      return yield* new CliFailure({
        kind: "agent-not-usable",
        message: `Not usable: ${unusable.join(", ")}.`,
        details: { agents: unusable },
        told: true,
      });
    }),
  ),
).pipe(
  Command.withDescription(
    "Start agents, and say of each whether it was found, its version, whether it is logged in, what it can, and what to do about what is wrong. " +
      "They are given no prompt, and nothing of theirs is changed. It ends with 1 where one that was named is not usable",
  ),
  Command.withShortDescription("Say whether agents can be used, and what to do"),
  Command.withExamples([
    { command: "heddle agents doctor", description: "All that were found, and those of the settings" },
    { command: "heddle agents doctor codex claude", description: "Two of them, also where they are missing" },
  ]),
);

export const agents = Command.make("agents").pipe(
  Command.withDescription("Which agents there are, and whether they can be used"),
  Command.withShortDescription("See which agents there are, and whether they work"),
  Command.withSubcommands([list, doctor]),
);
