/** What the log and the table of processes say of a session while it starts. */
import type { SessionState } from "@heddle/contracts/Events";
import type { ThreadId } from "@heddle/contracts/Ids";
import type { ModelSelection } from "@heddle/contracts/Model";
import type { ProviderRuntimeEvent } from "@heddle/contracts/ProviderRuntimeEvent";
import type { SessionRuntime } from "@heddle/event-store/SessionRuntime";
import type { ProviderError } from "@heddle/providers/shared/Provider";
import { Deferred, Effect } from "effect";
import { commandIdFrom } from "./DerivedId.ts";
import type { Engine } from "./Engine.ts";
import type { Origin } from "./GroupWriter.ts";
import type { LiveSession } from "./LiveSession.ts";
import { diedAtOnce, stateOf } from "./SessionEnding.ts";

export type SessionStarted = Extract<ProviderRuntimeEvent, { type: "session.started" }>;

export const sessionRecord = (engine: Engine["Service"], runtime: SessionRuntime["Service"]) => {
  const set = (threadId: ThreadId, key: string, session: SessionState, origin: Origin) =>
    engine.dispatch(
      { type: "thread.session.set", commandId: commandIdFrom("session", threadId, key), threadId, session },
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
    ready: Effect.fnUntraced(function* (session: LiveSession, started: Deferred.Deferred<SessionStarted>) {
      const { threadId, model, agent, ingest, closed, resumed } = session;
      const event = yield* Effect.raceFirst(
        Deferred.await(started),
        Effect.andThen(Deferred.await(closed), Effect.fail(diedAtOnce(model.provider))),
      );
      session.fresh = !event.resumed;
      yield* runtime.put({
        providerSessionId: event.providerSessionId,
        threadId,
        providerName: model.provider,
        adapterKey: agent.adapterKey,
        providerThreadId: event.providerThreadId ?? null,
        status: "running",
        // A session that was told nothing yet, and one that may still go by its source's name, is nothing to resume.
        resumeCursor: event.resumed && !resumed?.fork ? agent.resumeCursor : null,
        runtimePayload: { pid: agent.pid, mark: agent.processMark },
      });
      yield* set(
        threadId,
        `${ingest.instance}/ready`,
        stateOf("ready", model, event),
        yield* ingest.origin(),
      );
    }),
  };
};
