/**
 * The real claude, on a model that says what the prompt tells it to: no account, and no network beyond loopback. It is
 * large, so it is not among what the tests install: HEDDLE_TEST_AGENTS names a folder with
 * `@anthropic-ai/claude-agent-sdk` in its node_modules, which brings it.
 */
import { globSync } from "node:fs";
import { join } from "node:path";
import { assert } from "@effect/vitest";
import { Effect } from "effect";
import { agentsFolder, stubModelPort } from "../agents/stubModel.ts";
import { start, type Started, type StartOptions, workspace } from "../support.ts";

export const claudeBinary: string | undefined =
  agentsFolder === undefined
    ? undefined
    : globSync(join(agentsFolder, "node_modules/@anthropic-ai/claude-agent-sdk-*/claude*")).toSorted()[0];

export interface ClaudeHome {
  /** Where claude keeps its sessions and its settings. */
  readonly folder: string;
  readonly port: number;
}

export const claudeHome = Effect.gen(function* () {
  return { folder: yield* workspace, port: yield* stubModelPort } satisfies ClaudeHome;
});

/** A child sees what the server sees, so that what is of the person who runs the tests is taken away by name. */
export const environment = ({ folder, port }: ClaudeHome): Record<string, string> => ({
  HOME: folder,
  CLAUDE_CONFIG_DIR: folder,
  CLAUDECODE: "",
  ANTHROPIC_BASE_URL: `http://127.0.0.1:${port}`,
  ANTHROPIC_API_KEY: "sk-ant-stub",
  ANTHROPIC_AUTH_TOKEN: "",
  CLAUDE_CODE_OAUTH_TOKEN: "",
  ANTHROPIC_MODEL: "claude-sonnet-4-5",
  ANTHROPIC_SMALL_FAST_MODEL: "claude-haiku-4-5",
  CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
  CLAUDE_CODE_MAX_RETRIES: "1",
  DISABLE_AUTOUPDATER: "1",
  DISABLE_ERROR_REPORTING: "1",
  DISABLE_TELEMETRY: "1",
});

export interface RealOptions extends StartOptions {
  readonly home?: ClaudeHome;
  readonly env?: Readonly<Record<string, string>>;
}

export const startReal = Effect.fnUntraced(function* ({ home: given, env, ...options }: RealOptions = {}) {
  const home = given ?? (yield* claudeHome);
  const claude = {
    protocol: "claude",
    command: claudeBinary ?? "",
    args: [],
    env: { ...environment(home), ...env },
  } as const;
  const started = yield* start({ model: { provider: "claude" }, ...options, agents: { claude } });
  return { ...started, home };
});

/** What was told last of what a turn has used; fails where anything of it was not told. */
export const usageOf = (seen: Started["seen"]) => {
  const { usage, context } = seen.all("usage.updated").at(-1) ?? assert.fail("No usage was told.");
  const { usedTokens, windowTokens } = context ?? assert.fail("Nothing of the context was told.");
  return {
    inputTokens: usage.inputTokens,
    costUsd: usage.costUsd ?? assert.fail("No cost was told."),
    usedTokens,
    windowTokens,
  };
};
