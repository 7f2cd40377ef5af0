/** The person's own repository, if a folder is in one: found, and asked what it ignores. Nothing here writes. */
import { dirname, join, relative } from "node:path";
import { Effect } from "effect";
import { exists, type Failure } from "./Failure.ts";
import { git, type Place } from "./Git.ts";

export interface Repository {
  readonly topLevel: string;
  /** What linked worktrees share: objects and refs. */
  readonly commonDir: string;
  readonly objectFormat: string;
}

/** How to read from it with a folder's view: its own index, its own ignore files. */
export const repositoryPlace = (topLevel: string, cwd: string): Place => ({
  gitDir: join(topLevel, ".git"),
  workTree: topLevel,
  cwd,
});

const andParents = (path: string): ReadonlyArray<string> =>
  dirname(path) === path ? [path] : [path, ...andParents(dirname(path))];

/**
 * The repository that holds the folder, `undefined` where there is none that git can open.
 *
 * Looked for here and not by git, which would follow `core.worktree` of the repository's configuration to wherever
 * that points. Errors: as `git`, and `io-failed`.
 */
export const findRepository = Effect.fn("Repository.find")(function* (
  root: string,
): Effect.fn.Return<Repository | undefined, Failure> {
  for (const topLevel of andParents(root)) {
    const gitDir = join(topLevel, ".git");
    if (!(yield* exists(gitDir))) continue;
    const answer = yield* git(
      { gitDir, cwd: topLevel },
      ["rev-parse", "--path-format=absolute", "--show-object-format", "--git-common-dir"],
      { okCodes: [0, 128] },
    );
    const text = answer.stdout.toString("utf8");
    const firstLine = text.indexOf("\n");
    if (answer.code === 0) {
      return { topLevel, objectFormat: text.slice(0, firstLine), commonDir: text.slice(firstLine + 1, -1) };
    }
  }
  return undefined;
});

/**
 * Settings for a call that lists files: the person's own ignore list (`core.excludesFile`), which they expect to hold
 * everywhere. Errors: as `git`.
 */
export const personalIgnoreList = Effect.fn("Repository.personalIgnoreList")(function* (
  place: Place,
): Effect.fn.Return<Readonly<Record<string, string>>, Failure> {
  const answer = yield* git(
    place,
    ["config", "--global", "--includes", "-z", "--type=path", "--get", "core.excludesFile"],
    // 1: not set; 3, 128: no configuration that git can read. In each case git's default place holds.
    { personalConfig: true, okCodes: [0, 1, 3, 128] },
  );
  return answer.code === 0 ? { "core.excludesFile": answer.stdout.toString("utf8").slice(0, -1) } : {};
});

/** Whether the repository ignores the folder as a whole. Errors: as `git`. */
export const isIgnored = Effect.fn("Repository.isIgnored")(function* (
  root: string,
  { topLevel }: Repository,
): Effect.fn.Return<boolean, Failure> {
  if (root === topLevel) return false;
  const place = repositoryPlace(topLevel, topLevel);
  const config = yield* personalIgnoreList(place);
  const answer = yield* git(place, ["check-ignore", "--quiet", "--", `./${relative(topLevel, root)}`], {
    config,
    okCodes: [0, 1],
  });
  return answer.code === 0;
});
