/** Removes a thread's worktree and branch, as far as nothing is lost with them. */
import { readdir, rm, rmdir } from "node:fs/promises";
import { join, sep } from "node:path";
import { Duration, Effect } from "effect";
import { checkoutFilters } from "./CheckoutFilters.ts";
import { attempt, type Failure, unless } from "./Failure.ts";
import { git, GitTimeout } from "./Git.ts";
import { commitOf, dropHalfMade, type Mark, readMarks } from "./MakeWorktree.ts";
import { findRepository, personalIgnoreList, type Repository, repositoryPlace } from "./Repository.ts";
import { isNowhereElse, unsavedWork } from "./UnsavedWork.ts";
import { commonPlace, listWorktrees } from "./WorktreeList.ts";
import type { RemoveInput } from "./Worktrees.ts";

/** Something of the thread's that is still there, and why. */
export interface Left {
  readonly kind: "folder" | "branch";
  readonly name: string;
  readonly why: string;
}

export interface Removal {
  /** Whether there was anything to remove. */
  readonly found: boolean;
  readonly left: ReadonlyArray<Left>;
}

/** Dependencies may be a hundred thousand files. */
const REMOVE_TIMEOUT = Duration.minutes(5);

const folder = (name: string, why: string): Left => ({ kind: "folder", name, why });
const branch = (name: string, why: string): Left => ({ kind: "branch", name, why });

const namesIn = (path: string): Effect.Effect<ReadonlyArray<string>, Failure> =>
  attempt(`look at ${path}`, () => unless(["ENOENT"], [], readdir(path)));

/** A folder that no repository knows: gone where it holds nothing but git's own link. */
const removeOrphan = Effect.fnUntraced(function* (path: string) {
  const names = yield* attempt(`look at ${path}`, () => unless(["ENOTDIR"], [path], readdir(path)));
  if (names.some((name) => name !== ".git")) {
    return folder(path, "its repository is gone, or does not know it any more");
  }
  yield* attempt(`remove ${path}`, () => rm(path, { recursive: true, force: true }));
  return undefined;
});

const removeFolder = Effect.fnUntraced(function* (path: string, repository: Repository) {
  const listed = yield* listWorktrees(repository);
  const entry = listed.find((worktree) => worktree.path === path);
  if (!entry) return yield* removeOrphan(path);
  if (entry.halfMade) {
    yield* dropHalfMade(repository, path);
    return undefined;
  }
  if (entry.locked) return folder(path, "it is locked");
  const why = yield* unsavedWork(repository, listed[0]?.path ?? path);
  if (why !== undefined) return folder(path, why);
  // Without --force, git looks once more, and refuses what it would not want to lose.
  // It looks with the same eyes as we did.
  const place = repositoryPlace(path, path);
  const options = { config: yield* personalIgnoreList(place), env: yield* checkoutFilters(place) };
  return yield* git(commonPlace(repository), ["worktree", "remove", path], options).pipe(
    Effect.provideService(GitTimeout, REMOVE_TIMEOUT),
    Effect.as(undefined),
    Effect.catchIf(
      (failure) => failure.reason === "git-failed",
      ({ detail }) => Effect.succeed(folder(path, `git would not remove it: ${detail.trim()}`)),
    ),
  );
});

/** Takes the branch away, unless it is needed: then it gives why. */
const removeBranch = Effect.fnUntraced(function* (repository: Repository, { ref, branch: name }: Mark) {
  const head = `refs/heads/${name}`;
  const tip = yield* commitOf(commonPlace(repository), head);
  const inUse = (yield* listWorktrees(repository)).some((worktree) => worktree.branch === head);
  const needed = tip !== undefined && (inUse || (yield* isNowhereElse(repository, tip, name)));
  // With its expected commit: a branch that has moved since stays.
  const drop = tip === undefined || needed ? "" : `delete ${head}\0${tip}\0`;
  yield* git(commonPlace(repository), ["update-ref", "--stdin", "-z"], { input: `${drop}delete ${ref}\0\0` });
  if (!needed) return undefined;
  return branch(name, inUse ? "it is checked out" : "it has commits that are on no other branch");
});

/** Removes what is inside `place`, the thread's own folder. Errors: as `git`, and `io-failed`. */
export const removeWorktree = Effect.fn("RemoveWorktree.remove")(function* (
  place: string,
  { threadId, root }: RemoveInput,
): Effect.fn.Return<Removal, Failure> {
  const left: Array<Left> = [];
  const repositories = new Map<string, Repository>();
  const note = (repository: Repository | undefined) => {
    if (repository) repositories.set(repository.commonDir, repository);
  };
  const names = yield* namesIn(place);
  for (const name of names) {
    const path = join(place, name);
    const repository = yield* findRepository(path);
    // One further up is another's.
    const own = repository?.topLevel === path ? repository : undefined;
    note(own);
    const kept = yield* own ? removeFolder(path, own) : removeOrphan(path);
    if (kept) left.push(kept);
  }
  const rest = yield* namesIn(place);
  if (rest.length === 0) {
    yield* attempt(`remove ${place}`, () => unless(["ENOENT"], undefined, rmdir(place)));
  }
  const project = root === undefined ? undefined : yield* findRepository(root);
  note(project);
  let found = names.length > 0;
  for (const repository of repositories.values()) {
    // A worktree whose folder somebody has removed is known to the repository still, and holds the branch.
    const gone = (yield* listWorktrees(repository)).filter(
      (worktree) => !worktree.isThere && !worktree.locked && worktree.path.startsWith(place + sep),
    );
    for (const { path } of gone) yield* git(commonPlace(repository), ["worktree", "remove", path]);
    for (const mark of yield* readMarks(repository, threadId)) {
      found = true;
      const kept = yield* removeBranch(repository, mark);
      if (kept) left.push(kept);
    }
  }
  return { found, left };
});
