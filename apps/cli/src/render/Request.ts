/** What an agent asks for, so that somebody can decide: nothing is hidden in it. Pure. */
import type { UserInputQuestion } from "@heddle/contracts/Model";
import type { PendingApproval } from "@heddle/contracts/ReadModel";
import { Option, Predicate, Schema } from "effect";
import { blobHint, withPreviews } from "./Blob.ts";
import { bold, dim, green, red, yellow } from "./Colour.ts";
import { clean, reveal, revealLine } from "./Sanitize.ts";

const MAX_LINES = 30;
const MAX_CHARACTERS = 4000;

const Diff = Schema.Struct({
  path: Schema.String,
  oldText: Schema.optionalKey(Schema.String),
  newText: Schema.String,
});

/** The forms of detail that adapters give; what has another form is shown as JSON. */
const Detail = Schema.Struct({
  input: Schema.optionalKey(Schema.Json),
  text: Schema.optionalKey(Schema.String),
  diffs: Schema.optionalKey(Schema.Array(Diff)),
  note: Schema.optionalKey(Schema.String),
});
const decodeDetail = Schema.decodeUnknownOption(Detail);

export interface Approval {
  readonly kind: string;
  readonly title: string;
  readonly detail: Schema.Json;
}

/** The lines of an approval: what for, and what exactly. */
export const approvalLines = ({ kind, title, detail }: Approval): ReadonlyArray<string> => {
  const { json, refs } = withPreviews(detail);
  const lines = [...bounded(detailLines(title, json)), ...refs.map((ref) => yellow(blobHint(ref)))];
  return [`${yellow("?")} ${bold(revealLine(title))}  ${dim(kind)}`, ...lines.map((line) => `    ${line}`)];
};

/** The lines of a question, with the answers to choose from. */
export const questionLines = ({ prompt, options }: UserInputQuestion): ReadonlyArray<string> => [
  ...clean(prompt)
    .split("\n")
    .map((line, index) => (index === 0 ? `${yellow("?")} ${bold(line)}` : `  ${line}`)),
  ...(options ?? []).map(({ label, value }, index) => {
    const shown = revealLine(label);
    return `    ${index + 1}) ${shown}${shown === revealLine(value) ? "" : dim(` (${revealLine(value)})`)}`;
  }),
];

/** The lines of either. */
export const requestLines = (request: PendingApproval): ReadonlyArray<string> =>
  request.kind === "user-input"
    ? request.questions.flatMap(questionLines)
    : approvalLines({ kind: request.kind, title: request.title, detail: request.detail });

const detailLines = (title: string, detail: Schema.Json): ReadonlyArray<string> => {
  const known = Option.getOrUndefined(decodeDetail(detail));
  if (known === undefined) return detail === null ? [] : jsonLines(detail);
  const { input, text, diffs = [], note } = known;
  if (diffs.length > 0) return diffs.flatMap((diff) => changeLines(diff, title));
  return [
    ...(input === undefined || input === null ? [] : inputLines(title, input)),
    ...[text, note].flatMap((words) => (words === undefined ? [] : reveal(words).trimEnd().split("\n"))),
  ];
};

const inputLines = (title: string, input: Schema.Json): ReadonlyArray<string> => {
  const command = Predicate.isObject(input) && "command" in input ? input.command : input;
  const words = Predicate.isString(command)
    ? command
    : Array.isArray(command) && command.every(Predicate.isString)
      ? command.join(" ")
      : undefined;
  const alone = Predicate.isString(input) || (Predicate.isObject(input) && Object.keys(input).length === 1);
  if (words === undefined || !alone) return jsonLines(input);
  return words.trim() === title.trim() ? [] : reveal(words).trimEnd().split("\n");
};

const jsonLines = (value: Schema.Json): ReadonlyArray<string> =>
  reveal(JSON.stringify(value, null, 2)).split("\n");

/** The lines that differ; what is the same before and after them is left out. */
const changeLines = ({ path, oldText, newText }: typeof Diff.Type, title: string): ReadonlyArray<string> => {
  const before = oldText === undefined || oldText === "" ? [] : linesOf(oldText);
  const after = linesOf(newText);
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start += 1;
  let end = 0;
  const most = Math.min(before.length, after.length) - start;
  while (end < most && before[before.length - 1 - end] === after[after.length - 1 - end]) end += 1;
  const name = path.split("/").at(-1) ?? path;
  return [
    ...(title.includes(name) ? [] : [revealLine(path)]),
    ...before.slice(start, before.length - end).map((line) => red(`- ${reveal(line)}`)),
    ...after.slice(start, after.length - end).map((line) => green(`+ ${reveal(line)}`)),
  ];
};

const linesOf = (text: string): ReadonlyArray<string> =>
  (text.endsWith("\n") ? text.slice(0, -1) : text).split("\n");

const bounded = (lines: ReadonlyArray<string>): ReadonlyArray<string> => {
  const cut = lines.map((line) =>
    line.length > MAX_CHARACTERS
      ? `${line.slice(0, MAX_CHARACTERS)}${dim(`… ${line.length - MAX_CHARACTERS} more characters`)}`
      : line,
  );
  return cut.length > MAX_LINES
    ? [...cut.slice(0, MAX_LINES), yellow(`… ${cut.length - MAX_LINES} more lines, which are not shown here`)]
    : cut;
};

/** The part of a request's id that is enough to name it. It never begins with `-`, which would make it a flag. */
export const shortRequestId = (requestId: string): string => requestName(requestId).slice(0, 8);

/** A request that is named by its id, or by the beginning of either form of it. */
export const isCalled = (requestId: string, given: string): boolean =>
  requestId.startsWith(given) || requestName(requestId).startsWith(given);

const requestName = (requestId: string): string => requestId.replace(/^request:-*/, "");
