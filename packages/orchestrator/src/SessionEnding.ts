/** What a session's beginning and end mean to its thread. */
import type { SessionState } from "@heddle/contracts/Events";
import type { ModelSelection, RuntimeMode, TurnOutcome } from "@heddle/contracts/Model";
import type { ProviderRuntimeEvent } from "@heddle/contracts/ProviderRuntimeEvent";
import { STOPPED } from "@heddle/domain/Thread";
import { ProviderError } from "@heddle/providers/shared/Provider";

export interface SessionEnding {
  readonly status: "stopped" | "interrupted" | "error";
  readonly turnStatus: TurnOutcome;
  readonly reason: string | null;
}

export const stoppedWhileStarting = (provider: string): ProviderError =>
  new ProviderError({ provider, operation: "start", message: `${provider} was stopped while it started.` });

export const diedAtOnce = (provider: string): ProviderError =>
  new ProviderError({
    provider,
    operation: "start",
    message: `${provider} ended before its session began; the session's last error says more.`,
  });

/** It could not be stored, or not be set up: it is ended, and started again with the next try. */
export const cutShort = (reason: string): SessionEnding => ({
  status: "error",
  turnStatus: "error",
  reason: `The session could not begin: ${reason}`,
});

/** Another agent, or another folder, takes its place; or what it remembers is undone. */
export const replaced: SessionEnding = {
  status: "stopped",
  turnStatus: "interrupted",
  reason: null,
};

export const stoppedByPerson: SessionEnding = {
  status: "stopped",
  turnStatus: "interrupted",
  reason: STOPPED,
};

/** It was interrupted before it had a turn: the next one starts another. */
export const notNeeded: SessionEnding = replaced;

export const modeRefused = (mode: RuntimeMode, reason: string): SessionEnding => ({
  status: "stopped",
  turnStatus: "interrupted",
  reason: `The agent did not take the mode ${mode}, and its session was ended; the next turn starts in it. ${reason}`,
});

/** Nobody wanted anything of it for long. */
export const idle: SessionEnding = replaced;

export const unheeded: SessionEnding = {
  status: "interrupted",
  turnStatus: "interrupted",
  reason: "The agent did not stop when asked; its process was ended.",
};

export const serverStopped = (inTurn: boolean): SessionEnding => ({
  status: inTurn ? "interrupted" : "stopped",
  turnStatus: "interrupted",
  reason: "The server stopped.",
});

/** The session as the thread shows it, without a turn. */
export const stateOf = (
  status: SessionState["status"],
  model: ModelSelection,
  started: Extract<ProviderRuntimeEvent, { type: "session.started" }> | undefined,
): SessionState => ({
  status,
  providerName: model.provider,
  providerSessionId: started?.providerSessionId ?? null,
  providerThreadId: started?.providerThreadId ?? null,
  activeTurnId: null,
  lastError: null,
  ...(started && { capabilities: started.capabilities }),
});

/** What the end of a process that nobody asked for means. */
export const exitOf = (
  exited: Extract<ProviderRuntimeEvent, { type: "session.exited" }> | undefined,
): SessionEnding => {
  const how = exited?.signal ? `by signal ${exited.signal}` : `with code ${exited?.exitCode ?? "unknown"}`;
  const detail = exited?.detail.trim() ? `\n${exited.detail.trim()}` : "";
  return {
    status: "error",
    turnStatus: "error",
    reason: `The agent's process ended ${how}.${detail}`,
  };
};
