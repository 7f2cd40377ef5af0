/** `heddle events …`: the log itself. */
import { Command } from "effect/cli";
import { chain } from "./events/Chain.ts";
import { exportEvents } from "./events/Export.ts";
import { importEvents } from "./events/Import.ts";
import { list } from "./events/List.ts";
import { quarantine } from "./events/Quarantine.ts";
import { show } from "./events/Show.ts";
import { stats } from "./events/Stats.ts";
import { tail } from "./events/Tail.ts";

export const events = Command.make("events").pipe(
  Command.withDescription("The log: everything that happened, in order"),
  Command.withSubcommands([
    { group: "Look", commands: [list, tail, show, chain, stats, quarantine] },
    { group: "Archive", commands: [exportEvents, importEvents] },
  ]),
  Command.withExamples([
    { command: "heddle events list" },
    { command: "heddle events tail -f --thread fix-login-7f3k" },
    { command: "heddle events chain 42", description: "What led to event 42, and what came of it" },
  ]),
);
