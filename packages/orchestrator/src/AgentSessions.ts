/**
 * The agents' processes: at most one per thread. A session starts with the thread's next turn, stays for those after, and
 * ends by a stop, by its process's end, or with the server; its turn and its open requests end with it.
 */
import type { ProviderRuntimeEvent } from "@heddle/contracts/ProviderRuntimeEvent";
import { EventId, type ThreadId, type TurnId } from "@heddle/contracts/Ids";
import type { ModelSelection } from "@heddle/contracts/Model";
import type { ThreadSummary } from "@heddle/contracts/ReadModel";
import { SessionRuntime, type SessionRuntimeStatus } from "@heddle/event-store/SessionRuntime";
import { type AgentSession, type ProviderError, Providers } from "@heddle/providers/shared/Provider";
import {
  Cause,
  Context,
  Deferred,
  Effect,
  Exit,
  Fiber,
  Layer,
  Schedule,
  Scope,
  Semaphore,
  Stream,
} from "effect";
import { type AgentIngest, inSmallSlices, makeAgentIngest } from "./AgentIngest.ts";
import { commandIdFrom } from "./DerivedId.ts";
import { Engine } from "./Engine.ts";
import { Feed } from "./Feed.ts";
import type { CommandError, Origin } from "./GroupWriter.ts";
import { exitOf, notRecorded, type SessionEnding, stoppedWhileStarting } from "./SessionEnding.ts";
import { sessionRecord, type SessionStarted } from "./SessionRecord.ts";
import { TurnCheckpoints } from "./TurnCheckpoints.ts";

/** How an interrupted turn's agent is waited for before its process is ended. */
const INTERRUPT_DEADLINE = "5 seconds";
/** A thread whose session's end is not stored shows it as alive: a database that fails for a moment is waited for. */
const untilStored = {
  schedule: Schedule.spaced("1 second"),
  times: 20,
  while: (error: CommandError) => error._tag === "StoreUnavailable",
};

export interface LiveSession {
  readonly threadId: ThreadId;
  readonly providerName: string;
  /** What the agent was told last. */
  model: ModelSelection;
  readonly workspace: string;
  readonly agent: AgentSession;
  readonly ingest: AgentIngest;
  /** Settled when the turn that runs has ended. */
  turnEnded: Deferred.Deferred<void> | undefined;
  /** Why the process is being ended by us, or undefined where it ends by itself. */
  ending: SessionEnding | undefined;
  readonly scope: Scope.Closeable;
  readonly closed: Deferred.Deferred<void>;
}

export type SessionFailure =
  | CommandError
  | ProviderError
  | Effect.Error<ReturnType<SessionRuntime["Service"]["put"]>>;

export class AgentSessions extends Context.Service<
  AgentSessions,
  {
    /** The thread's session, unless there is none or it is ending. */
    readonly get: (threadId: ThreadId) => LiveSession | undefined;
    /** The thread's session, started where there is none, or where it is of another agent or in another folder. */
    readonly ensure: (
      thread: ThreadSummary,
      model: ModelSelection,
      workspace: string,
      origin: Origin,
    ) => Effect.Effect<LiveSession, SessionFailure>;
    /** Begins the turn in the log and hands its prompt over. */
    readonly begin: (
      session: LiveSession,
      turn: { readonly turnId: TurnId; readonly turnCount: number },
      prompt: Parameters<AgentSession["prompt"]>[0],
      origin: Origin,
    ) => Effect.Effect<void, CommandError | ProviderError>;
    /** Asks the turn to end; if the agent does not, its process is ended. */
    readonly interrupt: (session: LiveSession, turnId: TurnId) => Effect.Effect<void>;
    /**
     * Ends the thread's process and waits for its end; the turn and the open requests end with it, in one commit. False
     * where there was none.
     */
    readonly end: (threadId: ThreadId, ending: SessionEnding) => Effect.Effect<boolean>;
  }
>()("heddle/orchestrator/AgentSessions") {
  static readonly layer = Layer.effect(AgentSessions, Effect.suspend(make));
}

function make() {
  return Effect.gen(function* () {
    const engine = yield* Engine;
    const feed = yield* Feed;
    const providers = yield* Providers;
    const runtime = yield* SessionRuntime;
    const checkpoints = yield* TurnCheckpoints;
    const record = sessionRecord(engine, runtime);
    const sessions = new Map<ThreadId, LiveSession>();
    const starts = new Map<ThreadId, Fiber.Fiber<LiveSession, SessionFailure>>();
    const starting = yield* Semaphore.make(8);

    const setRuntimeStatus = (session: LiveSession, status: SessionRuntimeStatus) => {
      const { providerSessionId } = session.ingest.ids();
      return providerSessionId === undefined
        ? Effect.void
        : runtime
            .setStatus(providerSessionId, status)
            .pipe(Effect.catch((error) => Effect.logError("The session's state was not stored", error)));
    };

    /** The turn's last words are in; its files are recorded, and then it is over. */
    const finishTurn = Effect.fnUntraced(function* (
      session: LiveSession,
      event: Extract<ProviderRuntimeEvent, { type: "turn.completed" }>,
    ) {
      const turn = session.ingest.currentTurn();
      if (!turn) return;
      const origin = yield* session.ingest.origin(event);
      yield* captureEnd(session, origin);
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
    });

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
      return ended ? Deferred.succeed(ended, undefined) : Effect.void;
    };

    /** The process is gone, for whatever reason: what was open in it ends, in one commit. */
    const finishSession = Effect.fnUntraced(function* (session: LiveSession, exited: SessionEnding) {
      const { threadId, ingest } = session;
      session.ending ??= exited;
      const { ending } = session;
      const origin = yield* ingest.origin();
      yield* Effect.retry(captureEnd(session, origin), untilStored);
      const turnId = ingest.currentTurn()?.turnId;
      ingest.endTurn();
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
        .pipe(Effect.retry(untilStored), Effect.catchTag("CommandRejected", ignoreRejected));
      yield* setRuntimeStatus(session, ending.status === "error" ? "error" : "stopped");
      yield* settleTurn(session);
    });

    /** Only now may another session of the thread start: the end of this one must not end that one's turn. */
    const forget = (session: LiveSession) =>
      Effect.suspend(() => {
        sessions.delete(session.threadId);
        return Deferred.succeed(session.closed, undefined);
      });

    const run = (session: LiveSession) => {
      let last: SessionEnding = exitOf(undefined);
      return session.agent.events.pipe(
        Stream.runForEach((event) =>
          Effect.gen(function* () {
            yield* session.ingest.take(event);
            // A session that is being ended takes its turn with it, and starts no queued one.
            if (event.type === "turn.completed" && !session.ending) yield* finishTurn(session, event);
            if (event.type === "session.exited") last = exitOf(event);
          }),
        ),
        inSmallSlices,
        Effect.catchCause((cause) =>
          Effect.logError(`The session of thread ${session.threadId} ended on an error`, cause),
        ),
        Effect.andThen(Effect.suspend(() => finishSession(session, last))),
        Effect.catchCause((cause) =>
          Effect.logError(`The end of the session of thread ${session.threadId} was not stored`, cause),
        ),
        Effect.andThen(Scope.close(session.scope, Exit.void)),
        Effect.ensuring(forget(session)),
      );
    };

    const end = Effect.fn("AgentSessions.end")(function* (threadId: ThreadId, ending: SessionEnding) {
      const start = starts.get(threadId);
      if (start) yield* Fiber.interrupt(start);
      const session = sessions.get(threadId);
      if (!session) return false;
      session.ending ??= ending;
      // Closing the scope ends the process; its last event is `session.exited`, and `run` does the rest.
      yield* Scope.close(session.scope, Exit.void);
      yield* Deferred.await(session.closed);
      return true;
    });

    const start = Effect.fn("AgentSessions.start")(function* (
      thread: ThreadSummary,
      model: ModelSelection,
      workspace: string,
      origin: Origin,
    ) {
      const { threadId } = thread;
      // Of its own: the layer's finalizer below ends sessions in order, with a word in the log for each.
      const scope = yield* Scope.make();
      const key = origin.causationEventId ?? threadId;
      yield* record.starting(threadId, model, key, origin);
      const previous = yield* runtime.latest(threadId);
      const resume = previous?.providerName === model.provider ? previous.resumeCursor : null;
      const input = { cwd: workspace, runtimeMode: thread.runtimeMode, model };
      const startAgent = providers.start({ ...input, ...(resume !== null && { resume }) }).pipe(
        Scope.provide(scope),
        Effect.tapError((error) => record.failed(threadId, model, key, origin, error)),
      );
      const started = yield* Deferred.make<SessionStarted>();
      // From its process's start until somebody waits for its end, it must not be lost to an interrupt.
      const session = yield* Effect.uninterruptibleMask((restore) =>
        Effect.gen(function* () {
          // An interrupt may come between the process and the word that it is there.
          const agent = yield* Effect.onError(restore(startAgent), (cause) =>
            Scope.close(scope, Exit.failCause(cause)),
          );
          const ingest = yield* makeAgentIngest({
            threadId,
            engine,
            feed,
            scope,
            adapterKey: agent.adapterKey,
            // By the mark, not by the pid: a start that a crash cut short comes again with the same cause, and pids come back.
            instance: `${key}/${agent.processMark}`,
            startedBy: origin,
            onStarted: (event) => Deferred.doneUnsafe(started, Effect.succeed(event)),
          });
          const live: LiveSession = {
            threadId,
            providerName: model.provider,
            model,
            workspace,
            agent,
            ingest,
            turnEnded: undefined,
            ending: undefined,
            scope,
            closed: yield* Deferred.make<void>(),
          };
          sessions.set(threadId, live);
          // In no scope: it must outlive the process to record its end.
          yield* Effect.forkDetach(run(live));
          return live;
        }),
      );
      yield* record.ready({ session, started, previous, key, origin }).pipe(
        // A process that nobody knows of would outlive a crash.
        Effect.tapError(() => {
          session.ending ??= notRecorded;
          return Effect.andThen(Scope.close(scope, Exit.void), Deferred.await(session.closed));
        }),
      );
      return session;
    });

    yield* Effect.addFinalizer(() =>
      Effect.forEach(
        [...sessions.values()],
        (session) =>
          end(session.threadId, {
            status: session.ingest.currentTurn() ? "interrupted" : "stopped",
            turnStatus: "interrupted",
            reason: "The server stopped.",
            waiting: "continue",
          }),
        { concurrency: "unbounded", discard: true },
      ),
    );

    return AgentSessions.of({
      get: (threadId) => {
        const session = sessions.get(threadId);
        return session?.ending ? undefined : session;
      },
      ensure: Effect.fnUntraced(function* (thread, model, workspace, origin) {
        const live = sessions.get(thread.threadId);
        if (live && live.providerName === model.provider && live.workspace === workspace && !live.ending)
          return live;
        yield* end(thread.threadId, {
          status: "stopped",
          turnStatus: "interrupted",
          reason: null,
          waiting: "continue",
        });
        const fiber = yield* Effect.forkDetach(
          starting.withPermits(1)(start(thread, model, workspace, origin)),
        );
        starts.set(thread.threadId, fiber);
        const exit = yield* Fiber.await(fiber).pipe(
          Effect.onInterrupt(() => Fiber.interrupt(fiber)),
          Effect.ensuring(Effect.sync(() => starts.delete(thread.threadId))),
        );
        if (Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)) {
          return yield* stoppedWhileStarting(model.provider);
        }
        return yield* exit;
      }),
      begin: Effect.fn("AgentSessions.begin")(function* (session, { turnId, turnCount }, prompt, origin) {
        const commandId = commandIdFrom("turn-begin", turnId);
        yield* engine.dispatch(
          { type: "thread.turn.begin", commandId, threadId: session.threadId, turnId },
          origin,
        );
        session.turnEnded = yield* Deferred.make<void>();
        session.ingest.beginTurn({
          turnId,
          turnCount,
          startedEventId: turnStartedEventId(turnId),
          correlationId: origin.correlationId,
        });
        const { model = session.model, ...words } = prompt;
        const changed = JSON.stringify(model) !== JSON.stringify(session.model);
        session.model = model;
        yield* session.agent.prompt({ ...words, ...(changed && { model }) }).pipe(
          Effect.onError(() => {
            session.ingest.endTurn();
            return settleTurn(session);
          }),
        );
      }),
      interrupt: Effect.fn("AgentSessions.interrupt")(function* (session, turnId) {
        const ended = session.turnEnded;
        if (!ended || session.ingest.currentTurn()?.turnId !== turnId) return;
        const converged = yield* session.agent.interrupt.pipe(
          Effect.andThen(Deferred.await(ended)),
          Effect.as(true),
          Effect.catchTag("ProviderError", () => Effect.succeed(false)),
          Effect.timeoutOrElse({ duration: INTERRUPT_DEADLINE, orElse: () => Effect.succeed(false) }),
        );
        if (converged) return;
        yield* end(session.threadId, {
          status: "interrupted",
          turnStatus: "interrupted",
          reason: "The agent did not stop when asked; its process was ended.",
          waiting: "continue",
        });
      }),
      end,
    });
  });
}

/** The event that everything in the turn is caused by. */
export const turnStartedEventId = (turnId: TurnId): EventId =>
  EventId.make(`${commandIdFrom("turn-begin", turnId)}#1`);

const ignoreRejected = (rejected: { readonly message: string }) =>
  Effect.logDebug(`The thread took it no more: ${rejected.message}`);
