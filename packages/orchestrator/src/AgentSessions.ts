/**
 * The agents' processes: at most one per thread. A session starts with the thread's next turn, stays for those after, and
 * ends by a stop, by its process's end, or with the server; its turn and its open requests end with it.
 */
import type { ThreadId, TurnId } from "@heddle/contracts/Ids";
import type { ModelSelection, RuntimeMode } from "@heddle/contracts/Model";
import type { ThreadSummary } from "@heddle/contracts/ReadModel";
import { commandOfTurn } from "@heddle/domain/Thread";
import { EventStore } from "@heddle/event-store/EventStore";
import { SessionRuntime } from "@heddle/event-store/SessionRuntime";
import { Queries } from "@heddle/projections/Queries";
import { type AgentSession, type ProviderError, Providers } from "@heddle/providers/shared/Provider";
import {
  Cause,
  Context,
  Deferred,
  Duration,
  Effect,
  Exit,
  Fiber,
  Layer,
  Scope,
  Semaphore,
  Stream,
} from "effect";
import { inSmallSlices, makeAgentIngest } from "./AgentIngest.ts";
import { beginningOf, commandIdFrom, turnStartedEventId } from "./DerivedId.ts";
import { Engine } from "./Engine.ts";
import { Feed } from "./Feed.ts";
import type { CommandError, Origin } from "./GroupWriter.ts";
import type { LiveSession } from "./LiveSession.ts";
import { makeResumePoint } from "./ResumePoint.ts";
import {
  cutShort,
  exitOf,
  idle,
  notNeeded,
  replaced,
  serverStopped,
  type SessionEnding,
  stoppedByPerson,
  stoppedWhileStarting,
  unheeded,
} from "./SessionEnding.ts";
import { sessionFinish, untilStored } from "./SessionFinish.ts";
import { sessionRecord, type SessionStarted } from "./SessionRecord.ts";
import { SessionTimes } from "./SessionTimes.ts";
import { makeStartTurns } from "./StartTurns.ts";
import { TurnCheckpoints } from "./TurnCheckpoints.ts";

/** How an interrupted turn's agent is waited for before its process is ended. */
const INTERRUPT_DEADLINE = "5 seconds";
/** How long the server's own end waits for the word on a session's end to be stored. */
const FAREWELL_DEADLINE = "30 seconds";

/** What a turn needs of its session. */
export interface SessionWish {
  readonly turnId: TurnId;
  readonly model: ModelSelection;
  readonly workspace: string;
}

/** A session that is on its way. */
interface Start {
  readonly turnId: TurnId;
  readonly fiber: Fiber.Fiber<LiveSession, SessionFailure>;
}

export type SessionFailure =
  | CommandError
  | ProviderError
  | Effect.Error<ReturnType<ReturnType<typeof makeResumePoint>>>;

export class AgentSessions extends Context.Service<
  AgentSessions,
  {
    /** The thread's session, unless there is none or it is ending. */
    readonly get: (threadId: ThreadId) => LiveSession | undefined;
    /**
     * The thread's session, started where there is none, or where it is of another agent or in another folder. While the
     * scope is open, it is not closed for being idle.
     */
    readonly ensure: (
      thread: ThreadSummary,
      wish: SessionWish,
      origin: Origin,
    ) => Effect.Effect<LiveSession, SessionFailure, Scope.Scope>;
    /** Begins the turn in the log and hands its prompt over, unless it is over by then. */
    readonly begin: (
      session: LiveSession,
      turn: { readonly turnId: TurnId; readonly turnCount: number },
      prompt: Parameters<AgentSession["prompt"]>[0],
      origin: Origin,
    ) => Effect.Effect<void, SessionFailure>;
    /** Asks the turn to end; if the agent does not, its process is ended. False where no process here has that turn. */
    readonly interrupt: (threadId: ThreadId, turnId: TurnId) => Effect.Effect<boolean, CommandError>;
    /**
     * Ends the thread's process and waits for its end; the turn and the open requests end with it, in one commit. False
     * where there was none, or where it ended as something else already.
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
    const times = yield* SessionTimes;
    const stallAfter = Duration.toMillis(times.stallAfter);
    const idleAfter = Duration.toMillis(times.idleAfter);
    const record = sessionRecord(engine, runtime);
    const finish = sessionFinish(engine, runtime, yield* TurnCheckpoints);
    const queries = yield* Queries;
    const resumePoint = makeResumePoint(runtime, queries, yield* EventStore);
    const sessions = new Map<ThreadId, LiveSession>();
    /** Threads for whose next turn a session is wanted now. */
    const wanted = new Set<ThreadId>();
    const starts = new Map<ThreadId, Start>();
    const inTurn = yield* makeStartTurns;

    /** Only now may another session of the thread start: the end of this one must not end that one's turn. */
    const forget = (session: LiveSession) =>
      Effect.suspend(() => {
        sessions.delete(session.threadId);
        return Effect.andThen(finish.settleTurn(session), Deferred.succeed(session.closed, undefined));
      });

    const run = (session: LiveSession) => {
      let last: SessionEnding = exitOf(undefined);
      return session.agent.events.pipe(
        Stream.runForEach((event) =>
          Effect.gen(function* () {
            yield* session.ingest.take(event);
            // A session that is being ended takes its turn with it, and starts no queued one.
            if (event.type === "turn.completed" && !session.ending) yield* finish.turn(session, event);
            if (event.type === "session.exited") last = exitOf(event);
          }),
        ),
        inSmallSlices,
        Effect.catchCause((cause) =>
          Effect.logError(`The session of thread ${session.threadId} ended on an error`, cause),
        ),
        Effect.andThen(Effect.suspend(() => finish.session(session, last))),
        Effect.catchCause((cause) =>
          Effect.logError(`The end of the session of thread ${session.threadId} was not stored`, cause),
        ),
        Effect.andThen(Scope.close(session.scope, Exit.void)),
        Effect.ensuring(forget(session)),
      );
    };

    const noStart = (threadId: ThreadId, start: Start) => {
      if (starts.get(threadId) === start) starts.delete(threadId);
    };

    const close = Effect.fn("AgentSessions.close")(function* (session: LiveSession, ending: SessionEnding) {
      // What a person wants goes before what the server wanted for them.
      if (!session.ending || ending === stoppedByPerson) session.ending = ending;
      // Closing the scope ends the process; its last event is `session.exited`, and `run` does the rest.
      yield* Scope.close(session.scope, Exit.void);
      yield* Deferred.await(session.closed);
      return session.recorded === ending;
    });

    const end = Effect.fn("AgentSessions.end")(function* (threadId: ThreadId, ending: SessionEnding) {
      const start = starts.get(threadId);
      if (start) {
        yield* Fiber.interrupt(start.fiber);
        // Whoever waits for it may come to know a moment later.
        noStart(threadId, start);
      }
      const session = sessions.get(threadId);
      return session ? yield* close(session, ending) : false;
    });

    /** What a start had got to that nobody waits for any more: it may be written down nowhere, and is not watched. */
    const leave = (threadId: ThreadId) =>
      Effect.suspend(() => {
        const session = sessions.get(threadId);
        return session ? Effect.forkDetach(close(session, notNeeded)) : Effect.void;
      });

    /**
     * Looks now and then, so that it costs nothing for each event, whether the session is heard of. Whether it is idle is
     * seen and decided in one step; it is closed by another fiber, since this one ends with it.
     */
    const watch = (session: LiveSession) =>
      Effect.gen(function* () {
        yield* Effect.sleep(Duration.millis(Math.min(stallAfter, idleAfter) / 4));
        yield* session.ingest.checkStall(stallAfter);
        const { threadId, ingest } = session;
        if (wanted.has(threadId) || session.ending || ingest.idleFor() < idleAfter) return;
        session.ending = idle;
        // This session, and not the start of the next one.
        yield* Effect.forkDetach(close(session, idle));
      }).pipe(Effect.forever, Effect.forkIn(session.scope));

    /** A change of mode while the agent started found no session to tell. */
    const applyNewMode = Effect.fnUntraced(function* (session: LiveSession, mode: RuntimeMode) {
      const now = yield* queries.thread(session.threadId);
      if (now && now.runtimeMode !== mode) yield* session.agent.setRuntimeMode(now.runtimeMode);
    });

    const start = Effect.fn("AgentSessions.start")(function* (
      thread: ThreadSummary,
      { turnId, model, workspace }: SessionWish,
      origin: Origin,
    ) {
      const { threadId } = thread;
      // Of its own: the layer's finalizer below ends sessions in order, with a word in the log for each.
      const scope = yield* Scope.make();
      const key = origin.causationEventId ?? threadId;
      yield* record.starting(threadId, model, key, origin);
      const resumed = yield* resumePoint(thread, model.provider);
      const startAgent = providers
        .start({
          cwd: workspace,
          runtimeMode: thread.runtimeMode,
          model,
          ...(resumed && { resume: resumed.cursor }),
          ...(resumed?.fork && { fork: true }),
        })
        .pipe(
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
            startedFor: turnId,
            providerName: model.provider,
            model,
            workspace,
            agent,
            ingest,
            beginning: yield* Semaphore.make(1),
            turnEnded: undefined,
            completing: false,
            ending: undefined,
            recorded: undefined,
            fresh: true,
            resumed,
            scope,
            closed: yield* Deferred.make<void>(),
          };
          sessions.set(threadId, live);
          // In no scope: it must outlive the process to record its end.
          yield* Effect.forkDetach(run(live));
          return live;
        }),
      );
      yield* record.ready(session, started).pipe(
        Effect.andThen(applyNewMode(session, thread.runtimeMode)),
        // A process that nobody knows of would outlive a crash, and one in another mode would do what nobody allowed.
        Effect.tapError((error) => {
          session.ending ??= cutShort(error.message);
          return Effect.andThen(Scope.close(scope, Exit.void), Deferred.await(session.closed));
        }),
      );
      yield* watch(session);
      return session;
    });

    /** Its turn ended before it began, and an agent that does not come up would keep the next one waiting. */
    const endStart = Effect.fnUntraced(function* (threadId: ThreadId, turnId: TurnId) {
      const recorded = yield* end(threadId, notNeeded);
      if (!recorded && !starts.has(threadId) && !sessions.has(threadId)) {
        const commandId = commandIdFrom("start-stopped", turnId);
        yield* engine
          .dispatch(
            { type: "thread.session.end", commandId, threadId, ...notNeeded },
            { actor: "server", causationEventId: null, correlationId: commandOfTurn(turnId), metadata: {} },
          )
          .pipe(
            // A second try would find no start to end.
            Effect.retry(untilStored),
            Effect.catchTag("CommandRejected", (rejected) => Effect.logDebug(rejected.message)),
          );
      }
      return true;
    });

    yield* Effect.addFinalizer(() =>
      Effect.forEach(
        [...sessions.values()],
        (session) => end(session.threadId, serverStopped(session.ingest.currentTurn() !== null)),
        { concurrency: "unbounded", discard: true },
      ).pipe(Effect.interruptible, Effect.timeoutOption(FAREWELL_DEADLINE)),
    );

    return AgentSessions.of({
      get: (threadId) => {
        const session = sessions.get(threadId);
        return session?.ending ? undefined : session;
      },
      ensure: Effect.fnUntraced(function* (thread, wish, origin) {
        const { turnId, model, workspace } = wish;
        yield* Effect.acquireRelease(
          Effect.sync(() => wanted.add(thread.threadId)),
          () => Effect.sync(() => wanted.delete(thread.threadId)),
        );
        const known = sessions.get(thread.threadId);
        // It takes no prompt any more; its end is on its way into the log.
        if (known?.agent.gone) yield* Deferred.await(known.closed);
        const live = sessions.get(thread.threadId);
        if (live && live.providerName === model.provider && live.workspace === workspace && !live.ending)
          return live;
        yield* end(thread.threadId, replaced);
        const fiber = yield* Effect.forkDetach(inTurn(start(thread, wish, origin)));
        const begun = { turnId, fiber };
        starts.set(thread.threadId, begun);
        const exit = yield* Fiber.await(fiber).pipe(
          Effect.onInterrupt(() => Effect.andThen(Fiber.interrupt(fiber), leave(thread.threadId))),
          Effect.ensuring(Effect.sync(() => noStart(thread.threadId, begun))),
        );
        if (Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)) {
          return yield* stoppedWhileStarting(model.provider);
        }
        return yield* exit;
      }),
      begin: Effect.fn("AgentSessions.begin")(function* (session, { turnId, turnCount }, prompt, origin) {
        const commandId = beginningOf(turnId);
        yield* engine
          .dispatch({ type: "thread.turn.begin", commandId, threadId: session.threadId, turnId }, origin)
          .pipe(
            Effect.andThen(
              Effect.sync(() => {
                session.turnEnded = Deferred.makeUnsafe<void>();
                session.ingest.beginTurn({
                  turnId,
                  turnCount,
                  startedEventId: turnStartedEventId(turnId),
                  correlationId: origin.correlationId,
                });
              }),
            ),
            session.beginning.withPermits(1),
            // The turn was withdrawn while its session started, by a stop that found no process to end.
            Effect.tapErrorTag("CommandRejected", () =>
              session.startedFor === turnId ? close(session, notNeeded) : Effect.void,
            ),
          );
        const leaveTurn = Effect.suspend(() => {
          session.ingest.endTurn();
          return finish.settleTurn(session);
        });
        // Begun by a try before this one, it may have been ended since by an interrupt that found no process with it.
        const known = yield* queries.turn(turnId);
        if (known && known.completedAt !== null) return yield* leaveTurn;
        const { model = session.model, ...words } = prompt;
        const changed = JSON.stringify(model) !== JSON.stringify(session.model);
        session.model = model;
        yield* session.agent
          .prompt({ ...words, ...(changed && { model }) })
          .pipe(Effect.onError(() => leaveTurn));
        session.fresh = false;
        // Not before: a session that was told nothing has nothing to go on with.
        yield* finish.rememberCursor(session);
      }),
      interrupt: Effect.fn("AgentSessions.interrupt")(function* (threadId, turnId) {
        if (starts.get(threadId)?.turnId === turnId) return yield* endStart(threadId, turnId);
        const session = sessions.get(threadId);
        if (!session) return false;
        const ended = yield* session.beginning.withPermits(1)(Effect.sync(() => session.turnEnded));
        if (!ended || session.ingest.currentTurn()?.turnId !== turnId) return false;
        const asked = session.agent.interrupt.pipe(
          Effect.andThen(Deferred.await(ended)),
          Effect.catchTag("ProviderError", (error) => Effect.logDebug(error.message)),
          Effect.timeoutOption(INTERRUPT_DEADLINE),
        );
        if (!session.ending) yield* asked;
        // An agent that has ended its turn, late or not, goes on.
        if (session.completing) yield* Deferred.await(ended);
        else if (session.turnEnded === ended) yield* close(session, unheeded);
        return true;
      }),
      end,
    });
  });
}
