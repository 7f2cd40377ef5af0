/**
 * What is given up leaves nothing half done: whatever waited for the effect ends, or is asked again, and the thread shows
 * what is true. May be done again after a crash.
 */
import type { ThreadId } from "@heddle/contracts/Ids";
import type { Reaction } from "@heddle/domain/Reaction";
import { Effect } from "effect";
import type { AgentSessions } from "./AgentSessions.ts";
import { commandIdFrom } from "./DerivedId.ts";
import type { Engine } from "./Engine.ts";
import type { CommandError, Origin } from "./GroupWriter.ts";
import { modeRefused, replaced, stoppedByPerson, unheeded } from "./SessionEnding.ts";
import type { TurnStarter } from "./TurnStarter.ts";

type Of<Kind extends Reaction["kind"]> = Extract<Reaction, { kind: Kind }>;
type Say = (threadId: ThreadId, origin: Origin, reason: string) => Effect.Effect<unknown, CommandError>;

export interface GivingUp {
  readonly engine: Engine["Service"];
  readonly sessions: AgentSessions["Service"];
  readonly starter: TurnStarter["Service"];
  readonly failRevert: Say;
  readonly sayNoWorktree: Say;
}

export const makeGiveUp = ({ engine, sessions, starter, failRevert, sayNoWorktree }: GivingUp) => {
  /** The process is ended by force, and if it is not there, the turn ends all the same. */
  const endTurn = Effect.fnUntraced(function* ({ threadId, turnId }: Of<"turn.interrupt">, origin: Origin) {
    if (sessions.get(threadId)?.ingest.currentTurn()?.turnId === turnId)
      yield* sessions.end(threadId, unheeded);
    yield* engine.dispatch(
      {
        type: "thread.turn.complete",
        commandId: commandIdFrom("interrupt-forced", turnId),
        threadId,
        turnId,
        status: "interrupted",
        reason: unheeded.reason,
      },
      origin,
    );
  });

  /** The agent still waits for an answer, or nobody does. */
  const askAgain = Effect.fnUntraced(function* (
    { kind, threadId, requestId }: Of<"approval.respond"> | Of<"user-input.respond">,
    origin: Origin,
    reason: string,
  ) {
    const live = sessions.get(threadId);
    if (live && (yield* live.ingest.reopen(requestId, reason))) return;
    yield* engine.dispatch(
      {
        type: kind === "approval.respond" ? "thread.approval.resolve" : "thread.user-input.resolve",
        commandId: commandIdFrom("request-expired", requestId),
        threadId,
        requestId,
        outcome: "expired",
      },
      origin,
    );
  });

  const sayNotSteered = ({ threadId, messageId }: Of<"turn.steer">, origin: Origin, reason: string) =>
    engine.dispatch(
      {
        type: "thread.activity.append",
        commandId: commandIdFrom("steer-failed", messageId),
        threadId,
        turnId: null,
        tone: "error",
        kind: "steer.failed",
        summary: "The agent could not be given this prompt; send it again",
        detail: { messageId, reason },
      },
      origin,
    );

  const giveUp = (
    reaction: Reaction,
    origin: Origin,
    reason: string,
  ): Effect.Effect<unknown, CommandError> => {
    switch (reaction.kind) {
      case "turn.start":
        return starter.fail(reaction, origin, reason);
      case "turn.steer":
        return sayNotSteered(reaction, origin, reason);
      case "turn.interrupt":
        return endTurn(reaction, origin);
      case "approval.respond":
      case "user-input.respond":
        return askAgain(reaction, origin, reason);
      case "runtime-mode.apply":
        // What runs on in the old mode may do what a person no longer allows.
        return sessions.end(reaction.threadId, modeRefused(reaction.runtimeMode, reason));
      case "checkpoint.revert":
        return failRevert(reaction.threadId, origin, reason);
      case "session.stop":
        return endSession(reaction.threadId, origin);
      case "worktree.make":
        return sayNoWorktree(reaction.threadId, origin, reason);
      case "thread.clean-up":
        return sessions.end(reaction.threadId, replaced);
      default:
        return Effect.logError(`Given up: ${reaction.kind}. ${reason}`);
    }
  };

  const endSession = Effect.fnUntraced(function* (threadId: ThreadId, origin: Origin) {
    if (yield* sessions.end(threadId, stoppedByPerson)) return;
    const commandId = commandIdFrom("session-stop", origin.causationEventId ?? threadId);
    yield* engine.dispatch({ type: "thread.session.end", commandId, threadId, ...stoppedByPerson }, origin);
  });

  return (reaction: Reaction, origin: Origin, reason: string): Effect.Effect<void, CommandError> =>
    giveUp(reaction, origin, reason).pipe(
      Effect.asVoid,
      // The thread was deleted, or it is over without us; or it was said before, in other words.
      Effect.catchTag(["CommandRejected", "CommandIdConflict"], ({ message }) => Effect.logDebug(message)),
    );
};
