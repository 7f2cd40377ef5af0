/**
 * Where a workspace's checkpoints are kept.
 *
 * Each workspace has a git directory of Heddle's own below the data directory: its store, with its own index and
 * configuration. In a repository the store's `objects` is a link to the repository's, and the refs go to the
 * repository too, so that git neither loses what checkpoints need nor keeps what they need no longer. The repository
 * itself is opened to ask where its objects are and which ignored files it tracks, and to set the refs; all work on
 * contents goes by the store's configuration alone. A folder without git has objects and refs in the store: a shadow
 * repository.
 */
import { createHash } from "node:crypto";
import { mkdir, readdir, readlink, realpath, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import type { ThreadId } from "@heddle/contracts/Ids";
import { Effect } from "effect";
import { ABSENT, attempt, exists, Failure, unless } from "./Failure.ts";
import { git, type Place } from "./Git.ts";
import { readRefs, threadKey, writeRefs } from "./Refs.ts";
import { findRepository, isIgnored, type Repository, repositoryPlace } from "./Repository.ts";

export interface Workspace {
  /** The folder's real path. */
  readonly root: string;
  /** Heddle's own git directory: index, objects, comparisons. */
  readonly store: Place;
  readonly refs: Place;
  /** The person's repository, opened only to read which files it tracks. */
  readonly repository: Place | undefined;
  /** What to list: the folder, without Heddle's data directory if that is inside. */
  readonly pathspec: ReadonlyArray<string>;
}

// Content goes in and out as it is on disk: this file has precedence over every .gitattributes in the workspace.
const ATTRIBUTES = "* -text -crlf -ident !eol !filter !working-tree-encoding !diff !merge !whitespace\n";

// What no folder without git means to keep, and what makes it large.
const SHADOW_EXCLUDES = "node_modules/\n.venv/\nvenv/\n__pycache__/\n.DS_Store\n";

const KINDS = ["shadow", "repository"] as const;

const storePath = (dataDir: string, kind: (typeof KINDS)[number], root: string): string =>
  join(dataDir, "checkpoints", kind, createHash("sha256").update(root).digest("hex").slice(0, 32));

/** The real path of a folder. Errors: `not-a-directory`. */
export const realDirectory = Effect.fn("Workspace.realDirectory")(function* (
  path: string,
): Effect.fn.Return<string, Failure> {
  const found = yield* attempt(`look at ${path}`, () => unless(ABSENT, undefined, stat(path)));
  if (found?.isDirectory() !== true) {
    return yield* new Failure({
      reason: "not-a-directory",
      message: `${path} is not a folder on this machine. Was it moved or deleted?`,
      detail: "",
    });
  }
  return yield* attempt(`resolve ${path}`, () => realpath(path));
});

const realPath = async (path: string): Promise<string> =>
  (await unless(ABSENT, undefined, realpath(path))) ?? join(await realPath(dirname(path)), basename(path));

/** As `realDirectory`, also for a folder that is gone: by the nearest parent that is there. */
export const formerDirectory = (path: string): Effect.Effect<string, Failure> =>
  attempt(`resolve ${path}`, () => realPath(resolve(path)));

/** Builds a store beside its place and moves it there whole: a crash leaves nothing that looks ready. */
const build = Effect.fn("Workspace.build")(function* (path: string, repository: Repository | undefined) {
  const draft = `${path}.new`;
  yield* attempt(`make ${draft}`, async () => {
    await rm(draft, { recursive: true, force: true });
    await rm(path, { recursive: true, force: true });
    await mkdir(draft, { recursive: true, mode: 0o700 });
  });
  const format = `--object-format=${repository?.objectFormat ?? "sha1"}`;
  yield* git({ gitDir: draft, cwd: draft }, ["init", "--quiet", "--bare", "--template=", format]);
  yield* attempt(`make ${path}`, async () => {
    await mkdir(join(draft, "threads"));
    await mkdir(join(draft, "info"));
    await writeFile(join(draft, "info", "attributes"), ATTRIBUTES);
    if (repository === undefined) {
      await writeFile(join(draft, "info", "exclude"), SHADOW_EXCLUDES);
    } else {
      await symlink(join(repository.commonDir, "info", "exclude"), join(draft, "info", "exclude"));
      await rm(join(draft, "objects"), { recursive: true });
      await symlink(join(repository.commonDir, "objects"), join(draft, "objects"));
    }
    await rename(draft, path);
  });
});

/** The repository that a store's objects are linked to; `undefined` for a shadow, and where there is no store. */
const linkedRepository = (store: string): Effect.Effect<string | undefined, Failure> =>
  attempt(`read ${store}`, async () => {
    const objects = await unless([...ABSENT, "EINVAL"], undefined, readlink(join(store, "objects")));
    return objects === undefined ? undefined : dirname(objects);
  });

const describe = (
  dataDir: string,
  root: string,
  gitDir: string,
  repository: Repository | undefined,
): Workspace => {
  const workTree = repository?.topLevel ?? root;
  const data = relative(workTree, dataDir);
  return {
    root,
    store: { gitDir, workTree, cwd: root },
    refs: { gitDir: repository?.commonDir ?? gitDir, cwd: gitDir },
    repository: repository && repositoryPlace(workTree, root),
    pathspec: [".", ...(data.split(sep)[0] === ".." ? [] : [`:(exclude,top,literal)${data}`])],
  };
};

/**
 * The workspace at a real path, its store made ready.
 *
 * What its first checkpoint went to stays: a `git init` within a turn, or a new line in .gitignore, does not part the
 * turn's start from its end. A folder that its repository ignores as a whole would give empty checkpoints, so it is
 * taken for a folder without git. Errors: as `git`, and `io-failed`.
 */
export const openWorkspace = Effect.fn("Workspace.open")(function* (
  dataDir: string,
  root: string,
): Effect.fn.Return<Workspace, Failure> {
  const shadow = storePath(dataDir, "shadow", root);
  if (yield* exists(shadow)) return describe(dataDir, root, shadow, undefined);
  const path = storePath(dataDir, "repository", root);
  const repository = yield* findRepository(root);
  if (repository !== undefined && (yield* linkedRepository(path)) === repository.commonDir) {
    return describe(dataDir, root, path, repository);
  }
  if (repository === undefined || (yield* isIgnored(root, repository))) {
    yield* build(shadow, undefined);
    return describe(dataDir, root, shadow, undefined);
  }
  yield* build(path, repository);
  return describe(dataDir, root, path, repository);
});

/** Notes that a thread has checkpoints of this workspace: its store is kept for as long. Errors: `io-failed`. */
export const rememberThread = (workspace: Workspace, threadId: ThreadId): Effect.Effect<void, Failure> =>
  attempt(`write to ${workspace.store.gitDir}`, () =>
    writeFile(join(workspace.store.gitDir, "threads", threadKey(threadId)), ""),
  );

const dropRefs = Effect.fnUntraced(function* (refs: Place, threadId: ThreadId) {
  const names = yield* readRefs(refs, threadId);
  yield* writeRefs(refs, { drop: [...names.keys()] });
});

/**
 * Deletes a thread's refs, and the workspace's store once no other thread has checkpoints in it.
 *
 * `root` may be gone, as a worktree that was removed before its thread: the store knows the repository. In a
 * repository the objects go with git's next `gc`; in a shadow repository they go at once. Errors: as `git`, and
 * `io-failed`.
 */
export const forgetThread = Effect.fn("Workspace.forgetThread")(function* (
  dataDir: string,
  root: string,
  threadId: ThreadId,
): Effect.fn.Return<void, Failure> {
  for (const kind of KINDS) {
    const store = storePath(dataDir, kind, root);
    if (!(yield* exists(store))) continue;
    const holder = (yield* linkedRepository(store)) ?? store;
    if (yield* exists(holder)) yield* dropRefs({ gitDir: holder, cwd: store }, threadId);
    const threads = join(store, "threads");
    const others = yield* attempt(`clean up ${store}`, async () => {
      await rm(join(threads, threadKey(threadId)), { force: true });
      const others = await readdir(threads);
      if (others.length === 0) await rm(store, { recursive: true, force: true });
      return others.length;
    });
    if (others > 0 && holder === store) {
      yield* git({ gitDir: store, cwd: store }, ["prune", "--expire=now"]);
    }
  }
  // Also where the data directory was lost and the repository was not.
  const repository = (yield* exists(root)) ? yield* findRepository(root) : undefined;
  if (repository !== undefined) yield* dropRefs({ gitDir: repository.commonDir, cwd: root }, threadId);
});
