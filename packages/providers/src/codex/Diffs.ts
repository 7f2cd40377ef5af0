/** What codex says of a changed file, as pieces of text before and after. Pure. */
import type { FileChange } from "./Wire.ts";

export interface Diff {
  readonly path: string;
  readonly movedTo?: string;
  /** Absent where the file is new. */
  readonly oldText?: string;
  readonly newText: string;
}

/** Of a file that is added or deleted codex gives the content, of one that is changed a unified diff: a piece a hunk. */
export const diffsOf = ({ path, kind, diff }: FileChange): ReadonlyArray<Diff> => {
  if (kind.type === "add") return [{ path, newText: diff }];
  if (kind.type === "delete") return [{ path, oldText: diff, newText: "" }];
  const moved = kind.move_path ? { movedTo: kind.move_path } : {};
  const hunks = hunksOf(diff).map(({ before, after }) => ({
    path,
    ...moved,
    oldText: before.join("\n"),
    newText: after.join("\n"),
  }));
  // A file that only moved has no hunks, and is to be seen all the same.
  return hunks.length > 0 ? hunks : [{ path, ...moved, oldText: "", newText: "" }];
};

interface Hunk {
  readonly before: Array<string>;
  readonly after: Array<string>;
}

const hunksOf = (diff: string): ReadonlyArray<Hunk> => {
  const hunks: Array<Hunk> = [];
  for (const line of diff.split("\n")) {
    const hunk = hunks.at(-1);
    if (line.startsWith("@@")) hunks.push({ before: [], after: [] });
    else if (hunk === undefined) continue;
    else if (line.startsWith("-")) hunk.before.push(line.slice(1));
    else if (line.startsWith("+")) hunk.after.push(line.slice(1));
    else if (line.startsWith(" ")) {
      hunk.before.push(line.slice(1));
      hunk.after.push(line.slice(1));
    }
  }
  return hunks;
};
