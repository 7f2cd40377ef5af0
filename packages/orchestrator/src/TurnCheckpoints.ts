/** Checkpoints at a turn's start and end, and the diffs between them (SPEC sections 5 and 7.1). */
import { CheckpointStore } from "@heddle/checkpoints/CheckpointStore";
import { DiffUnavailable, NotFound } from "@heddle/contracts/Errors";
import { CheckpointRef, type MessageId, type ThreadId, type TurnId } from "@heddle/contracts/Ids";
import type { CheckpointFile } from "@heddle/contracts/Model";
import { DiffBlobs, type DiffRange } from "@heddle/event-store/DiffBlobs";
import { Queries } from "@heddle/projections/Queries";
import { Context, Effect, Layer } from "effect";
import type { CommandError, Origin } from "./GroupWriter.ts";
import { commandIdFrom } from "./DerivedId.ts";
import { Engine } from "./Engine.ts";
import { resolveWorkspace } from "./Workspace.ts";

/** A turn's end does not wait longer than this for git; its checkpoint is then missing. */
const CAPTURE_DEADLINE = "20 seconds";

export interface EndedTurn {
  readonly threadId: ThreadId;
  readonly turnId: TurnId;
  readonly turnCount: number;
  readonly workspace: string;
  readonly assistantMessageId: MessageId | null;
}

export class TurnCheckpoints extends Context.Service<
  TurnCheckpoints,
  {
    /** Records the files as they are before the turn. False, and a line in the log, where git could not. */
    readonly captureStart: (
      threadId: ThreadId,
      turnCount: number,
      workspace: string,
    ) => Effect.Effect<boolean>;
    /** Records the files at the turn's end, keeps the turn's diff, and says both with `thread.turn-diff-completed`. */
    readonly captureEnd: (turn: EndedTurn, origin: Origin) => Effect.Effect<void, CommandError>;
    /**
     * The diff of a range of turns. One that is not kept yet (a range of several turns) is made once by git and kept;
     * the answer always comes from `checkpoint_diff_blobs`.
     */
    readonly diff: (
      range: DiffRange,
    ) => Effect.Effect<
      string,
      DiffUnavailable | NotFound | Effect.Error<ReturnType<DiffBlobs["Service"]["find"]>>
    >;
  }
>()("heddle/orchestrator/TurnCheckpoints") {
  static readonly layer = Layer.effect(
    TurnCheckpoints,
    Effect.gen(function* () {
      const checkpoints = yield* CheckpointStore;
      const blobs = yield* DiffBlobs;
      const queries = yield* Queries;
      const engine = yield* Engine;

      const captured = Effect.fnUntraced(function* (turn: EndedTurn) {
        const { threadId, turnCount, workspace } = turn;
        const ref = yield* checkpoints.capture({ workspace, threadId, turnCount, moment: "end" });
        const range = { threadId, fromTurnCount: turnCount - 1, toTurnCount: turnCount };
        const { diff, files } = yield* checkpoints.diff({ workspace, ...range });
        yield* blobs.put(range, diff);
        return { checkpointRef: ref, status: "ready" as const, files };
      });

      const captureEnd = Effect.fn("TurnCheckpoints.captureEnd")(function* (turn: EndedTurn, origin: Origin) {
        const { threadId, turnId, turnCount, assistantMessageId } = turn;
        const missing = (status: "missing" | "error") => ({
          checkpointRef: CheckpointRef.make(""),
          status,
          files: [] as ReadonlyArray<CheckpointFile>,
        });
        const result = yield* captured(turn).pipe(
          Effect.timeoutOrElse({
            duration: CAPTURE_DEADLINE,
            orElse: () => Effect.succeed(missing("missing")),
          }),
          Effect.catchTag(["CheckpointError", "SqlError"], (error) =>
            Effect.as(
              Effect.logWarning(`No checkpoint of turn ${turnCount} of thread ${threadId}: ${error.message}`),
              missing("error"),
            ),
          ),
        );
        yield* (
          engine
            .dispatch(
              {
                type: "thread.turn.diff.complete",
                commandId: commandIdFrom("diff", turnId),
                threadId,
                turnId,
                turnCount,
                assistantMessageId,
                ...result,
              },
              origin,
            )
            // It was recorded before a crash or a failed write; the first record stands.
            .pipe(Effect.catchTag("CommandIdConflict", (conflict) => Effect.logDebug(conflict.message)))
        );
      });

      const makeRange = Effect.fnUntraced(function* (range: DiffRange) {
        const thread = yield* queries.thread(range.threadId);
        const project = thread && (yield* queries.project(thread.projectId));
        const turns = yield* queries.turnCount(range.threadId);
        if (!thread || !project) {
          const message = "There is no such thread.";
          return yield* new NotFound({ kind: "thread", id: range.threadId, message });
        }
        if (range.toTurnCount > turns || range.fromTurnCount > range.toTurnCount) {
          const message = `The thread has turns 1 to ${turns}; a range goes from 0 ≤ fromTurnCount ≤ toTurnCount ≤ ${turns}.`;
          return yield* new DiffUnavailable({ message });
        }
        const workspace = yield* resolveWorkspace(project, thread.worktreePath);
        const { diff } = yield* checkpoints.diff({ workspace, ...range });
        yield* blobs.put(range, diff);
      });

      return TurnCheckpoints.of({
        captureStart: (threadId, turnCount, workspace) =>
          checkpoints.capture({ workspace, threadId, turnCount, moment: "start" }).pipe(
            Effect.as(true),
            Effect.catchTag("CheckpointError", (error) =>
              Effect.as(
                Effect.logWarning(
                  `No checkpoint before turn ${turnCount} of thread ${threadId}: ${error.message}`,
                ),
                false,
              ),
            ),
          ),
        captureEnd,
        diff: Effect.fn("TurnCheckpoints.diff")(function* (range) {
          const kept = yield* blobs.find(range);
          if (kept !== undefined) return kept;
          yield* makeRange(range).pipe(
            Effect.catchTag(["CheckpointError", "WorkspaceUnavailable", "SchemaError"], (error) =>
              Effect.fail(new DiffUnavailable({ message: error.message })),
            ),
          );
          return (yield* blobs.find(range)) ?? "";
        }),
      });
    }),
  );
}
