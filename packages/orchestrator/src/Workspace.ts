/**
 * Where an agent works: the project's folder, or a git worktree of it. Paths are resolved on the server, with symbolic
 * links followed before the check, so that a client cannot name a folder elsewhere.
 */
import { realpath, stat } from "node:fs/promises";
import { sep } from "node:path";
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
  return yield* new WorkspaceUnavailable({
    path: worktreePath,
    message: `The worktree ${worktreePath} is not inside the project's folder ${project.workspaceRoot}.`,
  });
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
