/** From a person's wish for a session to one that takes prompts. */
import { randomUUID } from "node:crypto";
import { Data, Effect } from "effect";
import type { Deadlines } from "../shared/Deadlines.ts";
import { startProcessSession } from "../shared/ProcessSession.ts";
import { type AgentLaunch, ProviderError, type StartInput } from "../shared/Provider.ts";
import { read } from "../shared/Read.ts";
import { ClaudeSession } from "./ClaudeSession.ts";
import { Conversation } from "./Conversation.ts";
import { agentNotice } from "./Notices.ts";
import { type Opening, optionsOf } from "./Options.ts";
import { reasonOf } from "./Outcomes.ts";
import { ResumeCursor } from "./Wire.ts";

/** Claude has no such session any more, or cannot read it. */
class ResumeRefused extends Data.TaggedError("ResumeRefused")<{ readonly reason: string }> {}

const readCursor = read(ResumeCursor);

/** In the session that was asked for, or in a copy of it; where claude cannot go on with it, in a new one. */
export const startSession = Effect.fnUntraced(function* (
  provider: string,
  launch: AgentLaunch,
  input: StartInput,
  deadlines: Deadlines,
) {
  const attempt = (opening: Opening) => open(provider, launch, input, opening, deadlines);
  const cursor = input.resume === undefined ? undefined : readCursor(input.resume);
  let refused: string | undefined;
  if (cursor !== undefined) {
    const { sessionId: resume } = cursor;
    const sessionId = input.fork ? randomUUID() : resume;
    const resumed = yield* attempt({ sessionId, resume, ...(input.fork ? { fork: true } : {}) }).pipe(
      Effect.catchTag("ResumeRefused", ({ reason }) =>
        Effect.sync(() => {
          refused = reason;
          return undefined;
        }),
      ),
    );
    if (resumed !== undefined) {
      resumed.session.begin(true);
      return resumed;
    }
  }
  const fresh = yield* attempt({ sessionId: randomUUID() }).pipe(
    Effect.catchTag("ResumeRefused", ({ reason }) => Effect.fail(cannotStart(provider, reason))),
  );
  fresh.session.begin(false);
  if (refused !== undefined) {
    const what = input.fork ? "in a copy of the other session" : "with the earlier session";
    fresh.session.emit(agentNotice("info", `Claude could not go on ${what}: ${refused}`));
  }
  return fresh;
});

const open = Effect.fnUntraced(function* (
  provider: string,
  launch: AgentLaunch,
  input: StartInput,
  opening: Opening,
  deadlines: Deadlines,
) {
  const { cwd, runtimeMode: mode } = input;
  const { query } = yield* loadSdk(provider);
  const conversation = yield* Effect.try({
    try: () => new Conversation(query, optionsOf(launch, input, opening)),
    catch: (error) => cannotStart(provider, String(error)),
  });
  const { args, env } = conversation.bridge.added;
  let session: ClaudeSession | undefined;
  return yield* startProcessSession({
    provider,
    launch: { ...launch, args: [...launch.args, ...args], env: { ...env, ...launch.env } },
    cwd,
    deadlines,
    make: (process, queue) => {
      const { sessionId } = opening;
      session = new ClaudeSession({
        provider,
        process,
        queue,
        conversation,
        sessionId,
        cwd,
        mode,
        deadlines,
        login: launch.login,
      });
      return session;
    },
    handshake: (begun) =>
      Effect.tryPromise({
        try: () => conversation.query.initializationResult(),
        catch: (error) => String(error),
      }).pipe(
        // Where claude ends over it, its exit says more.
        Effect.tapError((why) => Effect.sync(() => begun.process.appendNoise(why))),
        Effect.tapError(() => Effect.sleep(deadlines.closing)),
        Effect.mapError((why) => begun.error("start", notStarted(provider, why))),
      ),
  }).pipe(
    Effect.onError(() => Effect.sync(() => conversation.end())),
    // By now the process has ended, and all that it said has been read.
    Effect.catch((error): Effect.Effect<never, ProviderError | ResumeRefused> => {
      const failure = session?.startFailure;
      if (failure === undefined) return Effect.fail(error);
      const reason = reasonOf(failure);
      return opening.resume !== undefined && !failure.startup_failure_reason
        ? Effect.fail(new ResumeRefused({ reason }))
        : Effect.fail(cannotStart(provider, reason));
    }),
  );
});

/** It is large: only a server that runs claude pays for it. */
const loadSdk = (provider: string) =>
  Effect.tryPromise({
    try: () => import("@anthropic-ai/claude-agent-sdk"),
    catch: (error) => cannotStart(provider, `the Claude Agent SDK could not be loaded: ${String(error)}`),
  });

const cannotStart = (provider: string, reason: string): ProviderError =>
  new ProviderError({ provider, operation: "start", message: notStarted(provider, reason) });

const notStarted = (provider: string, reason: string): string => `${provider} would not start: ${reason}`;
