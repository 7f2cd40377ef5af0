/** The methods that keep the database small, and what they do to the rest of the server. */
import { CheckpointStore } from "@heddle/checkpoints/CheckpointStore";
import { Worktrees } from "@heddle/checkpoints/Worktrees";
import { ThreadId } from "@heddle/contracts/Ids";
import { PruneDatabaseInput, RetentionRpcs } from "@heddle/contracts/RetentionRpc";
import { Engine } from "@heddle/orchestrator/Engine";
import { Feed } from "@heddle/orchestrator/Feed";
import { Prune } from "@heddle/replay/retention/Prune";
import { PruneThread } from "@heddle/replay/retention/PruneThread";
import { finishRestore } from "@heddle/replay/database/Restore";
import { removeShadow } from "@heddle/replay/rebuild/ShadowFile";
import { Clock, Effect, Layer, Schema, Stream } from "effect";
import { type DataDirectory, DataDirectoryError } from "./DataDirectory.ts";
import { inputOf, invalid } from "./Input.ts";
import { shadowFile } from "./ProjectionJobs.ts";

const PRUNE = "orchestration.pruneDatabase";
const VACUUM = "orchestration.vacuumDatabase";

const pruneInput = inputOf(PRUNE, PruneDatabaseInput);
const vacuumInput = inputOf(VACUUM, Schema.Struct({}));

const DAY_MILLIS = 24 * 60 * 60 * 1000;

/** A restore that was killed after it had begun is brought to its end before the database is opened. */
export const endRestore = ({ database }: DataDirectory) =>
  finishRestore(database).pipe(
    Effect.tap((was) =>
      was ? Effect.logInfo("A restore that was cut short was brought to its end.") : Effect.void,
    ),
    Effect.mapError(({ path, message }) => new DataDirectoryError({ path, message })),
  );

/** Prunes of the server's database: who else writes, and what must forget a thread that goes. */
export const pruneLayer = (directory: DataDirectory) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const engine = yield* Engine;
      const feed = yield* Feed;
      const checkpoints = yield* CheckpointStore;
      const worktrees = yield* Worktrees;
      return Prune.layer({
        exclusively: engine.exclusively,
        threadHidden: (threadId) => {
          engine.forgetThread(threadId);
          feed.forgetRecent();
        },
        removeCheckpoints: ({ threadId, checkpointsIn }) =>
          checkpoints.prune({ workspace: checkpointsIn ?? "", threadId: ThreadId.make(threadId) }).pipe(
            Effect.andThen(
              worktrees.remove({ threadId: ThreadId.make(threadId), root: checkpointsIn ?? undefined }),
            ),
            Effect.tap(({ left }) =>
              Effect.forEach(left, ({ name, why }) =>
                Effect.logWarning(`Thread ${threadId} was pruned; ${name} was left: ${why}`),
              ),
            ),
            Effect.as(undefined),
            Effect.catchTag(["CheckpointError", "WorktreeError"], ({ message }) => Effect.succeed(message)),
          ),
        dropShadow: removeShadow(shadowFile(directory)),
      });
    }),
  ).pipe(Layer.provide(PruneThread.layer(directory.database)));

export const retentionHandlers = Effect.gen(function* () {
  const { prune, vacuum } = yield* Prune;

  /** What the schema cannot say: an archive is named or done without, and receipts of today stay. */
  const checked = Effect.fnUntraced(function* (input: PruneDatabaseInput) {
    const { archive, dryRun, deletedBefore, archivedBefore, threadIds, receiptsBefore } = input;
    const takesThreads = deletedBefore !== undefined || archivedBefore !== undefined || threadIds.length > 0;
    if (takesThreads && archive === undefined && !dryRun) {
      return yield* invalid(PRUNE, [
        { path: "archive", message: "Expected a file for the threads, or null to keep them nowhere" },
      ]);
    }
    const now = yield* Clock.currentTimeMillis;
    if (receiptsBefore !== undefined && Date.parse(receiptsBefore) > now - DAY_MILLIS) {
      return yield* invalid(PRUNE, [
        { path: "receiptsBefore", message: "Expected a moment that is a day ago, or longer" },
      ]);
    }
    return input;
  });

  return RetentionRpcs.of({
    [PRUNE]: (payload) => pruneInput(payload).pipe(Effect.flatMap(checked), Effect.map(prune), Stream.unwrap),
    [VACUUM]: (payload) => Stream.unwrap(Effect.as(vacuumInput(payload), vacuum)),
  });
});
