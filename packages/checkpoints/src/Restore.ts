/**
 * Gives paths of a workspace the content that they had.
 *
 * Nothing is overwritten or removed that the checkpoint taken just before does not hold, and nothing is written
 * through a symbolic link. Node has no calls relative to an open folder, so a link put in place between the look and
 * the write is followed: a restore wants a workspace in which no agent is at work.
 */
import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import {
  chmod,
  copyFile,
  lstat,
  mkdir,
  readlink,
  rename,
  rm,
  rmdir,
  symlink,
  unlink,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import { Effect, Schema } from "effect";
import type { Change, Entry } from "./Changes.ts";
import { ABSENT, attempt, type Failure, unless } from "./Failure.ts";
import { git } from "./Git.ts";
import type { Workspace } from "./Workspace.ts";

/** Why a path was left as it is. */
export const SkipReason = Schema.Literals([
  /** What is inside a nested repository is not in checkpoints. */
  "nested-repository",
  /** What stands there now is ignored, unreadable or too large, so it could not be brought back. */
  "not-in-checkpoint",
  /** A folder with other files in it stands where the file was. */
  "folder-in-the-way",
  /** A parent folder is now a file or a symbolic link. */
  "parent-not-a-folder",
  /** A path that git itself would not make, such as one in `.git`: the checkpoint was tampered with. */
  "unsafe-path",
]);
export type SkipReason = typeof SkipReason.Type;

export interface RestoredFile {
  readonly path: string;
  /** What the restore did to it. */
  readonly kind: "added" | "modified" | "deleted";
}

export interface SkippedFile {
  readonly path: string;
  readonly reason: SkipReason;
}

export interface Restored {
  readonly files: ReadonlyArray<RestoredFile>;
  readonly skipped: ReadonlyArray<SkippedFile>;
}

/** What a path is to hold again; `undefined`: nothing. */
export type Targets = ReadonlyMap<string, Entry | undefined>;

const NESTED_REPOSITORY = "160000";

/** What each path held at the start of the first turn that changed it. `turns`: the changes of each, oldest first. */
export const beforeTurns = (turns: ReadonlyArray<ReadonlyArray<Change>>): Targets => {
  const targets = new Map<string, Entry | undefined>();
  for (const { path, before } of turns.flat()) {
    if (!targets.has(path)) targets.set(path, before);
  }
  return targets;
};

const isUnsafe = (path: string): boolean =>
  path
    .split("/")
    .some((name) => name === "" || name === "." || name === ".." || name.toLowerCase() === ".git");

const stateOf = (path: string) => unless(ABSENT, undefined, lstat(path));

/** The parent folders of a path inside the workspace, outermost first. */
const foldersAbove = (path: string): ReadonlyArray<string> => {
  const names = path.split("/").slice(0, -1);
  return names.map((_, index) => names.slice(0, index + 1).join("/"));
};

/** Makes missing parents. False where one is a file or a link: the path does not lead where it says. */
const makeParents = async (root: string, path: string): Promise<boolean> => {
  for (const folder of foldersAbove(path)) {
    await unless(["EEXIST"], undefined, mkdir(join(root, folder)));
    if ((await stateOf(join(root, folder)))?.isDirectory() !== true) return false;
  }
  return true;
};

type Outcome = "done" | "nothing" | SkipReason;

/** Removes a file, and the folders that became empty through it. */
const remove = async (root: string, path: string, held: boolean): Promise<Outcome> => {
  for (const folder of foldersAbove(path)) {
    const state = await stateOf(join(root, folder));
    if (state === undefined) return "nothing";
    if (!state.isDirectory()) return held ? "parent-not-a-folder" : "nothing";
  }
  const state = await stateOf(join(root, path));
  if (state === undefined || state.isDirectory()) return "nothing";
  if (!held) return "not-in-checkpoint";
  await unlink(join(root, path));
  for (const folder of foldersAbove(path).toReversed()) {
    const removed = rmdir(join(root, folder)).then(() => true);
    if (!(await unless(["ENOTEMPTY", "EEXIST", ...ABSENT], false, removed))) break;
  }
  return "done";
};

/** Why a file may not be written at the path, if so. Makes its parents; an empty folder there makes way. */
const obstacle = async (root: string, path: string, held: boolean): Promise<SkipReason | undefined> => {
  if (!(await makeParents(root, path))) return "parent-not-a-folder";
  const state = await stateOf(join(root, path));
  if (state === undefined) return undefined;
  if (state.isDirectory()) {
    const removed = rmdir(join(root, path)).then(() => undefined);
    return unless(["ENOTEMPTY", "EEXIST"], "folder-in-the-way", removed);
  }
  return held ? undefined : "not-in-checkpoint";
};

/** As `chmod +x` and `-x`: whoever can read may execute. The other bits stay as they are. */
const withExecutable = (mode: number, executable: boolean): number =>
  executable ? mode | ((mode & 0o444) >> 2) : mode & ~0o111;

/**
 * Lets git write contents into a folder of the store, each named by its position: one call, however many there are,
 * and a content that is gone is known before the workspace is touched.
 */
const withContents = <A>(
  { store }: Workspace,
  entries: ReadonlyArray<Entry>,
  use: (folder: string) => Effect.Effect<A, Failure>,
): Effect.Effect<A, Failure> => {
  const folder = join(store.gitDir, "restore");
  const place = { gitDir: store.gitDir, workTree: folder, cwd: folder };
  const env = { GIT_INDEX_FILE: `${folder}.index` };
  const input = entries.map(({ mode, oid }, position) => `${mode} ${oid}\t${position}\0`).join("");
  const clear = async () => {
    await rm(env.GIT_INDEX_FILE, { force: true });
    await rm(folder, { recursive: true, force: true });
  };
  return Effect.acquireUseRelease(
    attempt(`make ${folder}`, async () => {
      await clear();
      await mkdir(folder);
    }),
    () =>
      git(place, ["update-index", "-z", "--index-info"], { env, input }).pipe(
        Effect.andThen(git(place, ["checkout-index", "--all"], { env })),
        Effect.andThen(use(folder)),
      ),
    () => attempt(`clean up ${folder}`, clear),
  );
};

/** Copies beside the path and renames, so the path holds the old content or the new, never a part. */
const put = async (from: string, to: string): Promise<void> => {
  const draft = join(dirname(to), `.heddle-${randomUUID()}`);
  const [source, replaced] = await Promise.all([lstat(from), stateOf(to)]);
  try {
    if (source.isSymbolicLink()) {
      await symlink(await readlink(from, "buffer"), draft);
    } else {
      // A copy has the mode of its source from the first byte: never more open than what it replaces.
      const executable = (source.mode & 0o100) !== 0;
      if (replaced?.isFile() === true) await chmod(from, withExecutable(replaced.mode & 0o777, executable));
      await copyFile(from, draft, constants.COPYFILE_EXCL);
    }
    await rename(draft, to);
  } finally {
    await rm(draft, { force: true });
  }
};

/**
 * Takes each path to its target.
 *
 * `held` is what the checkpoint taken just before holds. Safe to do again after it was cut off. Errors: `io-failed` at
 * the first path that cannot be written, and as `git`.
 */
export const restore = Effect.fn("Restore.restore")(function* (
  workspace: Workspace,
  targets: Targets,
  held: ReadonlyMap<string, Entry>,
): Effect.fn.Return<Restored, Failure> {
  const files: Array<RestoredFile> = [];
  const skipped: Array<SkippedFile> = [];
  const note = (file: RestoredFile, outcome: Outcome) => {
    if (outcome === "done") files.push(file);
    else if (outcome !== "nothing") skipped.push({ path: file.path, reason: outcome });
  };
  const { root } = workspace;
  const removals: Array<string> = [];
  const writes: Array<readonly [path: string, entry: Entry]> = [];
  for (const [path, target] of targets) {
    const now = held.get(path);
    if (target !== undefined && now?.mode === target.mode && now.oid === target.oid) continue;
    const nested = now?.mode === NESTED_REPOSITORY || target?.mode === NESTED_REPOSITORY;
    if (nested) skipped.push({ path, reason: "nested-repository" });
    else if (isUnsafe(path)) skipped.push({ path, reason: "unsafe-path" });
    else if (target === undefined) removals.push(path);
    else writes.push([path, target]);
  }
  const apply = Effect.fnUntraced(function* (contents: string) {
    // Removals first: they make way where a folder was a file before, or a file a folder.
    for (const path of removals) {
      const outcome = yield* attempt(`remove ${join(root, path)}`, () => remove(root, path, held.has(path)));
      note({ path, kind: "deleted" }, outcome);
    }
    for (const [position, [path]] of writes.entries()) {
      const outcome = yield* attempt(`write ${join(root, path)}`, async (): Promise<Outcome> => {
        const reason = await obstacle(root, path, held.has(path));
        if (reason === undefined) await put(join(contents, `${position}`), join(root, path));
        return reason ?? "done";
      });
      note({ path, kind: held.has(path) ? "modified" : "added" }, outcome);
    }
  });
  const entries = writes.map(([, entry]) => entry);
  yield* withContents(workspace, entries, apply);
  return { files: files.toSorted((a, b) => (a.path < b.path ? -1 : 1)), skipped };
});
