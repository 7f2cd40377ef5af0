/** `heddle events import` */
import { resolve } from "node:path";
import type { Imported, ImportedArchive, ImportProgress } from "@heddle/replay/archive/Import";
import type { JobMeter } from "@heddle/replay/JobMeter";
import { createDataDirectory, ownDataDirectory } from "@heddle/server/DataDirectory";
import { Effect } from "effect";
import { Argument, Command, Flag } from "effect/cli";
import { DataFolder, invocation, workingFolder } from "../../Environment.ts";
import { Output } from "../../Output.ts";
import { amount } from "../../render/Bytes.ts";
import { dim, green, yellow } from "../../render/Colour.ts";
import { progressLine } from "../../render/Progress.ts";
import { revealLine } from "../../render/Sanitize.ts";
import { archiveFailure } from "./ArchiveFailure.ts";

const files = Argument.String("file").pipe(
  Argument.withDescription("Archives, in the order in which they were written"),
  Argument.atLeast(1),
);
const dryRun = Flag.Boolean("dry-run").pipe(
  Flag.withAlias("n"),
  Flag.withDescription("Check the archives, say what would be imported, and change nothing"),
  Flag.withDefault(false),
);

const PHASES = { verify: "checking", import: "importing", project: "projecting" } as const;

export const importEvents = Command.make(
  "import",
  { files, dryRun },
  Effect.fnUntraced(function* ({ files, dryRun }) {
    const output = yield* Output;
    const directory = yield* DataFolder;
    const [{ importArchives }, { beginPhase }] = yield* Effect.promise(() =>
      Promise.all([import("@heddle/replay/archive/Import"), import("@heddle/replay/JobMeter")]),
    );
    // Looking may be done beside a running server.
    if (!dryRun) {
      process.umask(0o077);
      yield* createDataDirectory(directory);
      yield* ownDataDirectory(directory);
    }
    let phase = "";
    let meter: JobMeter | undefined;
    const onProgress = Effect.fnUntraced(function* ({ step, archive, done, total }: ImportProgress) {
      const next = `${step} ${archive}`;
      if (phase !== next || meter === undefined) {
        const unit = step === "project" ? "events" : "bytes";
        meter = yield* beginPhase(
          PHASES[step],
          unit,
          (progress) => output.status(dim(progressLine(progress))),
          done,
        );
      }
      phase = next;
      yield* meter.at(done, total);
    });
    const imported = yield* importArchives({
      database: directory.database,
      archives: files.map((file) => resolve(workingFolder(), file)),
      dryRun,
      onProgress,
    }).pipe(Effect.mapError(archiveFailure), Effect.ensuring(output.status(undefined)));
    if (output.json) return yield* output.printJson({ dryRun, ...imported });
    yield* output.print(report(imported, dryRun));
  }, Effect.scoped),
).pipe(
  Command.withDescription(
    "Put archives of `heddle events export` into a database that is empty, or that ends where they go on. No server may run. Each is checked to its end before anything is written; where the process is killed, do it again, and it goes on.",
  ),
  Command.withShortDescription("Put archives into a database"),
  Command.withExamples([
    { command: "heddle events import --data-dir /tmp/copy log.jsonl", description: "Into a new folder" },
    { command: "heddle events import log.jsonl log-2.jsonl", description: "One after the other" },
    { command: "heddle events import --dry-run log.jsonl" },
  ]),
);

const archiveLine = ({ archive, manifest, eventsAdded }: ImportedArchive, dryRun: boolean): string => {
  const there = manifest.counts.event - eventsAdded;
  const rest = there === 0 ? "" : dim(`, ${amount(there, "other")} ${there === 1 ? "was" : "were"} there`);
  return `${green(dryRun ? "Would import" : "Imported")} ${amount(eventsAdded, "event")} of ${revealLine(archive)}${rest}\n`;
};

const report = ({ archives, headSequence, projectors }: Imported, dryRun: boolean): string => {
  const faults = projectors.flatMap(({ projector, fault }) =>
    fault === null
      ? []
      : [`${yellow("!")} Projection ${projector} is not up to date: ${revealLine(fault)}\n`],
  );
  const end = dryRun
    ? `The archives are whole and fit. The log would end at event ${headSequence}.`
    : `The log ends at event ${headSequence}. ${faults.length === 0 ? "The projections are those of all its events." : `See ${invocation} projections status`}`;
  return `${archives.map((archive) => archiveLine(archive, dryRun)).join("")}${faults.join("")}${dim(end)}\n`;
};
