/** `heddle projections`: the read models, which are built from the log and can be built from it again. */
import type { ProjectionJobReport, RowDifference } from "@heddle/contracts/ProjectionRpc";
import { Effect } from "effect";
import { Argument, Command, Flag } from "effect/cli";
import { CliFailure } from "../CliFailure.ts";
import { connectedOrAlone } from "../Connection.ts";
import { invocation } from "../Environment.ts";
import { showJob } from "../JobOutput.ts";
import { Output } from "../Output.ts";
import * as render from "../render/Projections.ts";

const names = Argument.String("projector").pipe(
  Argument.withDescription(
    "Names of projectors, as `heddle projections status` lists them; all of them without",
  ),
  Argument.variadic(),
);

const status = Command.make("status", {}, () =>
  connectedOrAlone((client) =>
    Effect.gen(function* () {
      const output = yield* Output;
      const found = yield* client.getProjectionStatus;
      yield* output.json ? output.printJson(found) : output.print(render.statuses(found, output.columns()));
    }),
  ),
).pipe(
  Command.withDescription(
    "Say of each projector whether its rows are those of the log's last event, how far behind they are, and why",
  ),
  Command.withShortDescription("Say how the projections are"),
);

const rebuild = Command.make("rebuild", { names }, ({ names: chosen }) =>
  connectedOrAlone((client) =>
    Effect.gen(function* () {
      const output = yield* Output;
      let report: ProjectionJobReport | undefined;
      yield* showJob(
        client.rebuildProjections({ names: chosen }),
        "Cancelled. What was corrected stays so; the rest is as it was.",
        (item) =>
          Effect.sync(() => {
            if (item.kind === "report") report = item;
          }),
      );
      if (report === undefined) return;
      yield* output.json ? output.printJson(report) : output.print(render.report(report, output.columns()));
      if (!report.sound) yield* unsound(report);
    }),
  ),
).pipe(
  Command.withDescription(
    "Build projections anew from the log, beside the ones that are served, and put right every row that differs. " +
      "The server goes on meanwhile, and nobody sees a table half full. ctrl-C ends it; a run that was killed is gone on with",
  ),
  Command.withShortDescription("Build projections anew from the log"),
  Command.withExamples([
    { command: "heddle projections rebuild", description: "All of them" },
    { command: "heddle projections rebuild threads thread-turns", description: "Two of them" },
  ]),
);

const verify = Command.make(
  "verify",
  {
    names,
    repair: Flag.Boolean("repair").pipe(
      Flag.withoutNegation,
      Flag.withDescription("Also correct the rows that differ; then the exit code is 0 once they all are"),
      Flag.withDefault(false),
    ),
    limit: Flag.Int("limit").pipe(
      Flag.withAlias("n"),
      Flag.withMetavar("<rows>"),
      Flag.withDescription("Rows of each table that are listed at most (20); all are counted"),
      Flag.withDefault(20),
    ),
  },
  ({ names: chosen, repair, limit }) =>
    connectedOrAlone((client) =>
      Effect.gen(function* () {
        const output = yield* Output;
        const differences: Array<RowDifference> = [];
        let report: ProjectionJobReport | undefined;
        yield* showJob(
          client.verifyProjections({ names: chosen, repair, limit }),
          repair
            ? "Cancelled. What was corrected stays so; the rest is as it was."
            : "Cancelled. Nothing was changed.",
          (item) =>
            Effect.sync(() => {
              if (item.kind === "report") report = item;
              else if (item.kind === "difference") differences.push(item);
            }),
        );
        if (report === undefined) return;
        if (output.json) yield* output.printJson({ ...report, differences });
        else {
          if (differences.length > 0) {
            yield* output.print(`${render.differences(differences, output.columns())}\n`);
          }
          yield* output.print(render.report(report, output.columns()));
        }
        if (!report.sound) yield* unsound(report);
      }),
    ),
).pipe(
  Command.withDescription(
    "Build the projections a second time from the log, and compare them row by row with the ones that are served. " +
      "Says which rows differ, in which columns, and from which event on the log gives something else than what is stored; " +
      "where it never gave that, from which event on it gives what it does. " +
      "The exit code is 0 where they are sound, and 1 on a difference",
  ),
  Command.withShortDescription("Compare projections with the log"),
  Command.withExamples([
    { command: "heddle projections verify" },
    { command: "heddle projections verify --repair", description: "And correct what differs" },
  ]),
);

const unsound = ({ projections }: ProjectionJobReport) => {
  const differing = projections
    .filter((one) => !one.corrected)
    .reduce((sum, one) => sum + render.differing(one), 0);
  const faulted = projections.flatMap(({ projector, fault }) => (fault === null ? [] : [projector]));
  const rows = `${differing} ${differing === 1 ? "row differs" : "rows differ"} from what the log gives.`;
  return differing > 0
    ? new CliFailure({
        kind: "projections-differ",
        message: rows,
        hint: `Correct them with: ${invocation} projections verify --repair`,
        details: { rows: differing, faulted },
      })
    : new CliFailure({
        kind: "projectors-faulted",
        message: `These cannot be built up to the last event: ${faulted.join(", ")}.`,
        hint: `${invocation} projections status says why. A newer version may take the event that it failed on.`,
        details: { rows: 0, faulted },
      });
};

export const projections = Command.make("projections").pipe(
  Command.withDescription(
    "What snapshots are read from: tables that projectors build from the log, and can build again. " +
      "These commands run on the server, or, where none runs, by themselves",
  ),
  Command.withShortDescription("Look at the projections, verify them, build them anew"),
  Command.withSubcommands([status, rebuild, verify]),
);
