/**
 * Makes a tree of the files as they are.
 *
 * The index is kept between captures, so a file that has not changed is not read again. `git add` would do it in one
 * call, but it runs `git status` in nested repositories, by their own configuration, and gives up at the first one
 * that has no commit.
 */
import { constants } from "node:fs";
import { access, lstat, rm } from "node:fs/promises";
import { join } from "node:path";
import { Array, Effect } from "effect";
import { ABSENT, attempt, type Failure, unless } from "./Failure.ts";
import { git, gitFields, gitText } from "./Git.ts";
import { personalIgnoreList } from "./Repository.ts";
import type { Workspace } from "./Workspace.ts";

/** A database or a video would grow the object store by its size with each turn. */
export const MAX_FILE_BYTES = 64 * 1024 * 1024;

// Each part is saved when it is done, so a first capture that meets its time limit goes on where it was.
const PATHS_PER_UPDATE = 10_000;

const PATHS_PER_LOOK = 1000;

// The paths come from git; since then, the file may be gone.
const UNREADABLE = [...ABSENT, "EACCES", "EPERM"];

type Content = "captured" | "left-out" | "folder";

const contentAt = async (file: string): Promise<Content> => {
  const found = await unless(UNREADABLE, undefined, lstat(file));
  if (found?.isDirectory() === true) return "folder";
  if (found?.isSymbolicLink() === true) return "captured";
  if (found?.isFile() !== true || found.size > MAX_FILE_BYTES) return "left-out";
  const readable = access(file, constants.R_OK).then((): Content => "captured");
  return unless(UNREADABLE, "left-out", readable);
};

/** A nested repository has an id to record once it has a commit. */
const hasCommit = Effect.fnUntraced(function* (folder: string) {
  const place = { gitDir: join(folder, ".git"), cwd: folder };
  const head = yield* git(place, ["rev-parse", "--quiet", "--verify", "HEAD"], { okCodes: [0, 1, 128] });
  return head.code === 0;
});

const isCaptured = Effect.fnUntraced(function* (workspace: Workspace, paths: ReadonlyArray<string>) {
  const files = paths.map((path) => join(workspace.root, path));
  const contents = yield* attempt(`look at the files of ${workspace.root}`, () =>
    Promise.all(files.map(contentAt)),
  );
  return yield* Effect.forEach(files, (file, index) =>
    contents[index] === "folder" ? hasCommit(file) : Effect.succeed(contents[index] === "captured"),
  );
});

/** Files that git tracks although they are ignored, such as a committed `dist`. */
const trackedThoughIgnored = Effect.fnUntraced(function* (
  workspace: Workspace,
  config: Readonly<Record<string, string>>,
) {
  if (workspace.repository === undefined) return [];
  const args = ["ls-files", "-z", "--cached", "--ignored", "--exclude-standard", "--", ...workspace.pathspec];
  return yield* gitFields(workspace.repository, args, { config }).pipe(
    // The person's index may be damaged or of a kind that this git does not read: no reason to be without checkpoints.
    Effect.catchIf(
      (failure) => failure.reason === "git-failed",
      (failure) =>
        Effect.logWarning(`Checkpoints leave out tracked files that are ignored: ${failure.detail}`).pipe(
          Effect.as([]),
        ),
    ),
  );
});

const updateIndex = (workspace: Workspace, options: ReadonlyArray<string>, paths: ReadonlyArray<string>) =>
  Effect.forEach(
    Array.chunksOf(paths, PATHS_PER_UPDATE),
    (part) =>
      git(workspace.store, ["update-index", ...options, "-z", "--stdin"], {
        input: part.map((path) => `${path}\0`).join(""),
      }),
    { discard: true },
  );

const refreshIndex = Effect.fn("Snapshot.refreshIndex")(function* (workspace: Workspace) {
  const config = yield* personalIgnoreList(workspace.store);
  const list = ["ls-files", "-z", "--others", "--exclude-standard", "--", ...workspace.pathspec];
  const diff = ["diff-files", "-z", "--name-status", "--relative", "--ignore-submodules=dirty"];
  const [statuses, untracked, forced] = yield* Effect.all(
    [
      gitFields(workspace.store, diff),
      gitFields(workspace.store, list, { config }),
      trackedThoughIgnored(workspace, config),
    ],
    { concurrency: "unbounded" },
  );
  const changed = Array.chunksOf(statuses, 2);
  const gone = changed.flatMap(([status, path]) => (status === "D" && path !== undefined ? [path] : []));
  const touched = changed.flatMap(([status, path]) => (status !== "D" && path !== undefined ? [path] : []));
  // A nested repository is listed with a slash at its end.
  const paths = [...touched, ...untracked.map((path) => path.replace(/\/$/, "")), ...forced];
  const parts = Array.chunksOf(paths, PATHS_PER_LOOK);
  const verdicts = (yield* Effect.forEach(parts, (part) => isCaptured(workspace, part))).flat();
  const taken = paths.filter((_, index) => verdicts[index] === true);
  const left = paths.filter((_, index) => verdicts[index] === false);
  // Removals first: a file may have taken the place of a folder, or a folder that of a file.
  yield* updateIndex(workspace, ["--force-remove"], [...gone, ...left]);
  yield* updateIndex(workspace, ["--add", "--remove", "--replace"], taken);
});

const indexed = Effect.fnUntraced(function* (workspace: Workspace) {
  yield* refreshIndex(workspace);
  return (yield* gitText(workspace.store, ["write-tree"])).trimEnd();
});

/**
 * Writes the workspace's files to the object store and gives the id of their tree.
 *
 * In it: what git does not ignore, tracked or not, and what git tracks though it is ignored; once in, a file stays in
 * until it is deleted, also when it is ignored later. Left out: files that cannot be read, are larger than
 * `MAX_FILE_BYTES`, or have names that git refuses or that are not UTF-8, and what is inside nested repositories.
 * Needs the workspace for itself. Errors: as `git`, and `io-failed`.
 */
export const writeTree = Effect.fn("Snapshot.writeTree")(function* (
  workspace: Workspace,
): Effect.fn.Return<string, Failure> {
  const { gitDir } = workspace.store;
  const drop = (name: string) => attempt(`clean up ${gitDir}`, () => rm(join(gitDir, name), { force: true }));
  // Nobody else works with this index, so a lock is what a killed git left.
  yield* drop("index.lock");
  return yield* indexed(workspace).pipe(
    Effect.catchIf(
      (failure) => failure.reason === "git-failed",
      // Damaged, or made when objects were there that are gone: all of it can be made anew from the files.
      (failure) =>
        Effect.logWarning(`Making the index of ${workspace.root} anew: ${failure.detail}`).pipe(
          Effect.andThen(drop("index")),
          Effect.andThen(indexed(workspace)),
        ),
    ),
  );
});
