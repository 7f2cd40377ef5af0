/** The help of a command, as wide as the terminal at most. Pure. */
import { type HelpDoc } from "effect/cli";
import { Option } from "effect";
import { bold, cyan, dim, green } from "./Colour.ts";
import { width } from "./Table.ts";
import { wrap } from "./Wrap.ts";

const MAX_COLUMNS = 100;
/** A longer name has its description on the next line. */
const MAX_NAME = 30;
const INDENT = "  ";

export interface HelpOptions {
  readonly columns: number;
  /** How the program is called here. */
  readonly programName: string;
}

/** Flags whose own form says more than is wanted, or less. */
const names: Readonly<Record<string, string>> = {
  color: "--color, --no-color",
  completions: "--completions <shell>",
  "log-level": "--log-level <level>",
};

const descriptions: Readonly<Record<string, string>> = {
  completions: "Print a completion script: bash, zsh, fish or powershell",
  help: "Show help",
  "log-level": "What the log on stderr says: debug, info, warn, error or none",
  version: "Show the version",
};

/** Said once, in the help of the program itself. */
const rootOnly = new Set(["completions", "log-level", "version"]);

type Row = readonly [name: string, description: string];

/** Each line is ended. */
export const help = (doc: HelpDoc.HelpDoc, options: HelpOptions): string => {
  const columns = Math.min(options.columns, MAX_COLUMNS);
  const called = (command: string): string => command.replace(/^heddle\b/, options.programName);
  const isRoot = (doc.commandPath?.length ?? 1) === 1;
  const globals = (doc.globalFlags ?? []).filter(({ name }) => isRoot || !rootOnly.has(name));
  const rows = [
    ...(doc.args ?? []).map(argumentRow),
    ...[...doc.flags, ...(doc.inheritedFlags ?? []), ...globals].map(flagRow),
    ...(doc.subcommands ?? []).flatMap(({ commands }) => commands.map(commandRow)),
  ];
  const cells = Math.min(MAX_NAME, Math.max(0, ...rows.map(([name]) => width(name))));
  const section = (title: string, entries: ReadonlyArray<Row>, style: (text: string) => string): string =>
    entries.length === 0
      ? ""
      : `${bold(title)}\n${entries.map((row) => entry(row, cells, columns, style)).join("")}`;

  return [
    wrap(doc.description, "", columns),
    `${bold("Usage")}\n${INDENT}${called(doc.usage)}\n`,
    section("Arguments", (doc.args ?? []).map(argumentRow), cyan),
    ...(doc.subcommands ?? []).map(({ group, commands }) =>
      section(group ?? "Commands", commands.map(commandRow), cyan),
    ),
    section("Flags", [...doc.flags, ...(doc.inheritedFlags ?? [])].map(flagRow), green),
    section("Flags of every command", globals.map(flagRow), green),
    examples(doc.examples ?? [], called),
  ]
    .filter((part) => part !== "")
    .join("\n");
};

const argumentRow = ({ name, variadic, required, description }: HelpDoc.ArgDoc): Row => [
  variadic ? `${name}…` : name,
  Option.getOrElse(description, () => "") + (required ? "" : " (optional)"),
];

const flagRow = ({ name, aliases, type, description }: HelpDoc.FlagDoc): Row => [
  names[name] ?? [...aliases, `--${name}`].join(", ") + (type === "boolean" ? "" : ` ${type}`),
  descriptions[name] ?? Option.getOrElse(description, () => ""),
];

const commandRow = ({ name, shortDescription, description }: HelpDoc.SubcommandDoc): Row => [
  name,
  shortDescription ?? description,
];

const entry = (
  [name, description]: Row,
  cells: number,
  columns: number,
  style: (text: string) => string,
): string => {
  const indent = " ".repeat(INDENT.length + cells + 2);
  const text = wrap(description, indent, columns);
  const head = `${INDENT}${style(name)}`;
  return width(name) > cells || text === ""
    ? `${head}\n${text}`
    : `${head}${" ".repeat(cells - width(name) + 2)}${text.trimStart()}`;
};

const examples = (
  all: NonNullable<HelpDoc.HelpDoc["examples"]>,
  called: (command: string) => string,
): string => {
  if (all.length === 0) return "";
  const lines = all.map(
    ({ command, description }) =>
      (description === undefined ? "" : `${INDENT}${dim(`# ${description}`)}\n`) +
      `${INDENT}${called(command)}\n`,
  );
  return `${bold("Examples")}\n${lines.join("")}`;
};
