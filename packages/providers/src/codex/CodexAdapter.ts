/** Codex by its own protocol: `codex app-server` over the stdio of a process that Heddle starts. */
import { randomUUID } from "node:crypto";
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
import { CodexSession, type Turn } from "./CodexSession.ts";
import { handshake } from "./Handshake.ts";
import { userInput } from "./Input.ts";
import { policyOf } from "./Modes.ts";
import type { TurnStartParams } from "./Protocol.ts";
import { waitingOutOverload } from "./Overload.ts";
import { agentNotice } from "./Translator.ts";
import { TurnStartResponse } from "./Wire.ts";

const readTurnStart = read(TurnStartResponse);

/** Starts codex and opens a thread in it, or leaves nothing behind. */
export const startCodex = Effect.fnUntraced(function* (
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
      new CodexSession({ provider, process, queue, cwd, mode, deadlines, login: launch.login }),
    handshake: (session: CodexSession) => handshake(session, input),
  });
  session.begin(opened);
  return agentSession(session, events, input.model, deadlines);
});

const agentSession = (
  session: CodexSession,
  events: AgentSession["events"],
  model: ModelSelection,
  deadlines: Deadlines,
): AgentSession => {
  const { process, requests } = session;

  return {
    adapterKey: "codex",
    pid: process.pid,
    processMark: process.mark,
    get gone() {
      return session.gone;
    },
    resumeCursor: { threadId: session.threadId },
    events,
    prompt: Effect.fnUntraced(function* (input) {
      yield* present(session, "prompt");
      const turn = session.reserveTurn();
      if (turn === undefined) {
        return yield* session.error("prompt", `${session.provider} is still at work on a turn.`);
      }
      yield* startTurn(session, turn, input, model, deadlines).pipe(
        Effect.onExit((exit) =>
          Effect.sync(() => {
            if (Exit.isFailure(exit)) session.abandonTurn(turn, "error", "The prompt was not handed over.");
          }),
        ),
      );
    }),
    steer: Effect.fnUntraced(function* (input) {
      yield* present(session, "steer");
      yield* steer(session, input, deadlines);
    }),
    interrupt: session.interrupt,
    respondApproval: Effect.fnUntraced(function* (requestKey, decision) {
      yield* present(session, "respond");
      const answered = requests.decide(requestKey, decision);
      if (!answered.ok) return yield* session.error("respond", answered.problem);
      if (decision === "cancel") yield* session.interrupt;
      yield* handedOver(session, "respond", answered.sent, deadlines);
    }),
    respondUserInput: Effect.fnUntraced(function* (requestKey, answers) {
      yield* present(session, "respond");
      const answered = requests.answer(requestKey, answers);
      if (!answered.ok) return yield* session.error("respond", answered.problem);
      yield* handedOver(session, "respond", answered.sent, deadlines);
    }),
    setRuntimeMode: Effect.fnUntraced(function* (mode) {
      yield* present(session, "set-mode");
      // The permissions of a turn are those that it began with.
      if (session.turn !== undefined && session.toldMode === "full-access" && mode !== "full-access") {
        const summary = "The turn that runs keeps full access until it ends. Interrupt it to end that now.";
        session.emit(agentNotice("info", summary, { mode }));
      }
      session.mode = mode;
      requests.setMode(mode);
    }),
  };
};

const startTurn = Effect.fnUntraced(function* (
  session: CodexSession,
  turn: Turn,
  input: PromptInput,
  opened: ModelSelection,
  deadlines: Deadlines,
) {
  const params = yield* turnParams(session, input, opened);
  const { mode, process } = session;
  let toInterrupt: string | undefined;
  const heard = (answer: unknown): void => {
    session.toldMode = mode;
    const id = readTurnStart(answer)?.turn.id;
    if (id !== undefined && session.turnTaken(turn, id) === "interrupt") toInterrupt = id;
  };
  const starting = Effect.suspend(() =>
    // Not asked again for a turn that somebody ended while codex was overloaded.
    turn.cancelling
      ? Effect.sync(() => session.skipTurn(turn))
      : session.askOnce("turn/start", params, heard),
  );
  yield* waitingOutOverload(starting).pipe(
    Effect.catchTags({
      CodexRefused: ({ reason }) =>
        Effect.fail(session.error("prompt", `${session.provider} refused the prompt: ${reason}`)),
      // A codex that died over it is no error of handing over: the turn began, and the exit tells how it went.
      CodexGone: () =>
        Effect.timeoutOrElse(process.exited, {
          duration: deadlines.closing,
          orElse: () => Effect.fail(session.error("prompt", goneMessage(session))),
        }),
    }),
    answeredInTime(session, "prompt", deadlines),
  );
  if (toInterrupt !== undefined) yield* Effect.forkDetach(session.interruptTurn(toInterrupt));
});

const steer = Effect.fnUntraced(function* (session: CodexSession, input: PromptInput, deadlines: Deadlines) {
  const { provider, threadId, turn } = session;
  if (turn?.id === undefined || turn.cancelling) {
    return yield* session.error(
      "steer",
      `${provider} has no running turn that would take it. Send it as a prompt.`,
    );
  }
  const said = {
    input: yield* inputOf(session, "steer", input),
    clientUserMessageId: yield* messageIdOf(input),
  };
  yield* session.ask("turn/steer", { threadId, expectedTurnId: turn.id, ...said }).pipe(
    Effect.catchTags({
      CodexRefused: ({ reason }) => Effect.fail(session.error("steer", `${provider} refused it: ${reason}`)),
      CodexGone: () => Effect.fail(session.error("steer", goneMessage(session))),
    }),
    answeredInTime(session, "steer", deadlines),
  );
});

const turnParams = Effect.fnUntraced(function* (
  session: CodexSession,
  { model, effort, ...input }: PromptInput,
  opened: ModelSelection,
) {
  const { threadId, mode, toldMode, workspace } = session;
  if (model?.options !== undefined && JSON.stringify(model.options) !== JSON.stringify(opened.options)) {
    const summary =
      "Codex takes other options only when its process starts; those of now are kept until then.";
    session.emit({ type: "notice", tone: "info", kind: "setting-ignored", summary, payload: {} });
  }
  return {
    threadId,
    input: yield* inputOf(session, "prompt", input),
    // The same each time that it is sent, so that codex can tell.
    clientUserMessageId: yield* messageIdOf(input),
    ...(mode === toldMode ? {} : policyOf(mode, workspace)),
    ...(model?.model === undefined ? {} : { model: model.model }),
    ...(effort === undefined ? {} : { effort }),
  } satisfies TurnStartParams;
});

const inputOf = (
  session: CodexSession,
  operation: "prompt" | "steer",
  prompt: Pick<PromptInput, "text" | "attachments">,
) => {
  const result = userInput(prompt);
  if ("input" in result) return Effect.succeed(result.input);
  const { name, mimeType } = result.refused;
  return Effect.fail(
    session.error(operation, `${session.provider} takes no ${mimeType} (${name}). Leave it out.`),
  );
};

const messageIdOf = ({ promptId }: Pick<PromptInput, "promptId">): Effect.Effect<string> =>
  Effect.sync(() => promptId ?? randomUUID());
