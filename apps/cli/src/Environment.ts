/** What this process was started with, as far as commands depend on it. */
import { resolve } from "node:path";
import { type DataDirectory, dataDirectoryAt, defaultDataDirectory } from "@heddle/server/DataDirectory";
import { Context, Effect, Option } from "effect";
import { Flag, GlobalFlag } from "effect/cli";

export const VERSION = "0.1.0";

/** A package script runs in its package's folder; where the person stood is in INIT_CWD. */
const scriptName = process.env["npm_lifecycle_event"];
const runByScript = scriptName === "heddle" || scriptName === "start";

/** How the person calls this program, for hints that can be copied. */
export const programName = runByScript ? "npx -y pnpm@12 heddle" : "heddle";

/** The last value that a flag was given on a command line. */
const flagValue = (args: ReadonlyArray<string>, flag: string): string | undefined => {
  const end = args.indexOf("--");
  const own = end === -1 ? args : args.slice(0, end);
  const at = own.findLastIndex((word) => word === flag || word.startsWith(`${flag}=`));
  const word = own[at];
  return word === undefined ? undefined : word === flag ? own[at + 1] : word.slice(flag.length + 1);
};

/** A word for a POSIX shell. */
const quoted = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;

const namedFolder = flagValue(process.argv.slice(2), "--data-dir");

/** How a command in a hint begins, so that it is about the same data when it is copied. */
export const invocation =
  namedFolder === undefined ? programName : `${programName} --data-dir ${quoted(namedFolder)}`;

/** The folder that the person is in. */
export const workingFolder = (): string =>
  (runByScript ? process.env["INIT_CWD"] : undefined) ?? process.cwd();

export const DataDir = GlobalFlag.Setting("data-dir")({
  flag: Flag.String("data-dir").pipe(
    Flag.withMetavar("<folder>"),
    Flag.withDescription("The server's data (else HEDDLE_HOME, else the platform's place)"),
    Flag.optional,
  ),
});

// Both are read by `outputSettings` before anything is parsed, so that a wrong usage is reported as asked for.
export const Json = GlobalFlag.Setting("json")({
  flag: Flag.Boolean("json").pipe(
    Flag.withDescription("Print JSON: one value, or a line for each item of what streams"),
    Flag.withDefault(false),
  ),
});

export const Color = GlobalFlag.Setting("color")({
  flag: Flag.Boolean("color").pipe(
    Flag.withDescription("Colours or none (else: on a terminal, unless NO_COLOR is set)"),
    Flag.optional,
  ),
});

/** The folder that the command is about. */
export class DataFolder extends Context.Service<DataFolder, DataDirectory>()("heddle/cli/DataFolder") {}

export const dataFolder = Effect.map(DataDir, (given) =>
  dataDirectoryAt(
    Option.match(given, {
      onNone: () => defaultDataDirectory(process.env, process.platform),
      onSome: (folder) => resolve(workingFolder(), folder),
    }),
  ),
);

export interface OutputSettings {
  readonly json: boolean;
  /** Undefined: as the terminal is. */
  readonly colour: boolean | undefined;
}

/** What the arguments and the environment say about output. */
export const outputSettings = (
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string | undefined>>,
): OutputSettings => {
  const end = args.indexOf("--");
  const flags = end === -1 ? args : args.slice(0, end);
  const json = flags.findLast((flag) => /^--(no-)?json(=|$)/.test(flag));
  const color = flags.findLast((flag) => /^--(no-)?color(=|$)/.test(flag));
  return {
    json: json !== undefined && isOn(json),
    colour:
      color === undefined ? (env["NO_COLOR"] || env["TERM"] === "dumb" ? false : undefined) : isOn(color),
  };
};

const isOn = (flag: string): boolean => !flag.startsWith("--no-") && !/=(false|no|0|off|n)$/.test(flag);
