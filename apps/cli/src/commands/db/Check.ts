/** `heddle db check` */
import type { CheckName, Violation } from "@heddle/replay/database/DatabaseCheck";
import { Effect } from "effect";
import { Command, Flag } from "effect/cli";
import { CliFailure } from "../../CliFailure.ts";
import { requireDatabase } from "../../Connection.ts";
import { DataFolder, invocation } from "../../Environment.ts";
import { Output } from "../../Output.ts";
import { dim, green, red } from "../../render/Colour.ts";
import { revealLine } from "../../render/Sanitize.ts";
import { lookFailure } from "./Failures.ts";

const quick = Flag.Boolean("quick").pipe(
  Flag.withDescription("Leave out whether indexes agree with their tables, which takes longest"),
  Flag.withDefault(false),
);

export const check = Command.make(
  "check",
  { quick },
  Effect.fnUntraced(function* (flags) {
    const output = yield* Output;
    const directory = yield* DataFolder;
    yield* requireDatabase(directory);
    const { checkDatabaseFile } = yield* Effect.promise(() => import("@heddle/replay/database/Onlook"));
    const violations = yield* checkDatabaseFile(directory.database, {
      quick: flags.quick,
      onPart: ({ name, done, total }) =>
        output.status(`${dim(`${done + 1} of ${total}`)} ${name.replaceAll("-", " ")}`),
    }).pipe(Effect.mapError(lookFailure), Effect.ensuring(output.status(undefined)));
    if (output.json) yield* output.printJson({ sound: violations.length === 0, violations });
    else yield* output.print(report(violations));
    if (violations.length === 0) return;
    return yield* new CliFailure({
      kind: "database-unsound",
      message: `The database ${directory.database} is not sound.`,
      details: { violations: violations.length },
      told: true,
    });
  }),
).pipe(
  Command.withDescription(
    "Say whether the database is sound: its file, and its log by all that must hold of it. Reads only, while a server runs or not. It does not compare the projections with the log; `heddle projections verify` does.",
  ),
  Command.withShortDescription("Say whether the database is sound"),
  Command.withExamples([
    { command: "heddle db check" },
    { command: "heddle db check && heddle db backup /backups/heddle.db" },
  ]),
);

const report = (violations: ReadonlyArray<Violation>): string => {
  if (violations.length === 0) return `${green("Sound.")} The file and the log are what they should be.\n`;
  const kinds = [...Map.groupBy(violations, (violation) => violation.check)];
  return kinds
    .map(([name, found]) => {
      const lines = found.map(({ message }) => `  ${revealLine(message)}\n`);
      return `${red(name.replaceAll("-", " "))}\n${lines.join("")}  ${dim(adviceOn(name))}\n`;
    })
    .join("");
};

const RESTORE = `Stop the server, and put a backup from before in its place: ${invocation} db restore FILE`;

/** What to do about each kind; where the log itself is not whole, nothing but a backup has what is missing. */
const adviceOn = (check: CheckName): string => {
  switch (check) {
    case "cursors-stay-within-the-log":
      return `Build the projection anew: ${invocation} projections rebuild NAME`;
    case "events-have-a-receipt":
      return "The events are whole. A repeat of one of these commands is not known for one; do not send them again.";
    case "effects-point-at-their-event":
      return "What is still to be done may be done for the wrong thread. Restore a backup, or look at the effect before the server starts.";
    case "quarantine-is-of-the-log":
      return "Nothing depends on it but the list of what cannot be read.";
    case "events-decode":
      return `The next start leaves these events out, and ${invocation} events quarantine lists them. ${RESTORE}`;
    case "blobs-have-their-hash":
    case "references-have-their-blob":
      return `The content is lost here; all else goes on. ${RESTORE}`;
    case "pruned-threads-are-gone":
      return `Prune the thread again: ${invocation} db prune --thread ID`;
    default:
      return RESTORE;
  }
};
