/** How a session's turns end, and the session itself: what is recorded, and in which order. */
import type { ProviderRuntimeEvent } from "@heddle/contracts/ProviderRuntimeEvent";
import type { SessionRuntime, SessionRuntimeStatus } from "@heddle/event-store/SessionRuntime";
import { Deferred, Effect, Schedule } from "effect";
import { commandIdFrom } from "./DerivedId.ts";
import type { Engine } from "./Engine.ts";
import type { CommandError, Origin } from "./GroupWriter.ts";
import type { LiveSession } from "./LiveSession.ts";
import type { SessionEnding } from "./SessionEnding.ts";
import type { TurnCheckpoints } from "./TurnCheckpoints.ts";

/** A database that fails is waited for, as on a full disk; a thread that cannot be read stays so. */
export const untilStored = {
  schedule: Schedule.spaced("1 second"),
  while: (error: CommandError) => error._tag === "StoreUnavailable" && error.operation !== "load",
};
/** The end can be said without it. */
const ifStored = { ...untilStored, times: 600 };

export const sessionFinish = (
  engine: Engine["Service"],
  runtime: SessionRuntime["Service"],
  checkpoints: TurnCheckpoints["Service"],
) => {
  const setRuntimeStatus = (session: LiveSession, status: SessionRuntimeStatus) => {
    const { providerSessionId } = session.ingest.ids();
    return providerSessionId === undefined
      ? Effect.void
      : runtime.setStatus(providerSessionId, status).pipe(notStored("The session's state"));
  };

  /** With what the next process goes on; the one of another thread never is this one's. */
  const rememberCursor = (session: LiveSession) => {
    const { providerSessionId } = session.ingest.ids();
    const { resumeCursor } = session.agent;
    const ofSource = session.resumed?.fork === true && same(session.resumed.cursor, resumeCursor);
    return providerSessionId === undefined || ofSource
      ? Effect.void
      : runtime.setCursor(providerSessionId, resumeCursor).pipe(notStored("How to resume the session"));
  };

  const captureEnd = (session: LiveSession, origin: Origin) => {
    const turn = session.ingest.currentTurn();
    if (!turn) return Effect.void;
    const { threadId, workspace } = session;
    const assistantMessageId = session.ingest.assistantMessageId();
    return checkpoints
      .captureEnd(
        { threadId, workspace, assistantMessageId, turnId: turn.turnId, turnCount: turn.turnCount },
        origin,
      )
      .pipe(Effect.catchTag("CommandRejected", ignoreRejected));
  };

  const settleTurn = (session: LiveSession) => {
    const ended = session.turnEnded;
    session.turnEnded = undefined;
    session.completing = false;
    return ended ? Deferred.succeed(ended, undefined) : Effect.void;
  };

  return {
    rememberCursor,
    settleTurn,
    /** The turn's last words are in; its usage and its files are recorded, and then it is over. */
    turn: Effect.fnUntraced(function* (
      session: LiveSession,
      event: Extract<ProviderRuntimeEvent, { type: "turn.completed" }>,
    ) {
      const turn = session.ingest.currentTurn();
      if (!turn) return;
      session.completing = true;
      const origin = yield* session.ingest.origin(event);
      yield* session.ingest.settleUsage;
      yield* captureEnd(session, origin);
      yield* rememberCursor(session);
      session.ingest.endTurn();
      yield* engine
        .dispatch(
          {
            type: "thread.turn.complete",
            commandId: commandIdFrom("turn-complete", turn.turnId),
            threadId: session.threadId,
            turnId: turn.turnId,
            status: event.status,
            reason: event.reason ?? null,
          },
          origin,
        )
        .pipe(Effect.catchTag("CommandRejected", ignoreRejected));
      yield* settleTurn(session);
    }),
    /** The process is gone, for whatever reason: what was open in it ends, in one commit. */
    session: Effect.fnUntraced(function* (session: LiveSession, exited: SessionEnding) {
      const { threadId, ingest } = session;
      session.ending ??= exited;
      const origin = yield* ingest.origin();
      yield* Effect.retry(ingest.settleUsage, ifStored).pipe(notStored("What the turn used"));
      yield* Effect.retry(captureEnd(session, origin), ifStored).pipe(notStored("The turn's checkpoint"));
      const turnId = ingest.currentTurn()?.turnId;
      ingest.endTurn();
      // A person may have wanted more meanwhile than what it ended for; from here on it stands.
      const ending = session.ending;
      yield* engine
        .dispatch(
          {
            type: "thread.session.end",
            commandId: commandIdFrom("session-end", threadId, ingest.instance, turnId ?? ""),
            threadId,
            ...ending,
          },
          { ...origin, actor: "server" },
        )
        .pipe(
          // Until then the thread shows it as alive.
          Effect.retry(untilStored),
          Effect.catchTag("CommandRejected", ignoreRejected),
        );
      session.recorded = ending;
      yield* setRuntimeStatus(session, ending.status === "error" ? "error" : "stopped");
    }),
  };
};

const same = (left: unknown, right: unknown): boolean => JSON.stringify(left) === JSON.stringify(right);

const notStored =
  (what: string) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    effect.pipe(
      Effect.asVoid,
      Effect.catch((error) => Effect.logError(`${what} was not stored`, error)),
    );

const ignoreRejected = (rejected: { readonly message: string }) =>
  Effect.logDebug(`The thread took it no more: ${rejected.message}`);
