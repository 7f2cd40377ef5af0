/** Stands in for git, which is real processes: answers as a repository would, sometimes late, sometimes with an error. */
import { CheckpointError, CheckpointStore } from "@heddle/checkpoints/CheckpointStore";
import { refName } from "@heddle/checkpoints/Refs";
import { Effect, Layer } from "effect";
import type { World } from "./World.ts";

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
