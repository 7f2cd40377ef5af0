/** What would be lost with a worktree: asked before it is removed, and in doubt the answer is that something would. */
import { lstat, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { Effect } from "effect";
import { checkoutFilters } from "./CheckoutFilters.ts";
import { ABSENT, attempt, exists, type Failure, unless } from "./Failure.ts";
import { git, gitFields, gitText } from "./Git.ts";
import { commitOf } from "./MakeWorktree.ts";
import { personalIgnoreList, type Repository, repositoryPlace } from "./Repository.ts";
import { commonPlace } from "./WorktreeList.ts";

/** Folders that tools fill and can fill again, where git ignores them. */
const GENERATED_FOLDERS: ReadonlySet<string> = new Set([
  ".angular",
  ".cache",
  ".dart_tool",
  ".eggs",
  ".gradle",
  ".mypy_cache",
  ".next",
  ".nox",
  ".nuxt",
  ".nyc_output",
  ".parcel-cache",
  ".pytest_cache",
  ".ruff_cache",
  ".svelte-kit",
  ".tox",
  ".turbo",
  ".venv",
  ".vite",
  "__pycache__",
  "_build",
  "bower_components",
  "build",
  "coverage",
  "dist",
  "node_modules",
  "obj",
  "out",
  "target",
  "venv",
]);
const GENERATED_FILES = /(^\.DS_Store|^Thumbs\.db|\.pyc|\.pyo|\.o|\.class|\.tsbuildinfo)$/;

/** Larger ones are not compared. */
const MAX_COMPARED_BYTES = 1024 * 1024;
const NAMED = 5;

/** As git lists it: a folder that is ignored as a whole ends in a slash. */
const isGenerated = (path: string): boolean =>
  path.endsWith("/") ? GENERATED_FOLDERS.has(basename(path)) : GENERATED_FILES.test(basename(path));

const someOf = (paths: ReadonlyArray<string>): string => {
  const more = paths.length > NAMED ? ` and ${paths.length - NAMED} more` : "";
  return paths.slice(0, NAMED).join(", ") + more;
};

/** Whether the other folder has the same file: a copied `.env` is no work of the worktree's, nor a link for a tool. */
const hasSame = (folder: string, other: string, path: string): Effect.Effect<boolean, Failure> =>
  attempt(`compare ${path}`, async () => {
    const [here, there] = await Promise.all(
      [folder, other].map((base) => unless(ABSENT, undefined, lstat(join(base, path)))),
    );
    if (here?.isSymbolicLink() === true) return GENERATED_FOLDERS.has(basename(path));
    if (here?.isFile() !== true || there?.isFile() !== true) return false;
    if (here.size !== there.size || here.size > MAX_COMPARED_BYTES) return false;
    const [mine, theirs] = await Promise.all([folder, other].map((base) => readFile(join(base, path))));
    return mine !== undefined && theirs !== undefined && mine.equals(theirs);
  });

/** Whether a commit is on no branch, tag or remote branch but, perhaps, the branch that is left out. Errors: as `git`. */
export const isNowhereElse = Effect.fn("UnsavedWork.isNowhereElse")(function* (
  repository: Repository,
  commit: string,
  branch?: string,
): Effect.fn.Return<boolean, Failure> {
  const others = [
    ...(branch === undefined ? [] : [`--exclude=${branch}`]),
    "--branches",
    "--tags",
    "--remotes",
  ];
  const args = ["rev-list", "--max-count=1", commit, "--not", ...others];
  return (yield* gitText(commonPlace(repository), args)) !== "";
});

/**
 * Says what is in a worktree and nowhere else, or gives undefined: files that are changed, not tracked, or ignored
 * though no tool made them; commits that only its own HEAD holds; repositories inside. `main` is the repository's first
 * worktree, with which ignored files are compared. Errors: as `git`, and `io-failed`.
 */
export const unsavedWork = Effect.fn("UnsavedWork.in")(function* (
  repository: Repository,
  main: string,
): Effect.fn.Return<string | undefined, Failure> {
  const { topLevel } = repository;
  const place = repositoryPlace(topLevel, topLevel);
  const gitDir = (yield* gitText(place, ["rev-parse", "--absolute-git-dir"])).replace(/\n$/, "");
  if (yield* exists(join(gitDir, "modules"))) return "submodules were set up in it";
  const head = yield* git(place, ["symbolic-ref", "--quiet", "HEAD"], { okCodes: [0, 1] });
  const commit = yield* commitOf(place, "HEAD");
  const onBranch = head.stdout.toString("utf8").startsWith("refs/heads/");
  if (!onBranch && commit !== undefined && (yield* isNowhereElse(repository, commit))) {
    return `its HEAD is on no branch, and commit ${commit.slice(0, 12)} is nowhere else`;
  }

  const config = yield* personalIgnoreList(place);
  const env = yield* checkoutFilters(place);
  const options = { config, env };
  const look = ["--untracked-files=all", "--ignored=matching", "--ignore-submodules=none"];
  const fields = yield* gitFields(
    place,
    ["status", "--porcelain=v1", "-z", "--no-renames", ...look],
    options,
  );
  const isIgnored = (field: string) => field.startsWith("!! ");
  const pathOf = (field: string) => field.slice("XY ".length);
  const changed = fields.filter((field) => !isIgnored(field)).map(pathOf);
  if (changed.length > 0) return `it has uncommitted changes: ${someOf(changed)}`;
  // `git status` believes what a person has told it about these.
  const flags = yield* gitFields(place, ["ls-files", "-z", "-v"]);
  const flagged = flags.filter((field) => /^[a-zS] /.test(field)).map((field) => field.slice(2));
  const hidden = yield* Effect.filter(flagged, (path) => exists(join(topLevel, path)));
  if (hidden.length > 0) return `git was told not to look for changes in ${someOf(hidden)}`;

  const ignored = fields
    .filter(isIgnored)
    .map(pathOf)
    .filter((path) => !isGenerated(path));
  const own = yield* Effect.filter(ignored, (path) =>
    Effect.map(hasSame(topLevel, main, path), (same) => !same),
  );
  return own.length > 0 ? `it has ignored files that may be nowhere else: ${someOf(own)}` : undefined;
});
