/** `heddle db backup` */
import { resolve } from "node:path";
import { Clock, Effect } from "effect";
import { Argument, Command, Flag } from "effect/cli";
import { requireDatabase } from "../../Connection.ts";
import { DataFolder, invocation, workingFolder } from "../../Environment.ts";
import { Output } from "../../Output.ts";
import { amount, bytesOf } from "../../render/Bytes.ts";
import { dim, green } from "../../render/Colour.ts";
import { duration } from "../../render/Time.ts";
import { copyFailure } from "./Failures.ts";

const file = Argument.String("file").pipe(
  Argument.withDescription("Where the backup goes; a new file, or with --force one that is there"),
);
const force = Flag.Boolean("force").pipe(
  Flag.withAlias("f"),
  Flag.withDescription("Overwrite the file if it is there"),
  Flag.withDefault(false),
);

export const backup = Command.make(
  "backup",
  { file, force },
  Effect.fnUntraced(function* (flags) {
    const output = yield* Output;
    const directory = yield* DataFolder;
    yield* requireDatabase(directory);
    const { backupDatabase } = yield* Effect.promise(() => import("@heddle/replay/database/Backup"));
    const to = resolve(workingFolder(), flags.file);
    const started = yield* Clock.currentTimeMillis;
    const made = yield* backupDatabase({
      database: directory.database,
      to,
      force: flags.force,
      onProgress: ({ done, total }) =>
        output.status(dim(`copying ${bytesOf(done)} of about ${bytesOf(total)}`)),
    }).pipe(Effect.mapError(copyFailure), Effect.ensuring(output.status(undefined)));
    const took = (yield* Clock.currentTimeMillis) - started;
    if (output.json) return yield* output.printJson({ file: to, ...made, seconds: took / 1000 });
    yield* output.print(
      `${green("Backed up")} to ${to}\n${dim(`${bytesOf(made.bytes)}, ${amount(made.events, "event")} up to sequence ${made.headSequence}, checked, in ${duration(took)}`)}\n${dim(`To go back to it: stop the server, then ${invocation} db restore ${flags.file}`)}\n`,
    );
  }),
).pipe(
  Command.withDescription(
    "Copy the database to a file while it is used. The copy is of one moment, is opened and checked, and only then gets its name. It holds everything but checkpoints, which are in the projects' repositories, and the server's token and settings.",
  ),
  Command.withShortDescription("Copy the database while it is used"),
  Command.withExamples([
    { command: "heddle db backup ~/backups/heddle-monday.db" },
    { command: "heddle db backup --force /mnt/nas/heddle.db", description: "In place of the last one" },
  ]),
);
