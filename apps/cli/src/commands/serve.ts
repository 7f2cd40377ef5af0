/** `heddle serve` */
import { Cause, Context, Effect, Layer, Option, Predicate, Schema } from "effect";
import { Command, Flag } from "effect/cli";
import { CliFailure, wrongUsage } from "../CliFailure.ts";
import type { DataDirectory } from "@heddle/server/DataDirectory";
import { DataFolder, invocation } from "../Environment.ts";
import { Output } from "../Output.ts";
import { SignalExit } from "../Process.ts";
import { bold, cyan, dim } from "../render/Colour.ts";

const DEFAULT_PORT = 4747;
const Port = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 65_535 }));

const port = Flag.Int("port").pipe(
  Flag.withAlias("p"),
  Flag.withMetavar("<number>"),
  Flag.withDescription(`Port to listen on, 0 for any free one (else HEDDLE_PORT, else ${DEFAULT_PORT})`),
  Flag.withSchema(Port),
  Flag.optional,
);

const decodePort = Schema.decodeUnknownOption(Schema.FiniteFromString.pipe(Schema.decodeTo(Port)));

const chosenPort = (given: Option.Option<number>): Effect.Effect<number, CliFailure> => {
  if (Option.isSome(given)) return Effect.succeed(given.value);
  const text = process.env["HEDDLE_PORT"];
  if (text === undefined || text === "") return Effect.succeed(DEFAULT_PORT);
  return Option.match(decodePort(text), {
    onNone: () =>
      Effect.fail(wrongUsage(`HEDDLE_PORT is "${text}", which is no port.`, "Ports are 0 to 65535.")),
    onSome: Effect.succeed,
  });
};

export const serve = Command.make(
  "serve",
  { port },
  Effect.fnUntraced(function* (flags) {
    const port = yield* chosenPort(flags.port);
    const output = yield* Output;
    const directory = yield* DataFolder;
    // The usual end of a server is a signal.
    (yield* SignalExit).code = 0;
    // What agents and git write for the server is nobody else's business either.
    process.umask(0o077);
    const { serverLayer, ServerAddress } = yield* Effect.promise(() => import("@heddle/server/Server"));
    const running = Effect.gen(function* () {
      const address = Context.get(yield* Layer.build(serverLayer({ directory, port })), ServerAddress);
      if (output.json) {
        yield* output.printJsonLine({ url: address.url, pid: process.pid, dataDirectory: directory.path });
      } else {
        yield* output.print(welcome(address.url, directory.path));
      }
      return yield* Effect.never.pipe(
        Effect.onInterrupt(() => (output.json ? Effect.void : output.print("\nStopping…\n"))),
      );
    });
    return yield* Effect.scoped(running).pipe(
      Effect.mapError((error) => startFailure(error, port, directory)),
      Effect.onInterrupt(() => (output.json ? Effect.void : output.print("Stopped.\n"))),
    );
  }),
).pipe(
  Command.withDescription(
    "Run the server. It ends on ctrl-C or SIGTERM, in order; a second one ends it at once.",
  ),
  Command.withShortDescription("Run the server"),
  Command.withExamples([
    { command: "heddle serve", description: "With the data in the usual place, on the usual port" },
    {
      command: "heddle serve --port 0 --data-dir /tmp/try-heddle",
      description: "Beside another one, to try something",
    },
  ]),
);

const welcome = (url: string, path: string): string =>
  [
    `Heddle listens at ${bold(url)}`,
    `Its data is in ${path}`,
    "",
    "In another terminal:",
    `  ${cyan(`${invocation} project add .`)}`,
    `  ${cyan(`${invocation} thread new --send "hello"`)}`,
    "",
    dim("ctrl-C stops it."),
    "",
  ].join("\n");

const codeOf = (error: unknown): string | undefined => {
  const cause = Predicate.hasProperty(error, "cause") ? error.cause : error;
  return Predicate.hasProperty(cause, "code") && Predicate.isString(cause.code) ? cause.code : undefined;
};

/** Errors that only the start of a server has; the others are explained with all the rest. */
const startFailure = <E>(error: E, port: number, { database }: DataDirectory): E | CliFailure => {
  if (Predicate.isTagged(error, "ServeError")) return portFailure(port, error);
  if (!Predicate.isTagged(error, "SqlError")) return error;
  return new CliFailure({
    kind: "database",
    message: `The database ${database} cannot be used: ${rootMessage(error)}.`,
    hint: "Look whether the disk is full, the file is somebody else's, or it is no database of Heddle; another --data-dir begins afresh.",
  });
};

/** What the error at the bottom of a chain of causes says. */
const rootMessage = (error: unknown): string => {
  let current = error;
  while (Predicate.hasProperty(current, "cause") && current.cause !== undefined && current.cause !== null) {
    current = current.cause;
  }
  return current instanceof Error ? current.message : String(current);
};

const portFailure = (port: number, error: unknown): CliFailure => {
  const code = codeOf(error);
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: `Port ${port} is taken by another program.`,
    EACCES: `Port ${port} may only be used by the system's administrator.`,
  };
  return new CliFailure({
    kind: "cannot-listen",
    message:
      (code && reasons[code]) ??
      `Could not listen on port ${port}: ${code ?? Cause.pretty(Cause.die(error))}`,
    hint: `Choose another port: ${invocation} serve --port ${port === DEFAULT_PORT ? DEFAULT_PORT + 1 : 0}`,
    details: { port },
  });
};
