/** Brings an agent's own settings in line with what a person chose, and says where that is not possible. */
import { methods } from "@agentclientprotocol/sdk";
import type { RuntimeMode } from "@heddle/contracts/Model";
import { Effect } from "effect";
import type { Deadlines } from "../shared/Deadlines.ts";
import type { AgentLaunch } from "../shared/Provider.ts";
import { read } from "../shared/Read.ts";
import type { AcpSession } from "./AcpSession.ts";
import { type ConfigOption, grant, readConfigOptions, type Wish } from "./ConfigOptions.ts";
import { SessionResponse } from "./Wire.ts";

const readAnswer = read(SessionResponse);

/** A wish that cannot be granted costs a notice, not the turn. */
export const applyWishes = Effect.fnUntraced(function* (
  session: AcpSession,
  wishes: ReadonlyArray<Wish>,
  deadlines: Deadlines,
) {
  for (const wish of wishes) {
    const granted = grant(wish, session.configOptions);
    if (granted.type === "as-is") continue;
    if (granted.type === "ignored") {
      ignored(session, wish, granted.why);
      continue;
    }
    yield* setOption(session, granted.option, granted.value).pipe(
      Effect.catchTags({
        AgentRefused: ({ reason }) => Effect.sync(() => ignored(session, wish, reason)),
        // Its exit is told as an event.
        AgentGone: () => Effect.void,
      }),
      Effect.timeoutOrElse({
        duration: deadlines.handOver,
        orElse: () => Effect.sync(() => ignored(session, wish, "the agent did not answer in time")),
      }),
    );
  }
});

/** Heddle's own rules hold whatever the agent's mode is; this only spares it questions, or makes it ask at all. */
export const applyMode = Effect.fnUntraced(function* (
  session: AcpSession,
  launch: AgentLaunch,
  mode: RuntimeMode,
) {
  const modeId = launch.modes?.[mode] ?? mode;
  const wish: Wish = { name: "mode", value: modeId, find: ({ category }) => category === "mode" };
  const { sessionId } = session;
  const granted = grant(wish, session.configOptions);
  const setting = session.modeIds.includes(modeId)
    ? session.ask(methods.agent.session.setMode, { sessionId, modeId })
    : granted.type === "set"
      ? setOption(session, granted.option, granted.value)
      : Effect.sync(() => {
          const configured = launch.modes?.[mode] !== undefined && granted.type === "ignored";
          if (configured) ignored(session, wish, "this agent has no such mode");
        });
  yield* Effect.catchTags(setting, {
    AgentRefused: ({ reason }) => Effect.sync(() => ignored(session, wish, reason)),
    AgentGone: () => Effect.void,
  });
});

const setOption = (session: AcpSession, option: ConfigOption, value: string | boolean) => {
  const target = { sessionId: session.sessionId, configId: option.id };
  return session
    .ask(
      methods.agent.session.setConfigOption,
      typeof value === "boolean" ? { ...target, type: "boolean", value } : { ...target, value },
    )
    .pipe(
      Effect.map((answer) => {
        const options = readAnswer(answer)?.configOptions;
        if (options) session.configOptions = readConfigOptions(options);
      }),
    );
};

const ignored = (session: AcpSession, { name, value }: Wish, why: string): void => {
  session.notice("info", "setting-ignored", `The ${name} ${JSON.stringify(value)} was ignored: ${why}.`, {
    name,
  });
};
