/** `heddle thread …` */
import { Command } from "effect/cli";
import { answer, approve } from "./thread/Answer.ts";
import { interrupt, mode, stop } from "./thread/Control.ts";
import { archive, remove, rename } from "./thread/Keep.ts";
import { changes, diff, list, show, watch } from "./thread/Look.ts";
import { fork, newThread } from "./thread/New.ts";
import { queue } from "./thread/Queue.ts";
import { revert } from "./thread/Revert.ts";
import { send } from "./thread/Send.ts";

export const thread = Command.make("thread").pipe(
  Command.withDescription("Conversations with agents: prompts, turns, and what they changed"),
  Command.withSubcommands([
    { group: "Talk", commands: [newThread, send, watch, approve, answer, queue, interrupt] },
    { group: "Look", commands: [list, show, changes, diff] },
    { group: "Change", commands: [revert, fork, mode, stop, rename, archive, remove] },
  ]),
  Command.withExamples([
    { command: 'heddle thread new --send "hello"' },
    { command: "heddle thread list" },
    { command: 'heddle thread send fix-login-7f3k "now add a test"' },
  ]),
);
