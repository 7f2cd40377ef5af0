/** What differs between two checkpoints. Works on the object store only; the files are not looked at. */
import type { CheckpointFile } from "@heddle/contracts/Model";
import { Array, Effect } from "effect";
import type { Failure } from "./Failure.ts";
import { git, gitFields } from "./Git.ts";
import type { Workspace } from "./Workspace.ts";

/** What a tree holds at a path. */
export interface Entry {
  /** As git writes it: `100644`, `100755`, `120000` for a link, `160000` for a nested repository. */
  readonly mode: string;
  readonly oid: string;
}

export interface Change {
  /** Relative to the workspace. */
  readonly path: string;
  readonly before: Entry | undefined;
  readonly after: Entry | undefined;
}

const DIFF_TREE = ["diff-tree", "-r", "--relative", "--no-renames", "--no-ext-diff", "--no-textconv"];

const entry = (mode: string, oid: string): Entry | undefined =>
  mode === "000000" ? undefined : { mode, oid };

/** The paths that differ. Errors: as `git`. */
export const changesBetween = Effect.fn("Changes.between")(function* (
  { store }: Workspace,
  from: string,
  to: string,
): Effect.fn.Return<ReadonlyArray<Change>, Failure> {
  const fields = yield* gitFields(store, [...DIFF_TREE, "--raw", "--no-abbrev", "-z", from, to]);
  return Array.chunksOf(fields, 2).map(([meta = "", path = ""]): Change => {
    const [oldMode = "", newMode = "", oldOid = "", newOid = ""] = meta.slice(1).split(" ");
    return { path, before: entry(oldMode, oldOid), after: entry(newMode, newOid) };
  });
});

const kindOf = ({ before, after }: Change): CheckpointFile["kind"] => {
  if (before === undefined) return "added";
  return after === undefined ? "deleted" : "modified";
};

// git gives "-" for a binary file.
const lineCount = (text: string): number => (text === "-" ? 0 : Number(text));

/** The files that differ, each with its count of lines. Errors: as `git`. */
export const filesBetween = Effect.fn("Changes.files")(function* (
  workspace: Workspace,
  from: string,
  to: string,
): Effect.fn.Return<ReadonlyArray<CheckpointFile>, Failure> {
  const [changes, fields] = yield* Effect.all(
    [
      changesBetween(workspace, from, to),
      gitFields(workspace.store, [...DIFF_TREE, "--numstat", "-z", from, to]),
    ],
    { concurrency: "unbounded" },
  );
  const counts = new Map(
    fields.map((field) => {
      // A path may hold tabs itself.
      const [additions = "", deletions = "", ...path] = field.split("\t");
      return [path.join("\t"), { additions: lineCount(additions), deletions: lineCount(deletions) }];
    }),
  );
  return changes.map((change) => {
    const { additions = 0, deletions = 0 } = counts.get(change.path) ?? {};
    return { path: change.path, kind: kindOf(change), additions, deletions };
  });
});

/**
 * The difference as a unified diff. Where it is longer than `maxBytes` it is cut before the file that does not fit, so
 * that what is there can be applied, or at the end of a line of a first file that is too long by itself. The last line
 * then says so, as a `\` line, which readers of diffs pass over. Errors: as `git`.
 */
export const patchBetween = Effect.fn("Changes.patch")(function* (
  { store }: Workspace,
  from: string,
  to: string,
  maxBytes: number,
): Effect.fn.Return<string, Failure> {
  const format = ["--patch", "--no-color", "--src-prefix=a/", "--dst-prefix=b/"];
  const { stdout, cut } = yield* git(store, [...DIFF_TREE, ...format, from, to], { maxBytes });
  if (!cut) return stdout.toString("utf8");
  // No line of a file's content begins so: each has a sign before it.
  const file = stdout.lastIndexOf("\ndiff --git ");
  const end = file === -1 ? stdout.lastIndexOf("\n") : file;
  const kept = stdout.subarray(0, end + 1).toString("utf8");
  return `${kept}\\ The diff is longer than ${maxBytes} bytes and was cut here. The list of files names the others too.\n`;
});

/** Everything in a checkpoint of the workspace, by path. Errors: as `git`. */
export const entriesOf = Effect.fn("Changes.entries")(function* (
  { store }: Workspace,
  commit: string,
): Effect.fn.Return<ReadonlyMap<string, Entry>, Failure> {
  const fields = yield* gitFields(store, ["ls-tree", "-r", "-z", commit]);
  return new Map(
    fields.map((field) => {
      const tab = field.indexOf("\t");
      const [mode = "", , oid = ""] = field.slice(0, tab).split(" ");
      return [field.slice(tab + 1), { mode, oid }];
    }),
  );
});
