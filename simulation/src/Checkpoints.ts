/** Stands in for git, which is real processes: answers as a repository would, sometimes late, sometimes with an error. */
import { CheckpointError, CheckpointStore } from "@heddle/checkpoints/CheckpointStore";
import { WorktreeError, Worktrees } from "@heddle/checkpoints/Worktrees";
import { refName } from "@heddle/checkpoints/Refs";
import type { ThreadId } from "@heddle/contracts/Ids";
import { FolderInWorktree } from "@heddle/orchestrator/Workspace";
import { Effect, Layer } from "effect";
import type { World } from "./World.ts";

/** The `Worktrees` of a run: each thread's is at the same place whenever it is asked for. */
export const worktrees = ({ dice }: World) => {
  const maybe = <A>(operation: WorktreeError["operation"], threadId: ThreadId, answer: A) =>
    Effect.suspend(() => {
      if (dice.chance(0.1)) {
        const reason = "git-failed";
        const message = "git failed.";
        return Effect.fail(new WorktreeError({ operation, threadId, reason, message, detail: "" }));
      }
      return Effect.as(Effect.sleep(dice.between(0, 40)), answer);
    });
  return Layer.merge(
    Layer.succeed(Worktrees, {
      make: ({ threadId, branch }) =>
        maybe("make", threadId, {
          branch: branch ?? `heddle/${threadId}`,
          path: `/worktrees/${threadId}`,
          baseCommit: "1".repeat(40),
        }),
      remove: ({ threadId }) => maybe("remove", threadId, { found: true, left: [] }),
    }),
    Layer.succeed(FolderInWorktree, (_, path) => Effect.succeed(path)),
  );
};

/** The `CheckpointStore` of a run. */
export const checkpoints = ({ dice }: World) => {
  const maybe = <A>(operation: CheckpointError["operation"], workspace: string, answer: () => A) =>
    Effect.suspend(() => {
      if (dice.chance(0.05)) {
        return Effect.fail(
          new CheckpointError({
            operation,
            workspace,
            reason: "git-failed",
            message: "git failed.",
            detail: "",
          }),
        );
      }
      const slow = dice.chance(0.01) ? 30_000 : dice.between(0, 40);
      return Effect.andThen(Effect.sleep(slow), Effect.sync(answer));
    });
  const files = [{ path: "a.ts", kind: "modified", additions: 1, deletions: 0 }] as const;
  return Layer.succeed(CheckpointStore, {
    capture: ({ workspace, threadId, turnCount, moment }) =>
      maybe("capture", workspace, () => refName(threadId, turnCount, moment)),
    diff: ({ workspace }) => maybe("diff", workspace, () => ({ diff: "+a\n", files })),
    revert: ({ workspace, threadId, turnCount }) =>
      maybe("revert", workspace, () => ({
        files,
        skipped: [],
        safetyRef: refName(threadId, turnCount, "before-revert"),
      })),
    prune: ({ workspace }) => maybe("prune", workspace, () => undefined),
  });
};
