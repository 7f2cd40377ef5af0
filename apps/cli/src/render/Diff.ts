/** Unified diffs with colours, and what changed in a few words. Pure. */
import type { CheckpointFile } from "@heddle/contracts/Model";
import { bold, cyan, dim, green, red } from "./Colour.ts";
import { reveal, revealLine } from "./Sanitize.ts";

/** A diff in git's format; what a file holds is shown, not acted upon. Ends with a line end unless it is empty. */
export const colouredDiff = (diff: string): string => {
  if (diff === "") return "";
  const text = reveal(diff);
  let inHunk = false;
  const lines = (text.endsWith("\n") ? text.slice(0, -1) : text).split("\n").map((line) => {
    // Only a hunk has lines of a file, and one of them may begin like a header.
    if (line.startsWith("diff --git ")) inHunk = false;
    else if (line.startsWith("@@")) inHunk = true;
    return styleOf(line, inHunk)(line);
  });
  return `${lines.join("\n")}\n`;
};

const plain = (text: string): string => text;

const styleOf = (line: string, inHunk: boolean): ((text: string) => string) => {
  if (line.startsWith("@@")) return cyan;
  if (!inHunk) return line.startsWith("diff --git ") ? bold : dim;
  if (line.startsWith("+")) return green;
  if (line.startsWith("-")) return red;
  return line.startsWith("\\") ? dim : plain;
};

/** As events and checkpoints have them: a list that is too long ends early. */
export interface ChangedFiles {
  readonly files: ReadonlyArray<CheckpointFile>;
  readonly filesOmitted?: number | null;
}

const LETTERS = { added: green("A"), modified: cyan("M"), deleted: red("D") } as const;

/** One line for each file: what happened to it, and how many lines. */
export const fileLines = ({ files, filesOmitted }: ChangedFiles): ReadonlyArray<string> => [
  ...files.map(({ path, kind, additions, deletions }) => {
    const counts = [
      additions > 0 ? green(`+${additions}`) : "",
      deletions > 0 ? red(`−${deletions}`) : "",
    ].filter((count) => count !== "");
    return `${LETTERS[kind]} ${revealLine(path)}${counts.length > 0 ? `  ${counts.join(" ")}` : ""}`;
  }),
  ...(filesOmitted ? [dim(`… and ${filesOmitted} more`)] : []),
];

/** `2 files changed, +10 −3`. */
export const filesSummary = ({ files, filesOmitted }: ChangedFiles): string => {
  if (files.length === 0) return "no files changed";
  // The lines of those that are not listed are not known.
  if (filesOmitted) return `${files.length + filesOmitted} files changed`;
  const additions = files.reduce((sum, file) => sum + file.additions, 0);
  const deletions = files.reduce((sum, file) => sum + file.deletions, 0);
  return `${files.length} ${files.length === 1 ? "file" : "files"} changed, +${additions} −${deletions}`;
};
