/** Calls of codex's tools: what they are called for a person, and what came of them. */
import { basename } from "node:path";
import { Schema } from "effect";
import type { Begun, Ended } from "../Calls.ts";
import { maybe, read } from "../Read.ts";
import { inputFrom, outputFrom } from "../Texts.ts";

const Command = Schema.Union([Schema.String, Schema.Array(Schema.String)]);
const readArguments = read(
  Schema.Struct({ command: maybe(Command), cmd: maybe(Command), input: maybe(Schema.String) }),
);
const readPlan = read(
  Schema.Struct({ plan: Schema.Array(Schema.Struct({ step: Schema.String, status: Schema.String })) }),
);

const SHELLS = new Set([
  "shell",
  "shell_command",
  "exec_command",
  "local_shell",
  "container.exec",
  "unified_exec",
]);

export const beginning = (id: string, name: string, given: unknown): Begun => {
  const input = inputFrom(given);
  const { command, cmd, input: text } = readArguments(given) ?? {};
  const patch = name === "apply_patch" ? (typeof given === "string" ? given : text) : undefined;
  if (typeof patch === "string") return { id, kind: "edit", title: titleOfPatch(patch), input };
  const line = command ?? cmd;
  if (SHELLS.has(name) && line) return { id, kind: "execute", title: commandLine(line), input };
  if (name === "view_image") return { id, kind: "read", title: "Look at a picture", input };
  return { id, kind: "other", title: name, input };
};

/** The steps of a plan, where the call is one of the plan's tool. */
export const planIn = (name: string, given: unknown) =>
  name === "update_plan"
    ? readPlan(given)?.plan.map(({ step, status }) => ({ text: step, status }))
    : undefined;

/** Arguments come as JSON in a string. */
export const argumentsOf = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return text;
    throw error;
  }
};

/** Codex runs commands by a shell; what it was told is the last word. */
const commandLine = (command: string | ReadonlyArray<string>): string => {
  if (typeof command === "string") return command;
  const [shell = "", flag = "", line] = command;
  return /(^|\/)(ba|z|da)?sh$/.test(shell) && /^-l?c$/.test(flag) && line !== undefined
    ? line
    : command.join(" ");
};

const VERBS: Readonly<Record<string, string>> = { Add: "Write", Update: "Edit", Delete: "Delete" };

const titleOfPatch = (patch: string): string => {
  const changes = [...patch.matchAll(/^\*\*\* (Add|Update|Delete) File: (.+)$/gm)];
  return (
    changes.map(([, verb = "", path = ""]) => `${VERBS[verb]} ${basename(path.trim())}`).join(", ") ||
    "Edit files"
  );
};

const readContent = read(
  Schema.Struct({
    content: maybe(Schema.Union([Schema.String, Schema.Array(Schema.Unknown)])),
    output: maybe(Schema.String),
    success: maybe(Schema.Boolean),
    metadata: maybe(Schema.Struct({ exit_code: maybe(Schema.Int) })),
  }),
);
const readText = read(Schema.Struct({ text: Schema.String }));

/** What came of a call: a text, parts, or a structure; around the text codex has put how it went. */
export const ending = (id: string, output: unknown): Ended => {
  if (typeof output === "string") {
    const structured = output.startsWith("{") ? readContent(argumentsOf(output)) : undefined;
    return structured?.output === undefined ? fromText(id, output) : ending(id, structured);
  }
  if (Array.isArray(output)) return fromText(id, textOf(output));
  const { content, output: text, success, metadata } = readContent(output) ?? {};
  const said = text ?? (typeof content === "string" ? content : textOf(content ?? []));
  const exitCode = metadata?.exit_code;
  if (typeof exitCode === "number") {
    return { id, failed: exitCode !== 0, content: { output: outputFrom(said), exitCode } };
  }
  const ended = fromText(id, said);
  return success === false ? { ...ended, failed: true } : ended;
};

const textOf = (parts: ReadonlyArray<unknown>): string =>
  parts.map((part) => readText(part)?.text ?? "").join("");

const EXIT = /^(?:[^\n]*\n){0,4}?(?:Exit code:|Process exited with code) (-?\d+)/;
const OUTPUT = "\nOutput:\n";

const fromText = (id: string, text: string): Ended => {
  const exit = EXIT.exec(text)?.[1];
  const at = exit === undefined ? -1 : text.indexOf(OUTPUT);
  const output = outputFrom(at === -1 ? text : text.slice(at + OUTPUT.length));
  if (exit !== undefined) {
    return { id, failed: exit !== "0", content: { output, exitCode: Number(exit) } };
  }
  return { id, failed: /(^|\n)aborted by user/.test(text), content: { output } };
};
