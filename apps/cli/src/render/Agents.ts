/** Agents for people: which there are, and what became of a check. Pure. */
import type { AgentCheck, AgentInfo } from "@heddle/contracts/AgentRpc";
import { bold, dim, green, red, yellow } from "./Colour.ts";
import { revealLine } from "./Sanitize.ts";
import { type Cell, type Column, table } from "./Table.ts";
import { wrap } from "./Wrap.ts";

/** `more` are known, and not among those that are shown. */
export const list = (
  agents: ReadonlyArray<AgentInfo>,
  more: number,
  columns: number,
  invocation: string,
): string => {
  const missing = agents.some(({ found }) => found === null);
  const heads: ReadonlyArray<Column> = [
    { title: "NAME" },
    { title: "AGENT", shrinkTo: 12 },
    { title: "FROM" },
    { title: "COMMAND", shrinkTo: 16 },
    ...(missing ? [{ title: "TO INSTALL", shrinkTo: 16 }] : []),
  ];
  const rows = agents
    .toSorted(byName)
    .map((agent): ReadonlyArray<Cell> => [
      [agent.name, agent.found === null ? dim : green],
      revealLine(agent.title),
      agent.source,
      commandCell(agent),
      agent.found === null ? revealLine(agent.install ?? "") : "",
    ]);
  const others =
    more === 0
      ? ""
      : `${more} more are known, and were not found on the PATH: ${invocation} agents list --all\n`;
  return `${table(heads, rows, columns)}${dim(`${others}Whether they can be used: ${invocation} agents doctor`)}\n`;
};

/** Those that are there first. */
const byName = (left: AgentInfo, right: AgentInfo): number =>
  Number(left.found === null) - Number(right.found === null) || (left.name < right.name ? -1 : 1);

const commandLine = ({ command, args, found }: AgentInfo): string =>
  revealLine([found ?? command, ...args].join(" "));

const commandCell = (agent: AgentInfo): Cell =>
  agent.found === null ? [`${revealLine(agent.command)} (not found)`, dim] : commandLine(agent);

const CAPABILITIES = [
  ["steer", "take prompts during a turn"],
  ["resume", "go on after a restart"],
  ["fork", "go on in a copy"],
] as const;

const MAX_SAID_LINES = 8;

/** A block of lines. */
export const check = (result: AgentCheck, columns: number): string => {
  const { agent, usable, version, problems, advice } = result;
  const facts: ReadonlyArray<readonly [string, string]> = [
    [
      "command",
      agent.found === null
        ? red(
            `${revealLine(agent.command)} was not found${/[/\\]/.test(agent.command) ? "" : " on the PATH"}`,
          )
        : commandLine(agent),
    ],
    ...(version === null ? [] : [["version", revealLine(version)] as const]),
    ...(agent.found === null || (problems.length > 0 && result.loggedIn === "unknown")
      ? []
      : [["login", loginOf(result)] as const]),
    ...(result.capabilities === null ? [] : [["it can", abilities(result.capabilities)] as const]),
  ];
  const head = `${usable ? green("✓") : red("✗")} ${bold(agent.name)}  ${dim(revealLine(agent.title))}\n`;
  return [
    head,
    ...facts.map(([name, value]) => `  ${dim(name.padEnd(8))} ${value}\n`),
    ...problems.map((problem) => problemOf(problem, columns)),
    ...advice.map((what) => hanging(yellow("→"), revealLine(what), columns)),
  ].join("");
};

const loginOf = ({ loggedIn, account }: AgentCheck): string =>
  loggedIn === "in"
    ? `logged in${account === null ? "" : dim(` (${revealLine(account)})`)}`
    : loggedIn === "out"
      ? red("not logged in")
      : dim("it asks for none");

const abilities = (capabilities: NonNullable<AgentCheck["capabilities"]>): string =>
  CAPABILITIES.filter(([name]) => capabilities[name] === true)
    .map(([, what]) => what)
    .join(", ") || dim("run turns, and nothing beyond");

/** What an agent printed stands on lines of its own behind what was wrong. */
const problemOf = (problem: string, columns: number): string => {
  const [first = "", ...said] = problem.split("\n");
  const printed = said.filter((line) => line.trim() !== "");
  const lines = printed.slice(-MAX_SAID_LINES).map((line) => `      ${dim(revealLine(line))}\n`);
  return hanging(red("!"), revealLine(first), columns) + lines.join("");
};

/** Behind a mark, with the lines that follow under the first. */
const hanging = (mark: string, text: string, columns: number): string =>
  `  ${mark} ${wrap(text, "    ", columns).trimStart()}`;
