/** From a started process to a session that takes prompts. */
import { methods, PROTOCOL_VERSION } from "@agentclientprotocol/sdk";
import { Effect, type Schema } from "effect";
import { CLIENT_INFO } from "../shared/ClientInfo.ts";
import type { ProviderError, StartInput } from "../shared/Provider.ts";
import { read } from "../shared/Read.ts";
import type { AcpSession, AgentRefused } from "./AcpSession.ts";
import { canFork, FORK, resumeMethodOf } from "./Capabilities.ts";
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
  const goOn = input.fork ? fork : resume;
  const resumed = cursor === undefined ? false : yield* goOn(session, input.cwd, cursor.sessionId);
  if (!resumed) yield* create(session, input.cwd);
  return resumed;
});

/** What goes into `resume` of a later start. */
export const resumeCursorOf = (session: AcpSession): Schema.Json =>
  resumeMethodOf(session.agent) === undefined ? null : { sessionId: session.sessionId };

const initialize = Effect.fnUntraced(function* (session: AcpSession) {
  const answer = yield* session
    .ask(methods.agent.initialize, {
      protocolVersion: PROTOCOL_VERSION,
      clientInfo: CLIENT_INFO,
      clientCapabilities: {
        fs: { readTextFile: true, writeTextFile: true },
        // Agents run commands themselves then, and what they start ends with them.
        terminal: false,
        elicitation: { form: {}, url: {} },
        session: { notices: {}, compaction: {}, configOptions: { boolean: {} } },
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
  const method = resumeMethodOf(session.agent);
  if (method === undefined) return false;
  session.sessionId = sessionId;
  const answer = yield* askToGoOn(session, method, { cwd, sessionId }, "go on with the earlier session");
  if (answer === undefined) {
    session.sessionId = "";
    return false;
  }
  session.usage.goOn();
  // An answer to session/resume may be empty: the session is the one that was named.
  adopt(session, readSession(answer) ?? {});
  // Only loading repeats what was said; what comes after a resume is news.
  session.replaying = method === methods.agent.session.load;
  return true;
});

/** False where the agent copies no sessions: the other thread's session is not to be gone on with itself. */
const fork = Effect.fnUntraced(function* (session: AcpSession, cwd: string, sessionId: string) {
  if (!canFork(session.agent)) return false;
  const answer = yield* askToGoOn(session, FORK, { cwd, sessionId }, "copy the other session");
  if (answer === undefined) return false;
  const copy = readSession(answer);
  if (!copy?.sessionId) return yield* session.error("start", notUnderstood(session, FORK));
  session.sessionId = copy.sessionId;
  adopt(session, copy);
  return true;
});

/** The answer; `undefined`, and a notice, where the agent refuses for another reason than the want of a login. */
const askToGoOn = Effect.fnUntraced(function* (
  session: AcpSession,
  method: "session/resume" | "session/load" | typeof FORK,
  named: { readonly cwd: string; readonly sessionId: string },
  what: string,
) {
  session.replaying = true;
  const params = { ...named, mcpServers: [] };
  const asking = method === FORK ? session.askExtension(method, params) : session.ask(method, params);
  const answer = yield* asking.pipe(
    Effect.catchTag("AgentRefused", (error) => {
      if (error.wantsLogin) return Effect.fail(error);
      const { sessionId } = named;
      const summary = `The agent could not ${what}: ${error.reason}`;
      session.notice("info", "resume-failed", summary, { sessionId });
      return Effect.undefined;
    }),
    Effect.catchTag("AgentGone", () => Effect.never),
    refusedAs(session, `would not ${what}`),
  );
  session.replaying = false;
  return answer;
});

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
