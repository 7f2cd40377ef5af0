/** The demo agent: an ACP agent of our own that needs no account and does what its prompt says. */
import { randomUUID } from "node:crypto";
import * as acp from "@agentclientprotocol/sdk";
import { type DemoSession, DemoTurn } from "./Turn.ts";

interface Live {
  readonly session: DemoSession;
  turn: DemoTurn | undefined;
}

/** What other agents of the protocol take as `_session/steering`: a prompt for the turn that runs. */
const STEERING = "_session/steering";

export const demoAgent = (): acp.AgentApp => {
  const sessions = new Map<string, Live>();
  let canAsk = false;

  const find = (sessionId: string): Live => {
    const live = sessions.get(sessionId);
    if (live === undefined) throw acp.RequestError.sessionNotFound(sessionId);
    return live;
  };

  return acp
    .agent({ name: "heddle-demo" })
    .onConnect(({ signal }) => {
      // A client that is gone hears nothing any more; what was begun for it is not to live on.
      signal.addEventListener("abort", () => {
        for (const { turn } of sessions.values()) turn?.cancel();
      });
    })
    .onRequest(acp.methods.agent.initialize, ({ params }) => {
      canAsk = Boolean(params.clientCapabilities?.elicitation?.form);
      return {
        protocolVersion: acp.PROTOCOL_VERSION,
        agentInfo: { name: "heddle-demo", title: "Demo", version: "0.1.0" },
        agentCapabilities: { sessionCapabilities: { close: {} } },
        _meta: { steering: { supported: true } },
      };
    })
    .onRequest(acp.methods.agent.session.new, ({ params }) => {
      const sessionId = randomUUID();
      const session: DemoSession = { sessionId, cwd: params.cwd, canAsk, calls: 0 };
      sessions.set(sessionId, { session, turn: undefined });
      return { sessionId };
    })
    .onRequest(acp.methods.agent.session.prompt, async ({ params, client }) => {
      const live = find(params.sessionId);
      if (live.turn !== undefined) throw acp.RequestError.invalidRequest(undefined, "a turn is running");
      const turn = new DemoTurn(live.session, client);
      live.turn = turn;
      try {
        const stopReason = await turn.run(textOf(params.prompt));
        return { stopReason, ...turn.usage };
      } finally {
        live.turn = undefined;
      }
    })
    .onRequest(STEERING, parseSteering, ({ params }) => {
      const { turn } = find(params.sessionId);
      if (turn === undefined) return { outcome: "promptRequired", reason: "noRunningTurn" };
      turn.add(textOf(params.prompt));
      return { outcome: "injected" };
    })
    .onNotification(acp.methods.agent.session.cancel, ({ params }) => {
      sessions.get(params.sessionId)?.turn?.cancel();
    })
    .onRequest(acp.methods.agent.session.close, ({ params }) => {
      find(params.sessionId).turn?.cancel();
      sessions.delete(params.sessionId);
      return {};
    });
};

const textOf = (prompt: ReadonlyArray<acp.ContentBlock>): string =>
  prompt.flatMap((block) => (block.type === "text" ? block.text : [])).join("\n");

const parseSteering = (params: unknown): acp.PromptRequest => {
  if (
    typeof params === "object" &&
    params !== null &&
    "sessionId" in params &&
    typeof params.sessionId === "string" &&
    "prompt" in params &&
    Array.isArray(params.prompt)
  ) {
    return { sessionId: params.sessionId, prompt: params.prompt };
  }
  throw acp.RequestError.invalidParams(undefined, "steering takes a sessionId and a prompt");
};
