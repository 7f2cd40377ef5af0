/** The worktrees that a repository knows. */
import { realpath } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { Effect } from "effect";
import { ABSENT, attempt, exists, type Failure, unless } from "./Failure.ts";
import { gitText, type Place } from "./Git.ts";
import { findRepository, type Repository } from "./Repository.ts";

export interface ListedWorktree {
  /** With links followed; as git has it where the folder is gone. */
  readonly path: string;
  readonly isThere: boolean;
  /** Full name of the branch that is checked out; undefined where HEAD is detached, and in a bare repository. */
  readonly branch: string | undefined;
  /** By a person. */
  readonly locked: boolean;
  /** A `git worktree add` was cut short: git holds a lock of its own until the worktree is whole. */
  readonly halfMade: boolean;
}

/** The reason of git's own lock. */
const INITIALIZING = "initializing";

/** What linked worktrees share; their own configuration and HEAD are not looked at. */
export const commonPlace = ({ commonDir }: Repository): Place => ({ gitDir: commonDir, cwd: commonDir });

const attributesOf = (record: string): ReadonlyMap<string, string> =>
  new Map(
    record.split("\0").map((line) => {
      const space = line.indexOf(" ");
      return space === -1 ? [line, ""] : [line.slice(0, space), line.slice(space + 1)];
    }),
  );

/** The worktrees of a repository, the main one first. Needs git 2.36. Errors: as `git`, and `io-failed`. */
export const listWorktrees = Effect.fn("WorktreeList.list")(function* (
  repository: Repository,
): Effect.fn.Return<ReadonlyArray<ListedWorktree>, Failure> {
  const text = yield* gitText(commonPlace(repository), ["worktree", "list", "--porcelain", "-z"]);
  const records = text.split("\0\0").filter((record) => record !== "");
  return yield* Effect.forEach(records, (record) => {
    const attributes = attributesOf(record);
    const path = attributes.get("worktree") ?? "";
    return Effect.map(
      attempt(`resolve ${path}`, () => unless(ABSENT, undefined, realpath(path))),
      (real): ListedWorktree => ({
        path: real ?? path,
        isThere: real !== undefined,
        branch: attributes.get("branch"),
        locked: attributes.has("locked") && attributes.get("locked") !== INITIALIZING,
        halfMade: attributes.get("locked") === INITIALIZING,
      }),
    );
  });
});

/**
 * The folder to work in where a person named the worktree at `path` for a project at `root`; both are real paths. Where
 * the project is a folder inside its repository, the same folder of the worktree. `undefined` where `path` is in no
 * worktree of the project's repository: the worktree has to name the repository, and the repository the worktree.
 * Errors: as `git`, and `io-failed`.
 */
export const folderInWorktree = Effect.fn("WorktreeList.folderIn")(function* (
  root: string,
  path: string,
): Effect.fn.Return<string | undefined, Failure> {
  const [project, named] = yield* Effect.all([findRepository(root), findRepository(path)]);
  if (project === undefined || named === undefined || named.commonDir !== project.commonDir) return undefined;
  const listed = yield* listWorktrees(project);
  if (!listed.some((worktree) => worktree.path === named.topLevel)) return undefined;
  if (path !== named.topLevel) return path;
  const folder = join(path, relative(project.topLevel, root));
  if (!(yield* exists(folder))) return undefined;
  const real = yield* attempt(`resolve ${folder}`, () => realpath(folder));
  return real === path || real.startsWith(path + sep) ? real : undefined;
});
