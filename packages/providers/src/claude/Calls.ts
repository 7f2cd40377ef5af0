/** What claude's own tools do, in the words of the thread. Pure. */
import { basename } from "node:path";
import type { ApprovalKind } from "@heddle/contracts/Model";
import { Schema } from "effect";
import { maybe, read } from "../shared/Read.ts";
import { diffsOf } from "./Diffs.ts";

export interface Call {
  readonly kind: ApprovalKind;
  readonly title: string;
  readonly payload: Record<string, unknown>;
  /** Files that it writes; `undefined` where that cannot be told. */
  readonly writes: ReadonlyArray<string> | undefined;
}

/** Shown otherwise than as a call: as the plan, or as a question. */
const NOT_SHOWN = new Set([
  "AskUserQuestion",
  "TodoWrite",
  "TaskCreate",
  "TaskGet",
  "TaskList",
  "TaskUpdate",
]);

export const isShown = (name: string): boolean => !NOT_SHOWN.has(name);

const readInput = read(
  Schema.Struct({
    command: maybe(Schema.String),
    description: maybe(Schema.String),
    file_path: maybe(Schema.String),
    notebook_path: maybe(Schema.String),
    path: maybe(Schema.String),
    pattern: maybe(Schema.String),
    query: maybe(Schema.String),
    skill: maybe(Schema.String),
    url: maybe(Schema.String),
  }),
);
type Input = NonNullable<ReturnType<typeof readInput>>;

interface Known {
  readonly kind: ApprovalKind;
  readonly title: (input: Input) => string;
}

const named = (what: string, name: string | null | undefined): string => (name ? `${what} ${name}` : what);
const ofFile = (what: string, path: string | null | undefined): string =>
  named(what, path ? basename(path) : undefined);

const KNOWN: ReadonlyMap<string, Known> = new Map<string, Known>(
  Object.entries({
    Agent: { kind: "think", title: ({ description }) => named("Subagent:", description) },
    Bash: { kind: "execute", title: ({ command }) => command || "Run a command" },
    Edit: { kind: "edit", title: ({ file_path }) => ofFile("Edit", file_path) },
    EnterPlanMode: { kind: "switch_mode", title: () => "Plan first" },
    ExitPlanMode: { kind: "switch_mode", title: () => "Go on with the plan" },
    Glob: { kind: "search", title: ({ pattern }) => named("Find", pattern) },
    Grep: { kind: "search", title: ({ pattern }) => named("Search", pattern) },
    LS: { kind: "search", title: ({ path }) => named("List", path) },
    MultiEdit: { kind: "edit", title: ({ file_path }) => ofFile("Edit", file_path) },
    NotebookEdit: { kind: "edit", title: ({ notebook_path }) => ofFile("Edit", notebook_path) },
    NotebookRead: { kind: "read", title: ({ notebook_path }) => ofFile("Read", notebook_path) },
    Read: { kind: "read", title: ({ file_path }) => ofFile("Read", file_path) },
    Skill: { kind: "other", title: ({ skill }) => named("Skill", skill) },
    Task: { kind: "think", title: ({ description }) => named("Subagent:", description) },
    ToolSearch: { kind: "search", title: ({ query }) => named("Find a tool:", query) },
    WebFetch: { kind: "fetch", title: ({ url }) => named("Fetch", url) },
    WebSearch: { kind: "search", title: ({ query }) => named("Search the web:", query) },
    Write: { kind: "edit", title: ({ file_path }) => ofFile("Write", file_path) },
    web_search: { kind: "search", title: ({ query }) => named("Search the web:", query) },
  } satisfies Record<string, Known>),
);

/** Of a tool that Heddle does not know, what is shown is what claude gave it; and it is nobody's to accept but a person's. */
export const callOf = (name: string, input: unknown): Call => {
  const known = KNOWN.get(name);
  const given = readInput(input) ?? {};
  const kind = known?.kind ?? "other";
  const title = known?.title(given) ?? name.replace(/^mcp__/, "").replaceAll("__", " ");
  if (kind !== "edit") return { kind, title, payload: { input }, writes: undefined };
  const path = given.file_path ?? given.notebook_path;
  const diffs = diffsOf(input);
  const payload = diffs.length > 0 ? { diffs } : { input };
  return { kind, title, payload, writes: path ? [path] : undefined };
};
