/**
 * Where an agent works: the project's folder, or a git worktree of it. Paths are resolved on the server, with symbolic
 * links followed before the check, so that a client cannot name a folder elsewhere.
 */
import { realpath, stat } from "node:fs/promises";
import { sep } from "node:path";
import { folderInWorktree } from "@heddle/checkpoints/WorktreeList";
import type { Project } from "@heddle/contracts/ReadModel";
import { Context, Effect, Schema } from "effect";

export class WorkspaceUnavailable extends Schema.TaggedError<WorkspaceUnavailable>()("WorkspaceUnavailable", {
  path: Schema.String,
  message: Schema.String,
}) {}

/** The real path of the folder that a thread works in. */
export const resolveWorkspace = Effect.fn("resolveWorkspace")(function* (
  project: Pick<Project, "workspaceRoot">,
  worktreePath: string | null,
) {
  const root = yield* realFolder(project.workspaceRoot);
  if (worktreePath === null) return root;
  const worktree = yield* realFolder(worktreePath);
  if (worktree === root || worktree.startsWith(root + sep)) return worktree;
  const find = yield* FolderInWorktree;
  return (yield* find(root, worktree)) ?? (yield* elsewhere(project.workspaceRoot, worktreePath));
});

const elsewhere = (root: string, path: string) =>
  new WorkspaceUnavailable({
    path,
    message: `${path} is neither inside the project's folder ${root} nor in a worktree of its repository (\`git worktree list\` names those).`,
  });

/** The folder to work in where the second path is in a worktree of the repository of the first. By default git is asked. */
export const FolderInWorktree = Context.Reference<
  (root: string, path: string) => Effect.Effect<string | undefined, WorkspaceUnavailable>
>("heddle/orchestrator/FolderInWorktree", {
  defaultValue: () => (root, path) =>
    folderInWorktree(root, path).pipe(
      Effect.mapError(({ message }) => new WorkspaceUnavailable({ path, message })),
    ),
});

/** Follows links to the folder that is meant, or gives undefined for what is none. By default the file system is asked. */
export const RealFolder = Context.Reference<(path: string) => Effect.Effect<string | undefined>>(
  "heddle/orchestrator/RealFolder",
  {
    defaultValue: () => (path) =>
      Effect.promise(async () => {
        try {
          const real = await realpath(path);
          return (await stat(real)).isDirectory() ? real : undefined;
        } catch {
          return undefined;
        }
      }),
  },
);

const realFolder = Effect.fnUntraced(function* (path: string) {
  const find = yield* RealFolder;
  return (yield* find(path)) ?? (yield* unavailable(path));
});

const unavailable = (path: string) =>
  new WorkspaceUnavailable({
    path,
    message: `${path} is not a folder that the server can open. Put it back, or change the project's workspaceRoot.`,
  });
