/** An agent that starts afresh in a thread with a history: the thread says so, and the agent is told what was said. */
import type { TurnId } from "@heddle/contracts/Ids";
import type { Queries } from "@heddle/projections/Queries";
import { Effect } from "effect";
import { commandIdFrom } from "./DerivedId.ts";
import type { Engine } from "./Engine.ts";
import type { Origin } from "./GroupWriter.ts";
import { MAX_MESSAGE_CHARACTERS, MAX_MESSAGES, withHistory } from "./History.ts";
import type { LiveSession } from "./LiveSession.ts";

/** The turn's prompt as the session's agent is to be given it. */
export const makeTellHistory = (engine: Engine["Service"], queries: Queries["Service"]) =>
  Effect.fn("tellHistory")(function* (session: LiveSession, turnId: TurnId, prompt: string, origin: Origin) {
    if (!session.fresh) return prompt;
    const { threadId, ingest, resumed } = session;
    const history = yield* queries.saidBefore({
      threadId,
      turnId,
      limit: MAX_MESSAGES,
      characters: MAX_MESSAGE_CHARACTERS,
    });
    if (history.total === 0) return prompt;
    yield* engine.dispatch(
      {
        type: "thread.activity.append",
        commandId: commandIdFrom("fresh-session", threadId, ingest.instance),
        threadId,
        turnId: null,
        tone: "info",
        kind: "session.fresh",
        summary: resumed
          ? "The agent could not go on in its earlier session: it starts afresh, with the thread's history in place of its own memory."
          : "The agent has no earlier session to go on in: it starts afresh, with the thread's history in place of its own memory.",
        detail: null,
      },
      origin,
    );
    return withHistory(history, prompt);
  });
