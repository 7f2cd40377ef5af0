/** `heddle db …` */
import { Command } from "effect/cli";
import { backup } from "./db/Backup.ts";
import { check } from "./db/Check.ts";
import { prune } from "./db/Prune.ts";
import { restore } from "./db/Restore.ts";
import { stats } from "./db/Stats.ts";
import { vacuum } from "./db/Vacuum.ts";

export const db = Command.make("db").pipe(
  Command.withDescription("The database: look at it, copy it, and keep it small"),
  Command.withSubcommands([check, stats, backup, restore, prune, vacuum]),
  Command.withExamples([{ command: "heddle db check" }, { command: "heddle db backup ~/backups/heddle.db" }]),
);
