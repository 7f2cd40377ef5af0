/** `heddle events export` */
import { resolve } from "node:path";
import type { ArchiveFileError } from "@heddle/replay/archive/ArchiveErrors";
import type { Exported, ExportOptions } from "@heddle/replay/archive/ArchiveExport";
import { Effect } from "effect";
import { Argument, Command, Flag } from "effect/cli";
import { wrongUsage } from "../../CliFailure.ts";
import { requireDatabase } from "../../Connection.ts";
import { DataFolder, invocation, workingFolder } from "../../Environment.ts";
import { Output } from "../../Output.ts";
import { amount, bytesOf } from "../../render/Bytes.ts";
import { dim, green } from "../../render/Colour.ts";
import { progressLine } from "../../render/Progress.ts";
import { revealLine } from "../../render/Sanitize.ts";
import * as Flags from "../Flags.ts";
import { archiveFailure } from "./ArchiveFailure.ts";

const file = Argument.String("file").pipe(
  Argument.withDescription("Where the archive goes: a new file, or - for stdout"),
);
const from = Flag.Int("from").pipe(
  Flag.withMetavar("<sequence>"),
  Flag.withDescription("Only what came after this event: the number that the last export ended with"),
  Flag.withSchema(Flags.Count),
  Flag.withDefault(0),
);
const force = Flag.Boolean("force").pipe(
  Flag.withAlias("f"),
  Flag.withDescription("Replace the file if it is there"),
  Flag.withDefault(false),
);

export const exportEvents = Command.make(
  "export",
  { file, from, force },
  Effect.fnUntraced(function* ({ file, from, force }) {
    const output = yield* Output;
    const directory = yield* DataFolder;
    yield* requireDatabase(directory);
    const [{ exportArchive }, { writeArchiveFile }, { beginPhase }] = yield* Effect.promise(() =>
      Promise.all([
        import("@heddle/replay/archive/ArchiveExport"),
        import("@heddle/replay/archive/ArchiveFile"),
        import("@heddle/replay/JobMeter"),
      ]),
    );
    const toStdout = file === "-";
    if (toStdout && output.terminal) {
      return yield* wrongUsage("A terminal cannot keep an archive.", "Name a file, or pipe it on.");
    }
    const meter = yield* beginPhase("exporting", "events", (progress) => {
      const line = dim(progressLine(progress));
      if (!toStdout) return output.status(line);
      return process.stderr.isTTY ? output.printError(`${line}\n`) : Effect.void;
    });
    const options = {
      database: directory.database,
      fromSequenceExclusive: from,
      onProgress: ({ eventsDone, eventsTotal }) => meter.at(eventsDone, eventsTotal),
    } satisfies Omit<ExportOptions<never>, "sink">;
    if (toStdout) {
      const exported = yield* exportArchive({ ...options, sink: output.printBytes }).pipe(
        Effect.mapError(archiveFailure),
      );
      return output.json ? undefined : yield* output.printError(summary(exported, "stdout"));
    }
    const path = resolve(workingFolder(), file);
    const exported = yield* writeArchiveFile<
      Exported,
      Effect.Error<ReturnType<typeof exportArchive<ArchiveFileError>>>,
      never
    >(path, { replace: force }, (sink) => exportArchive({ ...options, sink })).pipe(
      Effect.mapError(archiveFailure),
      Effect.ensuring(output.status(undefined)),
    );
    if (output.json) return yield* output.printJson({ ...exported.manifest, path, bytes: exported.bytes });
    yield* output.print(summary(exported, path));
  }),
).pipe(
  Command.withDescription(
    "Write the log to a file of JSON lines, with everything that cannot be made again from it, while it is used or not. The last line says what must be in it; a file without it is not whole.",
  ),
  Command.withShortDescription("Write the log to an archive"),
  Command.withExamples([
    { command: "heddle events export log.jsonl", description: "All of it" },
    {
      command: "heddle events export --from 4711 log-2.jsonl",
      description: "What came after the archive that ended with event 4711",
    },
    { command: "heddle events export - | gzip > log.jsonl.gz" },
  ]),
);

const summary = ({ manifest, bytes }: Exported, path: string): string => {
  const { counts, firstSequence, lastSequence, headSequence } = manifest;
  const range = firstSequence === null ? "" : `, ${firstSequence} to ${lastSequence}`;
  const rest = [amount(counts.receipt, "receipt"), amount(counts.blob, "blob"), amount(counts.diff, "diff")];
  return `${green("Exported")} ${amount(counts.event, "event")}${range}, to ${revealLine(path)}\n${dim(
    `${bytesOf(bytes)}, with ${rest.join(", ")}. Next time: ${invocation} events export --from ${headSequence} FILE`,
  )}\n`;
};
