/** Calls of Claude's tools: what they are called for a person, and what came of them. */
import { basename } from "node:path";
import type { ApprovalKind } from "@heddle/contracts/Model";
import { Schema } from "effect";
import type { Begun, Ended } from "../Calls.ts";
import { maybe, read } from "../Read.ts";
import { inputFrom, outputFrom } from "../Texts.ts";
import { type Block, readBlock } from "./ClaudeLine.ts";

const readInput = read(
  Schema.Struct({
    command: maybe(Schema.String),
    file_path: maybe(Schema.String),
    notebook_path: maybe(Schema.String),
    path: maybe(Schema.String),
    pattern: maybe(Schema.String),
    url: maybe(Schema.String),
    query: maybe(Schema.String),
    description: maybe(Schema.String),
  }),
);
type Input = NonNullable<ReturnType<typeof readInput>>;

interface Described {
  readonly kind: ApprovalKind;
  readonly title: (input: Input) => string;
}

const fileOf = ({ file_path: file, notebook_path: notebook, path }: Input): string =>
  basename(file ?? notebook ?? path ?? "");
const edit = { kind: "edit", title: (input) => `Edit ${fileOf(input)}` } satisfies Described;
const subagent = {
  kind: "other",
  title: ({ description }) => `Subagent: ${description ?? ""}`,
} satisfies Described;

const TOOLS: Readonly<Record<string, Described>> = {
  Bash: { kind: "execute", title: ({ command }) => command ?? "Bash" },
  Read: { kind: "read", title: (input) => `Read ${fileOf(input)}` },
  Write: { kind: "edit", title: (input) => `Write ${fileOf(input)}` },
  Edit: edit,
  MultiEdit: edit,
  NotebookEdit: edit,
  Glob: { kind: "search", title: ({ pattern }) => `Find ${pattern ?? ""}` },
  Grep: { kind: "search", title: ({ pattern }) => `Search ${pattern ?? ""}` },
  LS: { kind: "read", title: (input) => `List ${fileOf(input)}` },
  WebFetch: { kind: "fetch", title: ({ url }) => `Fetch ${url ?? ""}` },
  WebSearch: { kind: "search", title: ({ query }) => `Search the web: ${query ?? ""}` },
  Task: subagent,
  Agent: subagent,
};

const readTodos = read(
  Schema.Struct({
    todos: Schema.Array(Schema.Struct({ content: Schema.String, status: Schema.String })),
  }),
);

/** The steps of a plan, where the call is one of the list's tool. */
export const planIn = ({ name, input }: Block) =>
  name === "TodoWrite"
    ? readTodos(input)?.todos.map(({ content, status }) => ({ text: content, status }))
    : undefined;

export const beginning = (id: string, { name, input }: Block): Begun => {
  const described = TOOLS[name ?? ""];
  const title = described?.title(readInput(input) ?? {}) ?? name ?? "A tool";
  return { id, kind: described?.kind ?? "other", title, input: inputFrom(input) };
};

export const ending = (id: string, { is_error: isError, content }: Block): Ended => ({
  id,
  failed: isError === true,
  content: {
    output: outputFrom(textOf(content).replace(/^<tool_use_error>([\s\S]*)<\/tool_use_error>$/, "$1")),
  },
});

/** A text, or parts of which some are texts. */
const textOf = (content: unknown): string => {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content
    .map((part) => {
      const block = readBlock(part);
      return block?.text ?? (block?.type === "image" ? "[a picture]" : "");
    })
    .filter((text) => text !== "")
    .join("\n");
};
