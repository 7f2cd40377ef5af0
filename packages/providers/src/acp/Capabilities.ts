/** What an agent can do, by what it answered to `initialize`. Pure. */
import { methods } from "@agentclientprotocol/sdk";
import type { ProviderCapabilities } from "@heddle/contracts/ProviderRuntimeEvent";
import type { InitializeResponse } from "./Wire.ts";

/** Unstable: only the schema of what is to come has it. */
export const FORK = "session/fork";

export const capabilitiesOf = (agent: InitializeResponse | undefined): ProviderCapabilities => ({
  steer: canSteer(agent),
  resume: resumeMethodOf(agent) !== undefined,
  fork: canFork(agent),
});

/** Both adapters of large agents announce it so; it is an extension of the protocol. */
export const canSteer = (agent: InitializeResponse | undefined): boolean => {
  const steering = agent?.["_meta"]?.["steering"];
  return (
    typeof steering === "object" &&
    steering !== null &&
    "supported" in steering &&
    steering.supported === true
  );
};

/** Resuming is preferred: it does not send the whole history again. */
export const resumeMethodOf = (agent: InitializeResponse | undefined) => {
  const capabilities = agent?.agentCapabilities;
  if (capabilities?.sessionCapabilities?.["resume"]) return methods.agent.session.resume;
  return capabilities?.loadSession ? methods.agent.session.load : undefined;
};

export const canFork = (agent: InitializeResponse | undefined): boolean =>
  Boolean(agent?.agentCapabilities?.sessionCapabilities?.["fork"]);
