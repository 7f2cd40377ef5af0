/** Git worktrees that are made for threads, each on a branch of its own, and removed with them. */
import { join } from "node:path";
import { ThreadId } from "@heddle/contracts/Ids";
import { Context, Effect, Layer, Schema } from "effect";
import { type Failure, FailureReason } from "./Failure.ts";
import { type MadeWorktree, makeWorktree } from "./MakeWorktree.ts";
import { type Removal, removeWorktree } from "./RemoveWorktree.ts";
import { formerDirectory } from "./Workspace.ts";
import { folderName } from "./WorktreeNames.ts";

export class WorktreeError extends Schema.TaggedError<WorktreeError>()("WorktreeError", {
  operation: Schema.Literals(["make", "remove"]),
  threadId: ThreadId,
  reason: FailureReason,
  /** What was wrong and what to do, for a person. */
  message: Schema.String,
  /** The end of git's stderr, or the operating system's own words. Bounded. */
  detail: Schema.String,
}) {}

export interface MakeInput {
  readonly threadId: ThreadId;
  /** The branch is called after it where `branch` is null. */
  readonly title: string;
  /** The project's folder: the top of its repository, or a folder inside. */
  readonly root: string;
  readonly branch: string | null;
  /** A branch, tag or commit; null for what is checked out in the project's folder. */
  readonly from: string | null;
}

export interface RemoveInput {
  readonly threadId: ThreadId;
  /** The project's folder, to know the repository where the worktree's folder is gone. */
  readonly root: string | undefined;
}

const named =
  (operation: WorktreeError["operation"], threadId: ThreadId) =>
  <A>(effect: Effect.Effect<A, Failure>): Effect.Effect<A, WorktreeError> =>
    Effect.mapError(
      effect,
      ({ reason, message, detail }) => new WorktreeError({ operation, threadId, reason, message, detail }),
    );

/**
 * Details: calls for one thread must not overlap; those for several may. No hooks run, and no programs but the filters
 * of the person's own configuration (CheckoutFilters.ts).
 */
export class Worktrees extends Context.Service<
  Worktrees,
  {
    /**
     * The thread's worktree, made where it is not there yet. Safe to do again after a crash: what was made is found, and
     * what was half made is made anew.
     */
    readonly make: (input: MakeInput) => Effect.Effect<MadeWorktree, WorktreeError>;
    /**
     * Removes what was made for the thread, but nothing that exists nowhere else: a folder with such files or commits
     * stays as it is, and so does a branch with commits that are on no other. Safe to do again.
     */
    readonly remove: (input: RemoveInput) => Effect.Effect<Removal, WorktreeError>;
  }
>()("heddle/checkpoints/Worktrees") {
  /** `dataDir`: the worktrees live in `worktrees` below it. */
  static readonly layer = (options: { readonly dataDir: string }) =>
    Layer.succeed(Worktrees, {
      make: Effect.fn("Worktrees.make")((input) =>
        folderOf(options.dataDir, input.threadId).pipe(
          Effect.flatMap((folder) => makeWorktree(folder, input)),
          named("make", input.threadId),
        ),
      ),
      remove: Effect.fn("Worktrees.remove")((input) =>
        folderOf(options.dataDir, input.threadId).pipe(
          Effect.flatMap((folder) => removeWorktree(folder, input)),
          named("remove", input.threadId),
        ),
      ),
    });
}

/** The thread's own folder, in which its worktree is, or will be. */
const folderOf = (dataDir: string, threadId: ThreadId): Effect.Effect<string, Failure> =>
  Effect.map(formerDirectory(join(dataDir, "worktrees")), (all) => join(all, folderName(threadId)));
