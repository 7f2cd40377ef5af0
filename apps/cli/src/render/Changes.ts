/** What differs in a thread between two moments, for people. Pure. */
import type { FieldChange, ThreadChanges } from "@heddle/contracts/TravelRpc";
import { Predicate } from "effect";
import { bold, dim, green, red, yellow } from "./Colour.ts";
import { shortRequestId } from "./Request.ts";
import { revealLine } from "./Sanitize.ts";
import { truncate } from "./Table.ts";
import { fitLines } from "./Wrap.ts";

const INDENT = "  ";
const LONGEST = 100;

/** Each kind of thing that differs as a block of lines; each line is ended. */
export const changesText = (changes: ThreadChanges, columns: number): string => {
  const { messages, activities, turns, checkpoints, requests } = changes;
  const blocks = [
    block("Thread", fieldLines(changes.thread)),
    block("Session", fieldLines(changes.session)),
    block(
      "Turns",
      entryLines(turns, ({ turnCount, status }) => `turn ${turnCount}, ${status}`),
    ),
    block(
      "Messages",
      entryLines(messages, ({ role, text }) => `${role}: ${text}`),
    ),
    block(
      "Acts",
      entryLines(activities, ({ summary }) => summary),
    ),
    block(
      "Checkpoints",
      entryLines(
        checkpoints,
        ({ checkpointTurnCount, files }) => `turn ${checkpointTurnCount}, ${files.length} files`,
      ),
    ),
    block(
      "Requests",
      entryLines(
        requests,
        ({ requestId, title, status }) => `${shortRequestId(requestId)} ${title} (${status})`,
      ),
    ),
  ].filter((lines) => lines.length > 0);
  const notes = [
    ...(changes.cutAt === null
      ? []
      : [yellow(`… there is more: what only events behind ${changes.cutAt} touched is not told here`)]),
    ...(changes.moreRemoved ? [yellow("… there is more that was taken away than is told here")] : []),
  ];
  const lines = [...blocks.flat(), ...notes];
  return lines.length === 0 ? dim("Nothing differs.\n") : fitLines(lines, "", columns);
};

const block = (title: string, lines: ReadonlyArray<string>): ReadonlyArray<string> =>
  lines.length === 0 ? [] : [bold(title), ...lines.map((line) => INDENT + line)];

interface Entries<Entry> {
  readonly added: ReadonlyArray<Entry>;
  readonly changed: ReadonlyArray<{ readonly id: string; readonly changes: ReadonlyArray<FieldChange> }>;
  readonly removed: ReadonlyArray<string>;
}

const entryLines = <Entry>(
  { added, changed, removed }: Entries<Entry>,
  describe: (entry: Entry) => string,
): ReadonlyArray<string> => [
  ...removed.map((id) => `${red("−")} ${short(id)}`),
  ...changed.flatMap(({ id, changes }) => [
    `${yellow("~")} ${short(id)}`,
    ...fieldLines(changes).map((line) => INDENT + line),
  ]),
  ...added.map((entry) => `${green("+")} ${short(describe(entry))}`),
];

const fieldLines = (changes: ReadonlyArray<FieldChange>): ReadonlyArray<string> =>
  changes.map((change) =>
    "appended" in change
      ? `${change.field}: … ${short(change.appended)}`
      : `${change.field}: ${valueText(change.before)} ${dim("→")} ${valueText(change.after)}`,
  );

const valueText = (value: unknown): string => {
  if (value === null) return dim("none");
  return short(Predicate.isString(value) ? value : JSON.stringify(value));
};

const short = (text: string): string => truncate(revealLine(text), LONGEST);
