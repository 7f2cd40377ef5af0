/**
 * Two real agents behind ACP: the adapters that the protocol's makers keep around Claude and around Codex, on a model that
 * says what the prompt tells it to. HEDDLE_TEST_AGENTS names the folder that has them in its node_modules.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Effect, type Scope } from "effect";
import { knownAgents } from "../../src/acp/KnownAgents.ts";
import type { AgentLaunch } from "../../src/shared/Provider.ts";
import { agentsFolder, stubModelPort } from "../agents/stubModel.ts";
import { environment } from "../claude/real.ts";
import { codexBinary, codexHome } from "../codex/real.ts";
import { start, type StartOptions, workspace } from "../support.ts";

export interface Wrapper {
  readonly name: "claude-acp" | "codex-acp";
  readonly script: string;
  /** With a home of its own, where it keeps its sessions. */
  readonly env: Effect.Effect<Readonly<Record<string, string>>, never, Scope.Scope>;
}

const scriptOf = (name: string): string =>
  join(agentsFolder ?? "", "node_modules/@agentclientprotocol", name, "dist/index.js");

export const claudeAcp: Wrapper = {
  name: "claude-acp",
  script: scriptOf("claude-agent-acp"),
  env: Effect.gen(function* () {
    const env = environment({ folder: yield* workspace, port: yield* stubModelPort });
    // Where the machine calls itself a sandbox, it would offer root what claude then refuses.
    return { ...env, IS_SANDBOX: "" };
  }),
};

export const codexAcp: Wrapper = {
  name: "codex-acp",
  script: scriptOf("codex-acp"),
  env: Effect.map(codexHome, (home) => ({
    CODEX_HOME: home,
    HOME: home,
    CODEX_PATH: codexBinary ?? "",
    NO_BROWSER: "1",
    RUST_LOG: "error",
  })),
};

export const isThere = ({ script }: Wrapper): boolean => agentsFolder !== undefined && existsSync(script);

export interface WrapperOptions extends StartOptions {
  readonly env?: Readonly<Record<string, string>>;
}

/** As it comes with Heddle, but for its command. */
export const startWrapper = Effect.fnUntraced(function* (
  { name, script, env: freshEnv }: Wrapper,
  { env: given, ...options }: WrapperOptions = {},
) {
  const env = given ?? (yield* freshEnv);
  const known: AgentLaunch = knownAgents[name] ?? { protocol: "acp", command: "", args: [], env: {} };
  const agent: AgentLaunch = { ...known, command: process.execPath, args: [script], env };
  const started = yield* start({ ...options, agents: { [name]: agent }, model: { provider: name } });
  return { ...started, env };
});
