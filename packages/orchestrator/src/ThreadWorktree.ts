/**
 * A thread's own git worktree: made before its first turn, and removed with it. While one is wanted, nothing of the
 * thread runs anywhere else.
 */
import type { WorktreeError, Worktrees } from "@heddle/checkpoints/Worktrees";
import type { ThreadId } from "@heddle/contracts/Ids";
import type { Project, ThreadSummary } from "@heddle/contracts/ReadModel";
import { Effect } from "effect";
import { commandIdFrom } from "./DerivedId.ts";
import type { Engine } from "./Engine.ts";
import type { Origin } from "./GroupWriter.ts";
import { WorkspaceUnavailable } from "./Workspace.ts";

const reasonOf = ({ message, detail }: WorktreeError): string =>
  detail.trim() === "" ? message : `${message}\n${detail.trim()}`;

export const threadWorktree = (engine: Engine["Service"], worktrees: Worktrees["Service"]) => {
  /** Says that it could not be made, and fails with the reason. */
  const fail = Effect.fnUntraced(function* (
    { threadId, projectId }: ThreadSummary,
    origin: Origin,
    reason: string,
  ) {
    const cause = origin.causationEventId ?? threadId;
    yield* engine
      .dispatch(
        {
          type: "thread.worktree.fail",
          commandId: commandIdFrom("worktree-failed", cause),
          threadId,
          reason,
        },
        origin,
      )
      .pipe(
        Effect.asVoid,
        // Said before a crash, in other words; or nobody wants it any more.
        Effect.catchTag(["CommandIdConflict", "CommandRejected"], ({ message }) => Effect.logDebug(message)),
      );
    return yield* new WorkspaceUnavailable({
      path: projectId,
      message: `The thread's worktree could not be made. ${reason}`,
    });
  });

  /** The path that the thread works at: its own worktree's, made if it is still wanted. */
  const ensure = Effect.fn("ThreadWorktree.ensure")(function* (
    thread: ThreadSummary,
    project: Project,
    origin: Origin,
  ) {
    const { threadId, title, worktree, worktreePath } = thread;
    if (worktree === null || worktree.state === "made") return worktreePath;
    const { branch, from } = worktree;
    const root = project.workspaceRoot;
    const made = yield* worktrees
      .make({ threadId, title, root, branch, from })
      .pipe(Effect.catchTag("WorktreeError", (error) => fail(thread, origin, reasonOf(error))));
    yield* engine
      .dispatch(
        {
          type: "thread.worktree.made",
          commandId: commandIdFrom("worktree-made", threadId),
          threadId,
          branch: made.branch,
          worktreePath: made.path,
          baseCommit: made.baseCommit,
        },
        origin,
      )
      .pipe(
        // Another folder was named meanwhile, or the thread was deleted.
        Effect.tapError((error) =>
          error._tag === "CommandRejected"
            ? remove(threadId, root).pipe(Effect.catchTag("WorktreeError", () => Effect.void))
            : Effect.void,
        ),
      );
    return made.path;
  });

  /** Removes what is the thread's, and says in words what was left for a person. What fails is in the log. */
  const remove = Effect.fn("ThreadWorktree.remove")(function* (threadId: ThreadId, root: string | undefined) {
    const { left } = yield* worktrees
      .remove({ threadId, root })
      .pipe(
        Effect.tapError((error) =>
          Effect.logWarning(`The worktree of thread ${threadId} was not removed: ${reasonOf(error)}`),
        ),
      );
    const words = left.map(({ kind, name, why }) =>
      kind === "folder" ? `left the worktree ${name}: ${why}` : `kept the branch ${name}: ${why}`,
    );
    yield* Effect.forEach(left, ({ kind }, index) =>
      kind === "folder"
        ? Effect.logWarning(`Thread ${threadId} is gone; ${words[index]}`)
        : Effect.logInfo(`Thread ${threadId} is gone; ${words[index]}`),
    );
    return words;
  });

  return { ensure, remove };
};
