/** `heddle`: its commands put together, and how what comes of them is told. */
import * as NodeServices from "@effect/platform-node/NodeServices";
import { Cause, Effect, Layer } from "effect";
import { CliConfig, CliError, CliOutput, Command, GlobalFlag } from "effect/cli";
import { type CliFailure, failureOf } from "./CliFailure.ts";
import { agents } from "./commands/agents.ts";
import { blob } from "./commands/blob.ts";
import { db } from "./commands/db.ts";
import { events } from "./commands/events.ts";
import { importSessions } from "./commands/import.ts";
import { project } from "./commands/project.ts";
import { projections } from "./commands/projections.ts";
import { serve } from "./commands/serve.ts";
import { status } from "./commands/status.ts";
import { thread } from "./commands/thread.ts";
import {
  Color,
  DataDir,
  dataFolder,
  DataFolder,
  Json,
  outputSettings,
  programName,
  VERSION,
} from "./Environment.ts";
import * as Log from "./Log.ts";
import { Output } from "./Output.ts";
import { dim, red } from "./render/Colour.ts";
import { help } from "./render/Help.ts";

const heddle = Command.make("heddle").pipe(
  Command.withDescription(
    "Run coding agents, and see what they do: an orchestration server and its command line",
  ),
  Command.withSubcommands([
    { group: "Server", commands: [serve, status] },
    { group: "Work", commands: [project, thread, agents, importSessions] },
    { group: "Log", commands: [events, blob] },
    { group: "Keeping", commands: [projections, db] },
  ]),
  Command.provideEffect(DataFolder, dataFolder),
  Command.withGlobalFlags([DataDir, Json, Color]),
  Command.withExamples([
    { command: "heddle serve", description: "Run the server; everything else talks to it" },
    { command: "heddle project add .", description: "Let agents work in this folder" },
    {
      command: 'heddle thread new --send "hello"',
      description: "Begin a thread here, and see what the agent does",
    },
    { command: 'heddle thread send THREAD "and now the tests"', description: "Go on in it" },
  ]),
);

const builtIns = [GlobalFlag.Help, GlobalFlag.Version, GlobalFlag.Completions, GlobalFlag.LogLevel];

/** Runs the program with its arguments, and gives its exit code: 0 done, 1 failed, 2 not asked for rightly. */
export const main = (args: ReadonlyArray<string>): Effect.Effect<number> => {
  const settings = outputSettings(args, process.env);
  const coloured = settings.colour ?? process.stderr.isTTY === true;
  return Command.runWith(heddle, { version: VERSION })(args).pipe(
    Effect.as(0),
    Effect.catchCause(report),
    Effect.provide(
      Layer.mergeAll(
        Layer.effect(CliOutput.Presenter, presenter),
        CliConfig.layer({ builtIns }),
        NodeServices.layer,
      ).pipe(
        Layer.provideMerge(Output.layer(settings)),
        Layer.provideMerge(Log.layer({ json: settings.json, colour: coloured })),
      ),
    ),
  );
};

/** Help goes to stdout where it was asked for; wrong usages are reported like other failures, in a line or two. */
const presenter = Effect.map(Output, (output) =>
  CliOutput.Presenter.of({
    present: (event) => {
      switch (event._tag) {
        case "Help":
          return event.reason === "Requested" || event.commandPath.length === 1
            ? output.print(help(event.helpDoc, { columns: output.columns(), programName }))
            : output.json
              ? Effect.void
              : output.printError(help(event.helpDoc, { columns: output.columns(), programName }));
        case "Version":
          return output.json
            ? output.printJson({ name: event.name, version: event.version })
            : output.print(`${event.name} ${event.version}\n`);
        case "InvalidInvocation":
          return Effect.void;
      }
    },
  }),
);

const report = Effect.fnUntraced(function* (cause: Cause.Cause<unknown>) {
  const error = Cause.squash(cause);
  // `heddle` alone is how one asks what there is.
  const onlyHelp = CliError.isCliError(error) && error._tag === "ShowHelp" && error.errors.length === 0;
  if (onlyHelp && error.commandPath.length === 1) return 0;
  const failure = failureOf(cause);
  if (failure === undefined) return yield* Effect.interrupt;
  if (failure.kind === "unexpected") yield* Effect.logDebug("This ended the program:", cause);
  yield* tell(failure);
  return failure.exitCode ?? 1;
});

const tell = Effect.fnUntraced(function* ({ kind, message, hint, details, told }: CliFailure) {
  const output = yield* Output;
  yield* output.status(undefined);
  if (output.json) {
    return yield* output.printJsonError({
      error: kind,
      message,
      ...(hint !== undefined && { hint }),
      ...details,
    });
  }
  if (told) return;
  const [first = "", ...more] = message.split("\n");
  yield* output.printError(
    [
      `${red("Error:")} ${first}`,
      ...more.map((line) => `  ${line}`),
      ...(hint === undefined ? [] : [dim(hint)]),
      "",
    ].join("\n"),
  );
});
