/** Claude by the Claude Agent SDK, over the stdio of a process that Heddle starts. */
import { randomUUID } from "node:crypto";
import { Effect, Exit, type Scope } from "effect";
import type { Deadlines } from "../shared/Deadlines.ts";
import { answeredInTime, handedOver, present } from "../shared/ProcessSession.ts";
import type {
  AgentLaunch,
  AgentSession,
  PromptInput,
  ProviderError,
  StartInput,
} from "../shared/Provider.ts";
import type { ClaudeSession } from "./ClaudeSession.ts";
import { contentOf, userMessage } from "./Input.ts";
import type { Answered } from "./OpenRequests.ts";
import { permissionModeOf } from "./Options.ts";
import { applyChoices, tellIgnored, toldAtStart } from "./Settings.ts";
import { startSession } from "./Start.ts";

/** Starts claude and opens a session in it, or leaves nothing behind. */
export const startClaude = Effect.fnUntraced(function* (
  provider: string,
  launch: AgentLaunch,
  input: StartInput,
  deadlines: Deadlines,
): Effect.fn.Return<AgentSession, ProviderError, Scope.Scope> {
  const { session, events } = yield* startSession(provider, launch, input, deadlines);
  tellIgnored(session, input.model);
  return agentSession(session, events, launch, input, deadlines);
});

const agentSession = (
  session: ClaudeSession,
  events: AgentSession["events"],
  launch: AgentLaunch,
  start: StartInput,
  deadlines: Deadlines,
): AgentSession => {
  const { conversation, process, requests } = session;
  const told = toldAtStart(start.model);
  let permissionMode = permissionModeOf(launch, start.runtimeMode);
  const give = (answered: Extract<Answered, { ok: true }>) =>
    handedOver(session, "respond", conversation.bridge.sent(answered.give), deadlines);

  return {
    adapterKey: "claude",
    pid: process.pid,
    processMark: process.mark,
    get gone() {
      return session.gone;
    },
    get resumeCursor() {
      return { sessionId: session.sessionId };
    },
    events,
    prompt: Effect.fnUntraced(function* (input) {
      yield* present(session, "prompt");
      const turn = session.reserveTurn();
      if (turn === undefined) {
        return yield* session.error("prompt", `${session.provider} is still at work on a turn.`);
      }
      const prompt = yield* promptOf(session, "prompt", input).pipe(
        Effect.tap(() => applyChoices(session, told, input, deadlines)),
        Effect.onExit((exit) =>
          Exit.isFailure(exit) ? Effect.sync(() => session.abandonTurn(turn)) : Effect.void,
        ),
      );
      const sent = session.runTurn(turn, prompt);
      if (sent === undefined) return;
      // A claude that died over it is no error of handing over: the turn began, and the exit tells how it went.
      yield* handedOver(session, "prompt", sent, deadlines).pipe(
        Effect.catch((error) =>
          Effect.asVoid(process.exited).pipe(
            Effect.timeoutOrElse({
              duration: deadlines.closing,
              orElse: () => {
                session.loseTurn(turn);
                return Effect.fail(error);
              },
            }),
          ),
        ),
      );
    }),
    steer: Effect.fnUntraced(function* (input) {
      yield* present(session, "steer");
      const prompt = yield* promptOf(session, "steer", input, "next");
      const { turn } = session;
      if (turn === undefined || !turn.isHandedOver || turn.cancelling) {
        return yield* session.error(
          "steer",
          `${session.provider} has no running turn that would take it. Send it as a prompt.`,
        );
      }
      yield* handedOver(session, "steer", session.handOver(turn, prompt), deadlines);
    }),
    interrupt: session.interrupt,
    respondApproval: Effect.fnUntraced(function* (requestKey, decision) {
      yield* present(session, "respond");
      const answered = requests.decide(requestKey, decision);
      if (!answered.ok) return yield* session.error("respond", answered.problem);
      // Claude hears of the end first, so that it does not go on with what a cancelled request leaves it to do.
      if (decision === "cancel") yield* session.interrupt;
      yield* give(answered);
    }),
    respondUserInput: Effect.fnUntraced(function* (requestKey, answers) {
      yield* present(session, "respond");
      const answered = requests.answer(requestKey, answers);
      if (!answered.ok) return yield* session.error("respond", answered.problem);
      yield* give(answered);
    }),
    setRuntimeMode: Effect.fnUntraced(function* (mode) {
      yield* present(session, "set-mode");
      requests.setMode(mode);
      const wanted = permissionModeOf(launch, mode);
      if (wanted === permissionMode) return;
      yield* Effect.tryPromise({
        try: () => conversation.query.setPermissionMode(wanted),
        catch: (error) => session.error("set-mode", `${session.provider} refused it: ${String(error)}`),
      }).pipe(answeredInTime(session, "set-mode", deadlines));
      permissionMode = wanted;
    }),
  };
};

const promptOf = (
  session: ClaudeSession,
  operation: "prompt" | "steer",
  { promptId, ...words }: PromptInput,
  priority?: "next",
) =>
  Effect.suspend(() => {
    const result = contentOf(words);
    if ("refused" in result) {
      const { name, mimeType } = result.refused;
      return Effect.fail(
        session.error(operation, `${session.provider} takes no ${mimeType} (${name}). Leave it out.`),
      );
    }
    return Effect.succeed(userMessage(result.content, uuidOf(promptId), priority));
  });

/** Claude knows a prompt by its UUID. */
const uuidOf = (promptId: string | undefined): ReturnType<typeof randomUUID> =>
  promptId !== undefined && isUuid(promptId) ? promptId : randomUUID();

const isUuid = (id: string): id is ReturnType<typeof randomUUID> =>
  /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id);
