/** Checkpoints of a workspace's files: taken at the start and the end of each turn, compared, and gone back to. */
import { mkdir, realpath } from "node:fs/promises";
import type { CheckpointRef, ThreadId } from "@heddle/contracts/Ids";
import type { CheckpointFile } from "@heddle/contracts/Model";
import { Clock, Context, Effect, Layer, RcMap, Schema, Semaphore } from "effect";
import { changesBetween, entriesOf, filesBetween, patchBetween } from "./Changes.ts";
import { attempt, Failure, FailureReason } from "./Failure.ts";
import { gitText } from "./Git.ts";
import { type Moment, readRefs, refName, supersededBy, writeRefs } from "./Refs.ts";
import { beforeTurns, restore, type Restored } from "./Restore.ts";
import { writeTree } from "./Snapshot.ts";
import {
  forgetThread,
  formerDirectory,
  openWorkspace,
  realDirectory,
  rememberThread,
  type Workspace,
} from "./Workspace.ts";

export class CheckpointError extends Schema.TaggedError<CheckpointError>()("CheckpointError", {
  operation: Schema.Literals(["capture", "diff", "revert", "prune"]),
  workspace: Schema.String,
  reason: FailureReason,
  /** What was wrong and what to do, for a person. */
  message: Schema.String,
  /** The end of git's stderr, or the operating system's own words. Bounded. */
  detail: Schema.String,
}) {}

interface OfThread {
  /** Absolute path of a folder: a repository, a linked worktree, a folder inside one, or a folder without git. */
  readonly workspace: string;
  readonly threadId: ThreadId;
}

export interface CaptureInput extends OfThread {
  readonly turnCount: number;
  readonly moment: Moment;
}

export interface DiffInput extends OfThread {
  readonly fromTurnCount: number;
  readonly toTurnCount: number;
  /** Of the text; `DEFAULT_DIFF_BYTES` unless told. */
  readonly maxBytes?: number;
}

export interface Diff {
  /** Unified diff in git's format, paths relative to the workspace. Where it was cut, its last line says so. */
  readonly diff: string;
  /** Always complete. */
  readonly files: ReadonlyArray<CheckpointFile>;
}

export interface RevertInput extends OfThread {
  readonly turnCount: number;
  readonly latestTurnCount: number;
}

export interface Reverted extends Restored {
  /** The workspace as it was just before. */
  readonly safetyRef: CheckpointRef;
}

export const DEFAULT_DIFF_BYTES = 1024 * 1024;

const named =
  (operation: CheckpointError["operation"], { workspace }: OfThread) =>
  <A>(effect: Effect.Effect<A, Failure>): Effect.Effect<A, CheckpointError> =>
    Effect.mapError(
      effect,
      ({ reason, message, detail }) => new CheckpointError({ operation, workspace, reason, message, detail }),
    );

const IDENTITY = {
  GIT_AUTHOR_NAME: "heddle",
  GIT_AUTHOR_EMAIL: "heddle@localhost",
  GIT_COMMITTER_NAME: "heddle",
  GIT_COMMITTER_EMAIL: "heddle@localhost",
};

const commit = Effect.fn("CheckpointStore.commit")(function* (
  workspace: Workspace,
  tree: string,
  message: string,
  parent: string | undefined,
) {
  const date = `@${Math.floor((yield* Clock.currentTimeMillis) / 1000)} +0000`;
  const env = { ...IDENTITY, GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date };
  const args = ["commit-tree", tree, ...(parent === undefined ? [] : ["-p", parent])];
  return (yield* gitText(workspace.store, args, { env, input: message })).trimEnd();
});

const take = Effect.fn("CheckpointStore.take")(function* (
  workspace: Workspace,
  { threadId, turnCount, moment }: Omit<CaptureInput, "workspace">,
) {
  const ref = refName(threadId, turnCount, moment);
  const refs = yield* readRefs(workspace.refs, threadId);
  const tree = yield* writeTree(workspace);
  const message = `Checkpoint\n\nThread: ${threadId}\nTurn: ${turnCount}\nMoment: ${moment}\n`;
  // A revert that is tried again saves a state half taken back; the state before it stays within reach.
  const parent = moment === "before-revert" ? refs.get(ref) : undefined;
  const drop = moment === "start" ? supersededBy(refs, threadId, turnCount) : [];
  yield* rememberThread(workspace, threadId);
  const id = yield* commit(workspace, tree, message, parent);
  yield* writeRefs(workspace.refs, { set: [ref, id], drop });
  return { ref, commit: id };
});

const missing = (turnCount: number, moment: "start" | "end", advice: string) =>
  new Failure({
    reason: "missing",
    message: `There is no checkpoint of the ${moment} of turn ${turnCount}. ${advice}`,
    detail: "",
  });

const compare = Effect.fn("CheckpointStore.compare")(function* (workspace: Workspace, input: DiffInput) {
  const { threadId, fromTurnCount, toTurnCount } = input;
  if (fromTurnCount >= toTurnCount) return { diff: "", files: [] };
  const refs = yield* readRefs(workspace.refs, threadId);
  const from = refs.get(refName(threadId, fromTurnCount + 1, "start"));
  if (from === undefined) {
    return yield* missing(fromTurnCount + 1, "start", "Ask for the changes since another turn.");
  }
  const to = refs.get(refName(threadId, toTurnCount, "end"));
  if (to === undefined) {
    return yield* missing(
      toTurnCount,
      "end",
      "The turn is still running, or was cut off. Ask for the changes up to another turn.",
    );
  }
  const [files, diff] = yield* Effect.all(
    [
      filesBetween(workspace, from, to),
      patchBetween(workspace, from, to, input.maxBytes ?? DEFAULT_DIFF_BYTES),
    ],
    { concurrency: "unbounded" },
  );
  return { diff, files };
});

interface TurnBounds {
  readonly start: string;
  /** `undefined`: not recorded, and nothing was recorded since. */
  readonly end: string | undefined;
}

const boundsOf = Effect.fnUntraced(function* (
  refs: ReadonlyMap<string, string>,
  threadId: ThreadId,
  turn: number,
): Effect.fn.Return<TurnBounds, Failure> {
  const start = refs.get(refName(threadId, turn, "start"));
  if (start === undefined) {
    const advice = `What it changed is not known; turn ${turn} and later ones can still be gone back to.`;
    return yield* missing(turn, "start", advice);
  }
  // A turn that was cut off has no end: whatever came before the next turn counts as its own.
  const end = refs.get(refName(threadId, turn, "end")) ?? refs.get(refName(threadId, turn + 1, "start"));
  return { start, end };
});

const goBack = Effect.fn("CheckpointStore.goBack")(function* (workspace: Workspace, input: RevertInput) {
  const { threadId, turnCount, latestTurnCount } = input;
  // 1. The turns to undo. One that cannot be undone is known before anything is touched.
  const refs = yield* readRefs(workspace.refs, threadId);
  const count = Math.max(0, latestTurnCount - turnCount);
  const turns = Array.from({ length: count }, (_, index) => turnCount + 1 + index);
  const bounds = yield* Effect.forEach(turns, (turn) => boundsOf(refs, threadId, turn));
  // 2. What is there now, so that nothing is lost.
  const safety = yield* take(workspace, { threadId, turnCount: latestTurnCount, moment: "before-revert" });
  // 3. What each turn changed.
  const changes = yield* Effect.forEach(bounds, ({ start, end }) =>
    changesBetween(workspace, start, end ?? safety.commit),
  );
  // 4. Each path as the first of those turns found it.
  const held = yield* entriesOf(workspace, safety.commit);
  const restored = yield* restore(workspace, beforeTurns(changes), held);
  return { ...restored, safetyRef: safety.ref };
});

/**
 * Records and restores the files of workspaces with git.
 *
 * Details: every operation but `diff` has its workspace for itself; a second one waits. One process owns `dataDir`.
 * Neither capture nor revert touches the person's index, HEAD, branches, stash or reflogs, and nothing that the
 * repository configures is run.
 */
export class CheckpointStore extends Context.Service<
  CheckpointStore,
  {
    /**
     * Records the workspace's files and gives the ref. The same thread, turn and moment again replaces the ref; a
     * `start` also ends what is recorded of its turn's end and of later turns, which a revert went back before.
     * What is recorded: see `writeTree`.
     */
    readonly capture: (input: CaptureInput) => Effect.Effect<CheckpointRef, CheckpointError>;
    /**
     * What differs from the start of turn `fromTurnCount + 1` to the end of turn `toTurnCount`; empty where the first
     * is not less than the second. Fails with `missing` where one of the two was not recorded.
     */
    readonly diff: (input: DiffInput) => Effect.Effect<Diff, CheckpointError>;
    /**
     * Takes the workspace back to the end of turn `turnCount` (0: before the first) by undoing the later turns: every
     * path that one of them changed gets what it held at the start of the first that did. All else stays: other
     * files, the index, the branch. A `before-revert` checkpoint comes first. Of a turn without an end, what came
     * before the next turn's start, or before this revert, counts as its own; without a start, fails with `missing`
     * and restores nothing. Safe to do again.
     */
    readonly revert: (input: RevertInput) => Effect.Effect<Reverted, CheckpointError>;
    /** Deletes all that is kept of a thread. Also where the workspace is gone, as a worktree that was removed. */
    readonly prune: (input: OfThread) => Effect.Effect<void, CheckpointError>;
  }
>()("heddle/checkpoints/CheckpointStore") {
  /** `dataDir`: indexes kept between captures and shadow repositories live in `checkpoints` below it. */
  static readonly layer = (options: { readonly dataDir: string }) =>
    Layer.effect(
      CheckpointStore,
      Effect.gen(function* () {
        const locks = yield* RcMap.make({ lookup: (_root: string) => Semaphore.make(1) });
        const exclusively = <A, E>(root: string, effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
          Effect.scoped(Effect.flatMap(RcMap.get(locks, root), (lock) => lock.withPermit(effect)));

        const dataDir = attempt(`make ${options.dataDir}`, async () => {
          await mkdir(options.dataDir, { recursive: true, mode: 0o700 });
          return realpath(options.dataDir);
        });

        const inWorkspace = Effect.fnUntraced(function* <A>(
          { workspace }: OfThread,
          use: (workspace: Workspace) => Effect.Effect<A, Failure>,
        ) {
          const root = yield* realDirectory(workspace);
          return yield* exclusively(root, Effect.flatMap(openWorkspace(yield* dataDir, root), use));
        });

        return CheckpointStore.of({
          capture: Effect.fn("CheckpointStore.capture")((input) =>
            inWorkspace(input, (workspace) => Effect.map(take(workspace, input), ({ ref }) => ref)).pipe(
              named("capture", input),
            ),
          ),
          diff: Effect.fn("CheckpointStore.diff")((input) =>
            // Checkpoints do not change, so a long comparison keeps no capture waiting.
            inWorkspace(input, Effect.succeed).pipe(
              Effect.flatMap((workspace) => compare(workspace, input)),
              named("diff", input),
            ),
          ),
          revert: Effect.fn("CheckpointStore.revert")((input) =>
            inWorkspace(input, (workspace) => goBack(workspace, input)).pipe(named("revert", input)),
          ),
          prune: Effect.fn("CheckpointStore.prune")((input) =>
            formerDirectory(input.workspace).pipe(
              Effect.flatMap((root) =>
                exclusively(
                  root,
                  Effect.flatMap(dataDir, (dir) => forgetThread(dir, root, input.threadId)),
                ),
              ),
              named("prune", input),
            ),
          ),
        });
      }),
    );
}
