/** `heddle db restore` */
import { resolve } from "node:path";
import { createDataDirectory, ownDataDirectory } from "@heddle/server/DataDirectory";
import { Effect } from "effect";
import { Argument, Command } from "effect/cli";
import { confirm } from "../../Ask.ts";
import { DataFolder, invocation, workingFolder } from "../../Environment.ts";
import { Output } from "../../Output.ts";
import { amount, bytesOf } from "../../render/Bytes.ts";
import { dim, green } from "../../render/Colour.ts";
import * as Flags from "../Flags.ts";
import { copyFailure } from "./Failures.ts";

const file = Argument.String("file").pipe(
  Argument.withDescription("The backup: a file of `heddle db backup`"),
);

export const restore = Command.make(
  "restore",
  { file, yes: Flags.yes("Do not ask") },
  Effect.fnUntraced(function* (flags) {
    const output = yield* Output;
    const directory = yield* DataFolder;
    const { restoreDatabase } = yield* Effect.promise(() => import("@heddle/replay/database/Restore"));
    const backup = resolve(workingFolder(), flags.file);
    yield* createDataDirectory(directory);
    yield* ownDataDirectory(directory);
    yield* confirm(`Put ${backup} in the place of ${directory.database}?`, flags.yes);
    process.umask(0o077);
    const { aside, ...restored } = yield* restoreDatabase({
      backup,
      database: directory.database,
      onProgress: ({ done, total }) =>
        output.status(dim(`copying ${bytesOf(done)} of about ${bytesOf(total)}`)),
    }).pipe(Effect.mapError(copyFailure), Effect.ensuring(output.status(undefined)));
    if (output.json)
      return yield* output.printJson({ backup, database: directory.database, aside, ...restored });
    const undo =
      aside === null
        ? ""
        : `What was there before is now ${aside}\n${dim(`To undo it: ${invocation} db restore ${aside}. Remove that file when you do not need it any more.`)}\n`;
    yield* output.print(
      `${green("Restored")} ${backup}\n${dim(`${amount(restored.events, "event")} up to sequence ${restored.headSequence}`)}\n${undo}`,
    );
  }, Effect.scoped),
).pipe(
  Command.withDescription(
    "Put a backup in the place of the database. No server may run. The backup is checked first, and the present database is put aside, not removed.",
  ),
  Command.withShortDescription("Put a backup in the place of the database"),
);
