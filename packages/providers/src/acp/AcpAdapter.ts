/** Agents that speak the Agent Client Protocol over the stdio of a process that Heddle starts. */
import type { JsonRpcId } from "@agentclientprotocol/sdk";
import type { ModelSelection } from "@heddle/contracts/Model";
import { Effect, Exit, type Scope } from "effect";
import type { Deadlines } from "../shared/Deadlines.ts";
import {
  answeredInTime,
  goneMessage,
  handedOver,
  present,
  startProcessSession,
} from "../shared/ProcessSession.ts";
import type {
  AgentLaunch,
  AgentSession,
  PromptInput,
  ProviderError,
  StartInput,
} from "../shared/Provider.ts";
import { read } from "../shared/Read.ts";
import { AcpSession } from "./AcpSession.ts";
import { canSteer, capabilitiesOf } from "./Capabilities.ts";
import type { Wish } from "./ConfigOptions.ts";
import { handshake, resumeCursorOf } from "./Handshake.ts";
import { promptBlocks } from "./PromptBlocks.ts";
import { applyMode, applyWishes } from "./Settings.ts";
import { SteeringResponse } from "./Wire.ts";

const readSteering = read(SteeringResponse);

/** Starts an agent and opens its session, or leaves nothing behind. */
export const startAcp = Effect.fnUntraced(function* (
  provider: string,
  launch: AgentLaunch,
  input: StartInput,
  deadlines: Deadlines,
): Effect.fn.Return<AgentSession, ProviderError, Scope.Scope> {
  const { cwd, runtimeMode: mode } = input;
  const { session, events, opened } = yield* startProcessSession({
    provider,
    launch,
    cwd,
    deadlines,
    make: (process, queue) =>
      new AcpSession({ provider, process, queue, cwd, mode, deadlines, login: launch.login }),
    handshake: (session: AcpSession) =>
      handshake(session, input).pipe(
        Effect.tap(() => applyMode(session, launch, mode)),
        Effect.tap(() => applyWishes(session, wishesOf(input.model), deadlines)),
      ),
  });
  session.begin(capabilitiesOf(session.agent), opened);
  return agentSession(session, events, launch, deadlines);
});

const agentSession = (
  session: AcpSession,
  events: AgentSession["events"],
  launch: AgentLaunch,
  deadlines: Deadlines,
): AgentSession => {
  const { connection, process, requests } = session;
  const delivered = (operation: ProviderError["operation"], what: JsonRpcId | "prompt") =>
    handedOver(session, operation, connection.whenSent(what), deadlines);
  const interrupt = Effect.sync(() => session.cancelTurn());

  return {
    adapterKey: "acp",
    pid: process.pid,
    processMark: process.mark,
    get gone() {
      return session.gone;
    },
    resumeCursor: resumeCursorOf(session),
    events,
    prompt: Effect.fnUntraced(function* (input) {
      yield* present(session, "prompt");
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
      yield* present(session, "steer");
      if (!canSteer(session.agent)) {
        return yield* session.error(
          "steer",
          `${session.provider} takes no prompt while it works. Queue it instead.`,
        );
      }
      yield* steer(session, input, deadlines);
    }),
    interrupt,
    respondApproval: Effect.fnUntraced(function* (requestKey, decision) {
      yield* present(session, "respond");
      const answered = requests.decide(requestKey, decision);
      if (!answered.ok) return yield* session.error("respond", answered.problem);
      const delivery = delivered("respond", answered.requestId);
      if (decision === "cancel") yield* interrupt;
      yield* delivery;
    }),
    respondUserInput: Effect.fnUntraced(function* (requestKey, answers) {
      yield* present(session, "respond");
      const answered = requests.answer(requestKey, answers);
      if (!answered.ok) return yield* session.error("respond", answered.problem);
      yield* delivered("respond", answered.requestId);
    }),
    setRuntimeMode: Effect.fnUntraced(function* (mode) {
      yield* present(session, "set-mode");
      requests.setMode(mode);
      yield* applyMode(session, launch, mode).pipe(answeredInTime(session, "set-mode", deadlines));
    }),
  };
};

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
      AgentGone: () => Effect.fail(session.error("steer", goneMessage(session))),
    }),
    answeredInTime(session, "steer", deadlines),
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
