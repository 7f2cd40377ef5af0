/** Agents that speak the Agent Client Protocol over the stdio of a process that Heddle starts. */
import { type JsonRpcId, methods } from "@agentclientprotocol/sdk";
import type { ModelSelection } from "@heddle/contracts/Model";
import { Deferred, Effect, Exit, Option, Scope } from "effect";
import { type AgentProcess, type ProcessExit, spawnAgent } from "../shared/AgentProcess.ts";
import type { Deadlines } from "../shared/Deadlines.ts";
import { EventQueue } from "../shared/EventQueue.ts";
import type {
  AgentLaunch,
  AgentSession,
  PromptInput,
  ProviderError,
  StartInput,
} from "../shared/Provider.ts";
import { AcpSession } from "./AcpSession.ts";
import type { Wish } from "./ConfigOptions.ts";
import { canSteer, handshake, resumeCursorOf } from "./Handshake.ts";
import { promptBlocks } from "./PromptBlocks.ts";
import { applyMode, applyWishes } from "./Settings.ts";
import { read, SteeringResponse } from "./Wire.ts";

const readSteering = read(SteeringResponse);

/** A failed start leaves no process behind, also where the scope goes on. */
export const startAcp = Effect.fnUntraced(function* (
  provider: string,
  launch: AgentLaunch,
  input: StartInput,
  deadlines: Deadlines,
): Effect.fn.Return<AgentSession, ProviderError, Scope.Scope> {
  const scope = yield* Scope.fork(yield* Effect.scope);
  return yield* open(provider, launch, input, deadlines).pipe(
    Scope.provide(scope),
    Effect.onExit((exit) => (Exit.isFailure(exit) ? Scope.close(scope, exit) : Effect.void)),
  );
});

const open = Effect.fnUntraced(function* (
  provider: string,
  launch: AgentLaunch,
  input: StartInput,
  deadlines: Deadlines,
) {
  const { session, events } = yield* Effect.acquireRelease(
    Effect.gen(function* () {
      const process = yield* spawnAgent(provider, launch, input.cwd, deadlines);
      const queue = yield* EventQueue.make;
      const { cwd, runtimeMode: mode } = input;
      const session = new AcpSession({ provider, process, queue, cwd, mode });
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
    ({ session, queue, ended }) => Effect.andThen(stop(session, queue, deadlines), ended),
  );

  const resumed = yield* handshake(session, input).pipe(
    Effect.tap(() => applyMode(session, launch, input.runtimeMode)),
    Effect.tap(() => applyWishes(session, wishesOf(input.model), deadlines)),
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
  session.begin({ steer: canSteer(session), resume: resumeCursorOf(session) !== null }, resumed);

  return agentSession(session, events, launch, deadlines);
});

const agentSession = (
  session: AcpSession,
  events: AgentSession["events"],
  launch: AgentLaunch,
  deadlines: Deadlines,
): AgentSession => {
  const { connection, process, requests } = session;
  const delivered = (operation: ProviderError["operation"], what: JsonRpcId | "prompt") => {
    const sent = connection.whenSent(what);
    return Effect.raceFirst(
      Effect.promise(() => sent),
      Effect.as(process.exited, false),
    ).pipe(
      Effect.timeoutOrElse({ duration: deadlines.handOver, orElse: () => Effect.succeed(false) }),
      Effect.flatMap((read) =>
        read
          ? Effect.void
          : Effect.fail(session.error(operation, `${session.provider} does not read what it is sent.`)),
      ),
    );
  };
  const present = (operation: ProviderError["operation"]) =>
    Effect.suspend(() => (session.gone ? Effect.fail(session.error(operation, gone(session))) : Effect.void));
  const interrupt = Effect.sync(() => session.cancelTurn());

  return {
    pid: process.pid,
    processMark: process.mark,
    resumeCursor: resumeCursorOf(session),
    events,
    prompt: Effect.fnUntraced(function* (input) {
      yield* present("prompt");
      if (!session.reserveTurn()) {
        return yield* session.error("prompt", `${session.provider} is still at work on a turn.`);
      }
      const prompt = yield* prepare(session, input, deadlines).pipe(
        Effect.onExit((exit) =>
          Exit.isFailure(exit) ? Effect.sync(() => session.abandonTurn()) : Effect.void,
        ),
      );
      if (!session.runTurn(prompt)) return;
      // An agent that died over it is no error of handing over: the turn began, and the exit tells how it went.
      yield* delivered("prompt", "prompt").pipe(
        Effect.catch((error) =>
          Effect.asVoid(process.exited).pipe(
            Effect.timeoutOrElse({ duration: deadlines.closing, orElse: () => Effect.fail(error) }),
          ),
        ),
      );
    }),
    steer: Effect.fnUntraced(function* (input) {
      yield* present("steer");
      if (!canSteer(session)) {
        return yield* session.error(
          "steer",
          `${session.provider} takes no prompt while it works. Queue it instead.`,
        );
      }
      yield* steer(session, input, deadlines);
    }),
    interrupt,
    respondApproval: Effect.fnUntraced(function* (requestKey, decision) {
      yield* present("respond");
      const answered = requests.decide(requestKey, decision);
      if (!answered.ok) return yield* session.error("respond", answered.problem);
      const delivery = delivered("respond", answered.requestId);
      if (decision === "cancel") yield* interrupt;
      yield* delivery;
    }),
    respondUserInput: Effect.fnUntraced(function* (requestKey, answers) {
      yield* present("respond");
      const answered = requests.answer(requestKey, answers);
      if (!answered.ok) return yield* session.error("respond", answered.problem);
      yield* delivered("respond", answered.requestId);
    }),
    setRuntimeMode: Effect.fnUntraced(function* (mode) {
      yield* present("set-mode");
      requests.setMode(mode);
      yield* applyMode(session, launch, mode).pipe(
        Effect.timeoutOrElse({
          duration: deadlines.handOver,
          orElse: () => Effect.fail(session.error("set-mode", `${session.provider} did not answer in time.`)),
        }),
      );
    }),
  };
};

/** Sees to it that whatever happens, the events end with the exit, and nothing that the agent started lives on. */
const supervise = Effect.fnUntraced(function* (session: AcpSession, queue: EventQueue, deadlines: Deadlines) {
  const { process, connection } = session;
  const outputEnded = Effect.promise(() => connection.ended);
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

const stop = Effect.fnUntraced(function* (session: AcpSession, queue: EventQueue, deadlines: Deadlines) {
  if (session.process.alive) {
    session.cancelTurn();
    session.close();
    yield* askToClose(session, deadlines);
    yield* session.process.stop;
  }
  // Whoever ends the session may be the one who read its events.
  queue.release();
});

/** Only a courtesy, in which agents write down what they know; what comes next ends them in any case. */
const askToClose = (session: AcpSession, deadlines: Deadlines): Effect.Effect<void> =>
  session.agent?.agentCapabilities?.sessionCapabilities?.["close"] && session.sessionId !== ""
    ? session
        .ask(methods.agent.session.close, { sessionId: session.sessionId })
        .pipe(Effect.timeoutOption(deadlines.closing), Effect.ignore)
    : Effect.void;

const prepare = Effect.fnUntraced(function* (session: AcpSession, input: PromptInput, deadlines: Deadlines) {
  const result = promptBlocks(input, session.agent?.agentCapabilities?.promptCapabilities);
  if ("refused" in result) {
    const { name, mimeType } = result.refused;
    return yield* session.error(
      "prompt",
      `${session.provider} takes no ${mimeType} (${name}). Leave it out.`,
    );
  }
  yield* applyWishes(session, wishesOf(input.model, input.effort), deadlines);
  return result.blocks;
});

const steer = Effect.fnUntraced(function* (session: AcpSession, input: PromptInput, deadlines: Deadlines) {
  const blocks = promptBlocks(input, session.agent?.agentCapabilities?.promptCapabilities);
  if ("refused" in blocks) {
    return yield* session.error("steer", `${session.provider} takes no ${blocks.refused.mimeType}.`);
  }
  const params = {
    sessionId: session.sessionId,
    prompt: blocks.blocks,
    _meta: { steering: { idleBehavior: "promptRequired" } },
  };
  const answer = yield* session.askExtension("_session/steering", params).pipe(
    Effect.catchTags({
      AgentRefused: ({ reason }) =>
        Effect.fail(session.error("steer", `${session.provider} refused it: ${reason}`)),
      AgentGone: () => Effect.fail(session.error("steer", gone(session))),
    }),
    Effect.timeoutOrElse({
      duration: deadlines.handOver,
      orElse: () => Effect.fail(session.error("steer", `${session.provider} did not answer in time.`)),
    }),
  );
  if (readSteering(answer)?.outcome !== "injected") {
    return yield* session.error(
      "steer",
      `${session.provider} has no running turn that would take it. Send it as a prompt.`,
    );
  }
});

const wishesOf = (model: ModelSelection | undefined, effort?: string): ReadonlyArray<Wish> => [
  ...(model?.model === undefined
    ? []
    : [{ name: "model", value: model.model, find: ({ category }) => category === "model" } satisfies Wish]),
  ...(effort === undefined
    ? []
    : [
        {
          name: "effort",
          value: effort,
          find: ({ category }) => category === "thought_level",
        } satisfies Wish,
      ]),
  ...Object.entries(model?.options ?? {}).map(([name, value]): Wish => ({
    name,
    value,
    find: ({ id }) => id === name,
  })),
];

const exitedEarly = (session: AcpSession, { exitCode, signal }: ProcessExit): ProviderError =>
  session.error(
    "start",
    `${session.provider} ended before it was ready (${signal === null ? `exit code ${exitCode}` : signal}).`,
  );

const gone = ({ provider }: AcpSession): string =>
  `The process of ${provider} has ended. A new turn starts another one.`;
