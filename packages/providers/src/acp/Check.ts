/** Whether an agent of the protocol can be used: what it says of itself, and whether it wants a login. */
import { methods, PROTOCOL_VERSION } from "@agentclientprotocol/sdk";
import { Effect, Option, Schema } from "effect";
import { CLIENT_INFO } from "../shared/ClientInfo.ts";
import { type Findings, notUnderstood } from "../shared/Findings.ts";
import type { Probe } from "../shared/Probe.ts";
import { probing } from "../shared/Probing.ts";
import type { ProviderAdapter } from "../shared/Provider.ts";
import { maybe, read } from "../shared/Read.ts";
import { capabilitiesOf } from "./Capabilities.ts";
import { AUTH_REQUIRED, InitializeResponse, SessionResponse } from "./Wire.ts";

/** How the adapters of large agents tell as whom they are logged in, without being asked. */
const AUTH_STATUS = "_auth/status_update";
/** They look it up behind their first answer. */
const AUTH_STATUS_IN = "6 seconds";
const CLOSED_IN = "2 seconds";

const readInitialize = read(InitializeResponse);
const readSession = read(SessionResponse);
const readIdentity = read(
  Schema.Struct({
    agentInfo: maybe(Schema.Struct({ version: maybe(Schema.String) })),
    agentCapabilities: maybe(
      Schema.Struct({ _meta: maybe(Schema.Struct({ authStatus: maybe(Schema.Unknown) })) }),
    ),
  }),
);
const readAuthStatus = read(
  Schema.Struct({ authStatus: Schema.Struct({ kind: Schema.String, label: maybe(Schema.String) }) }),
);

export const checkAcp: ProviderAdapter["check"] = (provider, launch, deadlines) =>
  probing(
    provider,
    launch,
    deadlines,
    Effect.fnUntraced(function* (probe, findings, cwd) {
      const answer = yield* probe.ask(methods.agent.initialize, {
        protocolVersion: PROTOCOL_VERSION,
        clientInfo: CLIENT_INFO,
        clientCapabilities: {},
      });
      const agent = readInitialize(answer);
      if (agent === undefined) {
        findings.problems = [notUnderstood("initialize")];
        return;
      }
      const identity = readIdentity(answer);
      findings.version = identity?.agentInfo?.version ?? null;
      findings.capabilities = capabilitiesOf(agent);
      if (agent.protocolVersion !== PROTOCOL_VERSION) {
        const versions = `version ${agent.protocolVersion} of the protocol, and Heddle version ${PROTOCOL_VERSION}`;
        findings.problems = [`It speaks ${versions}. Use a matching version of it.`];
        return;
      }
      const tells = identity?.agentCapabilities?.["_meta"]?.authStatus;
      if (tells !== undefined && tells !== null && (yield* heardLogin(probe, findings))) return;
      yield* triedSession(probe, findings, agent, cwd);
    }),
  );

/** False where the agent did not tell after all. */
const heardLogin = Effect.fnUntraced(function* (probe: Probe, findings: Findings) {
  const told = yield* Effect.timeoutOption(probe.told(AUTH_STATUS), AUTH_STATUS_IN);
  const status = readAuthStatus(Option.getOrUndefined(told))?.authStatus;
  if (status === undefined) return false;
  findings.loggedIn = status.kind === "none" ? "out" : "in";
  findings.account = status.kind === "none" ? null : (status.label ?? null);
  return true;
});

/** An agent that knows ways to log in refuses a session to whom is not; of any other, a session says nothing of that. */
const triedSession = Effect.fnUntraced(function* (
  probe: Probe,
  findings: Findings,
  agent: InitializeResponse,
  cwd: string,
) {
  const session = yield* probe.ask(methods.agent.session.new, { cwd, mcpServers: [] }).pipe(
    Effect.map(readSession),
    Effect.catchTag("ProbeRefused", (refused) =>
      refused.code === AUTH_REQUIRED ? Effect.succeed(null) : Effect.fail(refused),
    ),
  );
  if (session === null) {
    findings.loggedIn = "out";
    return;
  }
  if (!session?.sessionId) {
    findings.problems = [notUnderstood("session/new")];
    return;
  }
  if ((agent.authMethods ?? []).length > 0) findings.loggedIn = "in";
  // Nothing of it is to stay among the agent's sessions; one that cannot forget keeps an empty one.
  const { sessionId } = session;
  for (const [capability, method] of [
    ["close", methods.agent.session.close],
    ["delete", methods.agent.session.delete],
  ] as const) {
    if (!agent.agentCapabilities?.sessionCapabilities?.[capability]) continue;
    yield* probe.ask(method, { sessionId }).pipe(Effect.timeoutOption(CLOSED_IN), Effect.ignore);
  }
});
