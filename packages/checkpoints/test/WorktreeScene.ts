/** A repository, and a thread's worktree of it. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { ThreadId } from "@heddle/contracts/Ids";
import { Effect, type Scope } from "effect";
import type { CheckpointStore } from "../src/CheckpointStore.ts";
import { type MakeInput, Worktrees } from "../src/Worktrees.ts";
import { folderName, markPrefix } from "../src/WorktreeNames.ts";
import { inFolder, inRepository, type Scene } from "./Scene.ts";

export const THREAD = ThreadId.make("fix-login-7f3k");

/** Where the worktree of the repository `workspace` is put. */
export const placeOf = (scene: Scene, threadId = THREAD): string =>
  join(scene.dataDir, "worktrees", folderName(threadId), "workspace");

export const make = (scene: Scene, more: Partial<MakeInput> = {}) =>
  Worktrees.use((worktrees) =>
    worktrees.make({
      threadId: THREAD,
      title: "Fix the login",
      root: scene.folder,
      branch: null,
      from: null,
      ...more,
    }),
  );

/** The worktree as a scene of its own, made. */
export const made = (scene: Scene, more: Partial<MakeInput> = {}) =>
  Effect.map(make(scene, more), ({ path }) => scene.at(path));

export const remove = (scene: Scene, threadId = THREAD) =>
  Worktrees.use((worktrees) => worktrees.remove({ threadId, root: scene.folder }));

/** All branches, and what marks them as made for threads. */
export const branches = (scene: Scene): ReadonlyArray<string> =>
  lines(scene.git("for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads"));
export const marks = (scene: Scene, threadId = THREAD): ReadonlyArray<string> =>
  lines(scene.git("for-each-ref", "--format=%(refname)", markPrefix(threadId)));
/** As git lists them, without the first, which is the repository's own. */
export const listed = (scene: Scene): ReadonlyArray<string> =>
  lines(scene.git("worktree", "list", "--porcelain"))
    .filter((line) => line.startsWith("worktree "))
    .map((line) => line.slice("worktree ".length))
    .slice(1);

const lines = (text: string): ReadonlyArray<string> => text.split("\n").filter((line) => line !== "");

/** Commits all that is there. */
export const commitAll = (scene: Scene, message = "work"): string => {
  scene.git("add", "--all");
  scene.git("commit", "--quiet", "--allow-empty", `--message=${message}`);
  return scene.git("rev-parse", "HEAD").trim();
};

type Body = (scene: Scene) => Effect.Effect<void, unknown, CheckpointStore | Worktrees | Scope.Scope>;

const withWorktrees = (body: Body) => (scene: Scene) =>
  Effect.provide(body(scene), Worktrees.layer({ dataDir: scene.dataDir }));

/** Runs the body in a folder without git. */
export const inPlainFolder = (body: Body) => inFolder(withWorktrees(body));

/** Runs the body in a repository with one commit of `committed.txt`. */
export const inProject = (body: Body) => inRepository(withWorktrees(body));

/** The folder `packages/shop` of the repository, committed. */
export const subfolder = (scene: Scene): Scene => {
  mkdirSync(scene.path("packages/shop"), { recursive: true });
  scene.write("packages/shop/index.ts", "shop\n");
  commitAll(scene);
  return scene.at(scene.path("packages/shop"));
};
