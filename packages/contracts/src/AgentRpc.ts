/**
 * The agents that a server knows (SPEC section 3.11): which there are, and whether they can be used. A check starts the
 * agent, but gives it no prompt, and changes none of its settings.
 */
import { Schema } from "effect";
import { Rpc, RpcGroup } from "effect/rpc";
import { ReadError } from "./Errors.ts";
import { ProviderName } from "./Model.ts";
import { ProviderCapabilities } from "./ProviderRuntimeEvent.ts";

export const AgentInfo = Schema.Struct({
  name: Schema.String,
  /** For people. */
  title: Schema.String,
  /** Which adapter speaks to it. */
  protocol: Schema.String,
  command: Schema.String,
  args: Schema.Array(Schema.String),
  source: Schema.Literals(["built-in", "settings"]),
  /** The command as the server finds it, an absolute path; null where it does not. */
  found: Schema.NullOr(Schema.String),
  /** How to install it and how to log in, a line each; null where Heddle does not know. */
  install: Schema.NullOr(Schema.String),
  login: Schema.NullOr(Schema.String),
});
export type AgentInfo = typeof AgentInfo.Type;

export const AgentList = Schema.Struct({ agents: Schema.Array(AgentInfo) });
export type AgentList = typeof AgentList.Type;

/** What an agent says of itself when it is asked. */
export const AgentState = Schema.Struct({
  version: Schema.NullOr(Schema.String),
  /** `unknown` where it does not say, and asked for no login either. */
  loggedIn: Schema.Literals(["in", "out", "unknown"]),
  /** As what it is logged in, without names: `ChatGPT (plus)`, `API key`. */
  account: Schema.NullOr(Schema.String),
  /** Null where the agent says so only when it is started, and did not start. */
  capabilities: Schema.NullOr(ProviderCapabilities),
  /** What was wrong, for a person. */
  problems: Schema.Array(Schema.String),
});
export type AgentState = typeof AgentState.Type;

export const AgentCheck = Schema.Struct({
  agent: AgentInfo,
  /** It was found, it answered, and it does not want a login. */
  usable: Schema.Boolean,
  ...AgentState.fields,
  /** What to do about it. */
  advice: Schema.Array(Schema.String),
});
export type AgentCheck = typeof AgentCheck.Type;

export const CheckAgentsInput = Schema.Struct({
  /** Those that are found, and those of the settings, where it is absent. */
  names: Schema.optionalKey(Schema.Array(ProviderName).check(Schema.isMaxLength(100))),
});
export type CheckAgentsInput = typeof CheckAgentsInput.Type;

const method = "orchestration";

export const AgentRpcs = RpcGroup.make(
  Rpc.make(`${method}.listAgents`, { payload: Schema.Unknown, success: AgentList, error: ReadError }),
  Rpc.make(`${method}.checkAgents`, {
    payload: Schema.Unknown,
    success: AgentCheck,
    error: ReadError,
    stream: true,
  }),
);
