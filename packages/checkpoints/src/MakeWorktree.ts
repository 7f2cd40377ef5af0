/**
 * Makes a worktree for a thread.
 *
 * The branch and a hidden ref that marks it as Heddle's are made in one transaction of refs, before the folder: so a try
 * that was cut short anywhere is gone on with, and a branch of somebody else's is never taken.
 */
import { mkdir, readdir, rm } from "node:fs/promises";
import { basename, dirname, join, relative, sep } from "node:path";
import type { ThreadId } from "@heddle/contracts/Ids";
import { Duration, Effect } from "effect";
import { checkoutFilters } from "./CheckoutFilters.ts";
import { ABSENT, attempt, Failure, unless } from "./Failure.ts";
import { git, gitText, GitTimeout, type Place } from "./Git.ts";
import { findRepository, type Repository, repositoryPlace } from "./Repository.ts";
import { realDirectory } from "./Workspace.ts";
import { commonPlace, listWorktrees } from "./WorktreeList.ts";
import { branchNames, markPrefix } from "./WorktreeNames.ts";
import type { MakeInput } from "./Worktrees.ts";

export interface MadeWorktree {
  readonly branch: string;
  /** The project's folder in the worktree. */
  readonly path: string;
  /** The commit that the branch began at. */
  readonly baseCommit: string;
}

/** A whole tree is written. */
const ADD_TIMEOUT = Duration.minutes(5);

const refused = (message: string) => new Failure({ reason: "refused", message, detail: "" });

/** A branch that was made for the thread. */
export interface Mark {
  readonly ref: string;
  readonly branch: string;
  readonly baseCommit: string;
}

export const readMarks = Effect.fnUntraced(function* (
  repository: Repository,
  threadId: ThreadId,
): Effect.fn.Return<ReadonlyArray<Mark>, Failure> {
  const prefix = markPrefix(threadId);
  const format = "--format=%(objectname) %(refname)";
  const lines = yield* gitText(commonPlace(repository), ["for-each-ref", format, prefix]);
  return lines
    .split("\n")
    .slice(0, -1)
    .map((line) => {
      const [baseCommit = "", ref = ""] = line.split(" ");
      return { ref, branch: ref.slice(prefix.length), baseCommit };
    });
});

/** The commit that a name stands for, undefined where it stands for none. */
export const commitOf = Effect.fnUntraced(function* (
  place: Place,
  name: string,
): Effect.fn.Return<string | undefined, Failure> {
  const answer = yield* git(place, ["rev-parse", "--verify", "--quiet", `${name}^{commit}`], {
    okCodes: [0, 1, 128],
  });
  return answer.code === 0 ? answer.stdout.toString("utf8").trimEnd() : undefined;
});

/** Where the branch is to begin. A branch goes before a tag of the same name. */
const baseOf = Effect.fnUntraced(function* (repository: Repository, from: string | null) {
  const place = repositoryPlace(repository.topLevel, repository.topLevel);
  if (from === null) {
    const head = yield* commitOf(place, "HEAD");
    if (head !== undefined) return head;
    const message = `The repository ${repository.topLevel} has no commit yet. Commit something there, then try again.`;
    return yield* refused(message);
  }
  const base = (yield* commitOf(place, `refs/heads/${from}`)) ?? (yield* commitOf(place, from));
  if (base !== undefined) return base;
  return yield* refused(
    `${from} is no branch, tag or commit of ${repository.topLevel}. Fetch it, or name another.`,
  );
});

/** The project's folder must be in the commit: else the agent would find nothing where it works. */
const requireFolder = Effect.fnUntraced(function* (repository: Repository, root: string, commit: string) {
  const folder = relative(repository.topLevel, root).split(sep).join("/");
  if (folder === "") return;
  const answer = yield* git(commonPlace(repository), ["cat-file", "-t", `${commit}:${folder}`], {
    okCodes: [0, 128],
  });
  if (answer.code === 0 && answer.stdout.toString("utf8").trimEnd() === "tree") return;
  const message = `The project's folder ${folder} is not in commit ${commit.slice(0, 12)} of ${repository.topLevel}. Commit it there, or begin at another commit.`;
  return yield* refused(message);
});

/** What stands in the way of a new branch: one of that name, of a name below it, or of a part of its name. */
const branchInTheWay = Effect.fnUntraced(function* (repository: Repository, branch: string) {
  const parts = branch.split("/");
  const above = parts.slice(1).map((_, index) => parts.slice(0, index + 1).join("/"));
  const place = commonPlace(repository);
  for (const name of above) {
    const answer = yield* git(place, ["show-ref", "--verify", "--quiet", `refs/heads/${name}`], {
      okCodes: [0, 1],
    });
    if (answer.code === 0) return name;
  }
  const found = yield* gitText(place, [
    "for-each-ref",
    "--count=1",
    "--format=%(refname:lstrip=2)",
    `refs/heads/${branch}`,
  ]);
  return found === "" ? undefined : found.trimEnd();
});

const isBranchName = Effect.fnUntraced(function* (repository: Repository, branch: string) {
  if (branch === "HEAD" || branch.startsWith("-")) return false;
  const answer = yield* git(commonPlace(repository), ["check-ref-format", `refs/heads/${branch}`], {
    okCodes: [0, 1],
  });
  return answer.code === 0;
});

const chooseBranch = Effect.fnUntraced(function* (
  repository: Repository,
  { branch, title, threadId }: MakeInput,
) {
  if (branch !== null && !(yield* isBranchName(repository, branch))) {
    return yield* refused(`${branch} is not a name that git takes for a branch. Choose another.`);
  }
  const names = branch === null ? branchNames(title, threadId) : [branch];
  let taken = "";
  for (const name of names) {
    const inTheWay = yield* branchInTheWay(repository, name);
    if (inTheWay === undefined) return name;
    taken =
      inTheWay === name
        ? `There is a branch ${name} already`
        : `The branch ${inTheWay} stands in the way of ${name}`;
  }
  return yield* refused(`${taken} in ${repository.topLevel}. Choose another name, or delete that branch.`);
});

const createRefs = (repository: Repository, refs: ReadonlyArray<readonly [name: string, commit: string]>) =>
  git(commonPlace(repository), ["update-ref", "--stdin", "-z"], {
    input: refs.map(([name, commit]) => `create ${name}\0${commit}\0`).join(""),
  });

/** The thread's branch: the one of an earlier try, or a new one. */
const ownBranch = Effect.fnUntraced(function* (repository: Repository, root: string, input: MakeInput) {
  const [mark] = yield* readMarks(repository, input.threadId);
  if (mark) {
    const head = `refs/heads/${mark.branch}`;
    const there = yield* commitOf(commonPlace(repository), head);
    if (there === undefined) yield* createRefs(repository, [[head, mark.baseCommit]]);
    return mark;
  }
  const baseCommit = yield* baseOf(repository, input.from);
  yield* requireFolder(repository, root, baseCommit);
  const branch = yield* chooseBranch(repository, input);
  const ref = markPrefix(input.threadId) + branch;
  yield* createRefs(repository, [
    [ref, baseCommit],
    [`refs/heads/${branch}`, baseCommit],
  ]);
  return { ref, branch, baseCommit };
});

/** Whether the folder holds no more than what a `git worktree add` writes first. */
const isBegun = (path: string) =>
  attempt(`look at ${path}`, async () =>
    (await unless(ABSENT, [], readdir(path))).every((name) => name === ".git"),
  );

/** Nobody has worked in it: a thread is told of its worktree when that is whole. Errors: as `git`. */
export const dropHalfMade = (repository: Repository, path: string) =>
  git(commonPlace(repository), ["worktree", "remove", "--force", "--force", path]);

/** Whether the worktree stands; what was half made is taken away. */
const standsAt = Effect.fnUntraced(function* (repository: Repository, path: string, branch: string) {
  const entry = (yield* listWorktrees(repository)).find((worktree) => worktree.path === path);
  if (entry?.isThere && !entry.halfMade && entry.branch === `refs/heads/${branch}`) return true;
  if (entry && (entry.halfMade || !entry.isThere)) {
    yield* dropHalfMade(repository, path);
    return false;
  }
  if (entry || !(yield* isBegun(path))) {
    return yield* refused(`There are files in ${path}, where the worktree should go. Move that folder away.`);
  }
  yield* attempt(`make room at ${path}`, () => rm(path, { recursive: true, force: true }));
  return false;
});

/** Makes the thread's worktree inside `folder`, or finds it there. Errors: as `git`, `refused`, and `io-failed`. */
export const makeWorktree = Effect.fn("MakeWorktree.make")(function* (
  folder: string,
  input: MakeInput,
): Effect.fn.Return<MadeWorktree, Failure> {
  const root = yield* realDirectory(input.root);
  const repository = yield* findRepository(root);
  if (repository === undefined) {
    const message = `${root} is in no git repository, so there can be no worktree of it. Run \`git init\` there and commit, or do without one.`;
    return yield* refused(message);
  }
  const { branch, baseCommit } = yield* ownBranch(repository, root, input);
  const path = join(folder, basename(repository.topLevel) || "root");
  if (!(yield* standsAt(repository, path, branch))) {
    yield* attempt(`make ${dirname(path)}`, () => mkdir(dirname(path), { recursive: true, mode: 0o700 }));
    const place = repositoryPlace(repository.topLevel, repository.topLevel);
    const env = yield* checkoutFilters(place);
    yield* git(commonPlace(repository), ["worktree", "add", "--quiet", path, branch], { env }).pipe(
      Effect.provideService(GitTimeout, ADD_TIMEOUT),
    );
  }
  return { branch, path: join(path, relative(repository.topLevel, root)), baseCommit };
});
