/** From a started process to a session that takes prompts. */
import { methods, PROTOCOL_VERSION } from "@agentclientprotocol/sdk";
import { Effect, type Schema } from "effect";
import type { ProviderError, StartInput } from "../shared/Provider.ts";
import { read } from "../shared/Read.ts";
import type { AcpSession, AgentRefused } from "./AcpSession.ts";
import { readConfigOptions } from "./ConfigOptions.ts";
import { InitializeResponse, ResumeCursor, SessionResponse } from "./Wire.ts";

const readInitialize = read(InitializeResponse);
const readSession = read(SessionResponse);
const readCursor = read(ResumeCursor);

/**
 * Tells whether the session is the one that was asked for, with its memory. Never ends where the agent is gone: its
 * exit, for which the caller waits beside this, says more.
 */
export const handshake = Effect.fnUntraced(function* (session: AcpSession, input: StartInput) {
  yield* initialize(session);
  const cursor = input.resume === undefined ? undefined : readCursor(input.resume);
  const resumed = cursor === undefined ? false : yield* resume(session, input.cwd, cursor.sessionId);
  if (!resumed) yield* create(session, input.cwd);
  return resumed;
});

/** What goes into `resume` of a later start. */
export const resumeCursorOf = (session: AcpSession): Schema.Json =>
  resumeMethodOf(session) === undefined ? null : { sessionId: session.sessionId };

/** Both adapters of large agents announce it so; it is an extension of the protocol. */
export const canSteer = (session: AcpSession): boolean => {
  const steering = session.agent?.["_meta"]?.["steering"];
  return (
    typeof steering === "object" &&
    steering !== null &&
    "supported" in steering &&
    steering.supported === true
  );
};

const initialize = Effect.fnUntraced(function* (session: AcpSession) {
  const answer = yield* session
    .ask(methods.agent.initialize, {
      protocolVersion: PROTOCOL_VERSION,
      clientInfo: { name: "heddle", title: "Heddle", version: "0.1.0" },
      clientCapabilities: {
        fs: { readTextFile: true, writeTextFile: true },
        terminal: false,
        elicitation: { form: {} },
        session: { notices: {}, configOptions: { boolean: {} } },
      },
    })
    .pipe(
      Effect.catchTag("AgentGone", () => Effect.never),
      refusedAs(session, "would not start"),
    );
  const agent = readInitialize(answer);
  if (agent === undefined) return yield* session.error("start", notUnderstood(session, "initialize"));
  if (agent.protocolVersion !== PROTOCOL_VERSION) {
    const versions = `version ${agent.protocolVersion} of the protocol, and Heddle version ${PROTOCOL_VERSION}`;
    return yield* session.error(
      "start",
      `${session.provider} speaks ${versions}. Use a matching version of it.`,
    );
  }
  session.agent = agent;
});

const create = Effect.fnUntraced(function* (session: AcpSession, cwd: string) {
  const answer = yield* session.ask(methods.agent.session.new, { cwd, mcpServers: [] }).pipe(
    Effect.catchTag("AgentGone", () => Effect.never),
    refusedAs(session, "would not open a session"),
  );
  const response = readSession(answer);
  if (!response?.sessionId) return yield* session.error("start", notUnderstood(session, "session/new"));
  session.sessionId = response.sessionId;
  adopt(session, response);
});

/** False where the agent has no memory of the session: the thread then goes on in a new one. */
const resume = Effect.fnUntraced(function* (session: AcpSession, cwd: string, sessionId: string) {
  const method = resumeMethodOf(session);
  if (method === undefined) return false;
  session.sessionId = sessionId;
  session.replaying = true;
  const answer = yield* session.ask(method, { sessionId, cwd, mcpServers: [] }).pipe(
    Effect.catchTag("AgentRefused", (error) =>
      error.wantsLogin
        ? Effect.fail(error)
        : Effect.sync(() => {
            session.sessionId = "";
            session.replaying = false;
            const summary = `The agent could not go on with the earlier session: ${error.reason}`;
            session.notice("info", "resume-failed", summary, { sessionId });
          }),
    ),
    Effect.catchTag("AgentGone", () => Effect.never),
    refusedAs(session, "would not go on with its session"),
  );
  if (session.sessionId === "") return false;
  // An answer to session/resume may be empty: the session is the one that was named.
  adopt(session, readSession(answer) ?? {});
  // Only loading repeats what was said; what comes after a resume is news.
  session.replaying = method === methods.agent.session.load;
  return true;
});

/** Resuming is preferred: it does not send the whole history again. */
const resumeMethodOf = (session: AcpSession) => {
  const capabilities = session.agent?.agentCapabilities;
  if (capabilities?.sessionCapabilities?.["resume"]) return methods.agent.session.resume;
  return capabilities?.loadSession ? methods.agent.session.load : undefined;
};

const adopt = (session: AcpSession, response: SessionResponse): void => {
  session.configOptions = readConfigOptions(response.configOptions);
  session.modeIds = (response.modes?.availableModes ?? []).map(({ id }) => id);
};

const refusedAs = (session: AcpSession, what: string) =>
  Effect.mapError((error: AgentRefused): ProviderError =>
    session.error("start", error.wantsLogin ? error.reason : `${session.provider} ${what}: ${error.reason}`),
  );

const notUnderstood = (session: AcpSession, method: string): string =>
  `${session.provider} answered ${method} with something that Heddle does not understand.`;
