/** What the log and the table of processes say of a session while it starts. */
import type { SessionState } from "@heddle/contracts/Events";
import type { ThreadId } from "@heddle/contracts/Ids";
import type { ModelSelection } from "@heddle/contracts/Model";
import type { ProviderRuntimeEvent } from "@heddle/contracts/ProviderRuntimeEvent";
import type { SessionRuntime, SessionRuntimeEntry } from "@heddle/event-store/SessionRuntime";
import type { AgentSession, ProviderError } from "@heddle/providers/shared/Provider";
import { Deferred, Effect } from "effect";
import type { AgentIngest } from "./AgentIngest.ts";
import { commandIdFrom } from "./DerivedId.ts";
import type { Engine } from "./Engine.ts";
import type { Origin } from "./GroupWriter.ts";
import { diedAtOnce, stateOf } from "./SessionEnding.ts";

export type SessionStarted = Extract<ProviderRuntimeEvent, { type: "session.started" }>;

interface StartingSession {
  readonly threadId: ThreadId;
  readonly model: ModelSelection;
  readonly agent: AgentSession;
  readonly ingest: AgentIngest;
  readonly closed: Deferred.Deferred<void>;
}

interface Start {
  readonly session: StartingSession;
  readonly started: Deferred.Deferred<SessionStarted>;
  /** The thread's session before this one. */
  readonly previous: SessionRuntimeEntry | undefined;
  readonly key: string;
  readonly origin: Origin;
}

export const sessionRecord = (engine: Engine["Service"], runtime: SessionRuntime["Service"]) => {
  const set = (threadId: ThreadId, key: string, session: SessionState, origin: Origin) =>
    engine.dispatch(
      { type: "thread.session.set", commandId: commandIdFrom("session", threadId, key), threadId, session },
      origin,
    );

  /** The agent's memory is not the transcript: where it starts afresh, the thread says so. */
  const sayForgotten = ({ session: { threadId }, key, origin }: Start, canResume: boolean) =>
    engine.dispatch(
      {
        type: "thread.activity.append",
        commandId: commandIdFrom("fresh-session", threadId, key),
        threadId,
        turnId: null,
        tone: "info",
        kind: "session.fresh",
        summary: canResume
          ? "The agent could not go on in its earlier session and starts afresh, without its memory of this thread."
          : "This agent cannot go on in an earlier session: it starts afresh, without its memory of this thread.",
        detail: null,
      },
      origin,
    );

  return {
    starting: (threadId: ThreadId, model: ModelSelection, key: string, origin: Origin) =>
      set(threadId, `${key}/starting`, stateOf("starting", model, undefined), origin),
    /** No process came up. Its turn may be over already, and would not say so. */
    failed: (threadId: ThreadId, model: ModelSelection, key: string, origin: Origin, error: ProviderError) =>
      set(
        threadId,
        `${key}/failed`,
        { ...stateOf("error", model, undefined), lastError: error.message },
        origin,
      ),
    /** Waits for the session's first word, and stores what a later turn, a reader or a recovery needs of it. */
    ready: Effect.fnUntraced(function* (start: Start) {
      const { threadId, model, agent, ingest, closed } = start.session;
      const event = yield* Effect.raceFirst(
        Deferred.await(start.started),
        Effect.andThen(Deferred.await(closed), Effect.fail(diedAtOnce(model.provider))),
      );
      const { providerSessionId, providerThreadId, capabilities } = event;
      yield* runtime.put({
        providerSessionId,
        threadId,
        providerName: model.provider,
        adapterKey: agent.adapterKey,
        providerThreadId: providerThreadId ?? null,
        status: "running",
        resumeCursor: agent.resumeCursor,
        runtimePayload: { pid: agent.pid, mark: agent.processMark },
      });
      yield* set(
        threadId,
        `${ingest.instance}/ready`,
        stateOf("ready", model, event),
        yield* ingest.origin(),
      );
      if (start.previous && !event.resumed) yield* sayForgotten(start, capabilities.resume);
    }),
  };
};
