/**
 * A session over the stdio of a process, from the command that starts it to the end of everything that it started: what
 * is the same whatever protocol is spoken over it.
 */
import { Deferred, Effect, Exit, Option, Scope } from "effect";
import { type AgentProcess, type ProcessExit, spawnAgent } from "./AgentProcess.ts";
import type { Deadlines } from "./Deadlines.ts";
import { EventQueue } from "./EventQueue.ts";
import type { AgentLaunch, ProviderError } from "./Provider.ts";

/** What an adapter's session gives, so that it can be started, watched and ended. */
export interface ProcessSession {
  readonly provider: string;
  readonly process: AgentProcess;
  /** Its process has ended, or is being ended. */
  readonly gone: boolean;
  /** Settles when the agent's output has been read to its end. Never rejects. */
  readonly outputEnded: Promise<void>;
  /** Asks the agent to end its turn and to write down what it knows. A courtesy: what comes next ends it in any case. */
  readonly askToEnd: Effect.Effect<void>;
  /** Emits the last event, whatever happened. Later calls do nothing. */
  readonly end: (exit: ProcessExit) => void;
  readonly error: (operation: ProviderError["operation"], message: string) => ProviderError;
}

export interface ProcessSessionOptions<Session extends ProcessSession, Opened> {
  readonly provider: string;
  readonly launch: AgentLaunch;
  readonly cwd: string;
  readonly deadlines: Deadlines;
  readonly make: (process: AgentProcess, queue: EventQueue) => Session;
  /** Never needs to end where the agent is gone: its exit, for which is waited beside this, says more. */
  readonly handshake: (session: Session) => Effect.Effect<Opened, ProviderError>;
}

/** A failed start leaves no process behind, also where the scope goes on. */
export const startProcessSession = Effect.fnUntraced(function* <Session extends ProcessSession, Opened>(
  options: ProcessSessionOptions<Session, Opened>,
) {
  const scope = yield* Scope.fork(yield* Effect.scope);
  return yield* open(options).pipe(
    Scope.provide(scope),
    Effect.onExit((exit) => (Exit.isFailure(exit) ? Scope.close(scope, exit) : Effect.void)),
  );
});

const open = Effect.fnUntraced(function* <Session extends ProcessSession, Opened>(
  options: ProcessSessionOptions<Session, Opened>,
) {
  const { provider, launch, cwd, deadlines, make, handshake } = options;
  const { session, events } = yield* Effect.acquireRelease(
    Effect.gen(function* () {
      const process = yield* spawnAgent(provider, launch, cwd, deadlines);
      const queue = yield* EventQueue.make;
      const session = make(process, queue);
      const ended = yield* Deferred.make<void>();
      yield* supervise(session, queue, deadlines).pipe(
        Effect.catchCause((cause) => {
          session.end({ exitCode: null, signal: null });
          return Effect.logError(`Watching the process of ${provider} failed`, cause);
        }),
        Effect.ensuring(Deferred.succeed(ended, undefined)),
        Effect.forkDetach,
      );
      return { session, queue, ended: Deferred.await(ended), events: queue.stream };
    }),
    ({ session, queue, ended }) => Effect.andThen(stop(session, queue), ended),
  );

  const opened = yield* handshake(session).pipe(
    Effect.raceFirst(
      Effect.flatMap(session.process.exited, (exit) =>
        Effect.andThen(session.process.stderrEnded, Effect.fail(exitedEarly(session, exit))),
      ),
    ),
    Effect.timeoutOrElse({
      duration: deadlines.handshake,
      orElse: () =>
        Effect.fail(session.error("start", `${provider} did not answer in time, and was stopped.`)),
    }),
  );
  return { session, events, opened };
});

/** Waits until the agent has what it was sent; fails where it never reads it. */
export const handedOver = (
  session: ProcessSession,
  operation: ProviderError["operation"],
  sent: Promise<boolean>,
  deadlines: Deadlines,
): Effect.Effect<void, ProviderError> =>
  Effect.raceFirst(
    Effect.promise(() => sent),
    Effect.as(session.process.exited, false),
  ).pipe(
    Effect.timeoutOrElse({ duration: deadlines.handOver, orElse: () => Effect.succeed(false) }),
    Effect.flatMap((read) =>
      read
        ? Effect.void
        : Effect.fail(session.error(operation, `${session.provider} does not read what it is sent.`)),
    ),
  );

/** Fails where the process does not answer it. */
export const answeredInTime =
  (session: ProcessSession, operation: ProviderError["operation"], { handOver }: Deadlines) =>
  <A, E>(answer: Effect.Effect<A, E>): Effect.Effect<A, E | ProviderError> =>
    Effect.timeoutOrElse(answer, {
      duration: handOver,
      orElse: () => Effect.fail(session.error(operation, `${session.provider} did not answer in time.`)),
    });

/** Fails where there is no process any more. */
export const present = (
  session: ProcessSession,
  operation: ProviderError["operation"],
): Effect.Effect<void, ProviderError> =>
  Effect.suspend(() =>
    session.gone ? Effect.fail(session.error(operation, goneMessage(session))) : Effect.void,
  );

/** What an error says of a process that has ended. */
export const goneMessage = ({ provider }: ProcessSession): string =>
  `The process of ${provider} has ended. A new turn starts another one.`;

/** Sees to it that whatever happens, the events end with the exit, and nothing that the agent started lives on. */
const supervise = Effect.fnUntraced(function* (
  session: ProcessSession,
  queue: EventQueue,
  deadlines: Deadlines,
) {
  const { process } = session;
  const outputEnded = Effect.promise(() => session.outputEnded);
  // An agent that closes its output and lives on can never answer again.
  const exit = yield* Effect.raceFirst(
    process.exited,
    outputEnded.pipe(
      Effect.andThen(
        Effect.timeoutOrElse(process.exited, {
          duration: deadlines.closing,
          orElse: () => process.terminate,
        }),
      ),
    ),
  );
  // Orphans hold the agent's output open; only when they are gone does it end.
  yield* process.sweep;
  yield* readToEnd(process, queue, outputEnded, deadlines);
  yield* process.stderrEnded;
  session.end(exit);
});

/** Waits for the consumer as long as it takes, but not for an output that nothing comes out of any more. */
const readToEnd = Effect.fnUntraced(function* (
  process: AgentProcess,
  queue: EventQueue,
  outputEnded: Effect.Effect<void>,
  deadlines: Deadlines,
) {
  const endsInTime = Effect.map(Effect.timeoutOption(outputEnded, deadlines.closing), Option.isSome);
  let cutOff = false;
  while (!(yield* endsInTime)) {
    if (queue.braking) continue;
    if (cutOff) return;
    process.stdout.destroy();
    cutOff = true;
  }
});

const stop = Effect.fnUntraced(function* (session: ProcessSession, queue: EventQueue) {
  if (session.process.alive) {
    yield* session.askToEnd;
    yield* session.process.stop;
  }
  // Whoever ends the session may be the one who read its events.
  queue.release();
});

const exitedEarly = (session: ProcessSession, { exitCode, signal }: ProcessExit): ProviderError =>
  session.error(
    "start",
    `${session.provider} ended before it was ready (${signal === null ? `exit code ${exitCode}` : signal}).`,
  );
