/** The real agents that are installed for tests, each told to talk to the scripted model and to keep to a home of its own. */
import { cpSync, existsSync, globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { AgentLaunch } from "@heddle/providers/shared/Provider";
import { temporaryFolder } from "../server-process.ts";

const FOLDER = process.env["HEDDLE_TEST_AGENTS"];
const CODEX_HOME = fileURLToPath(new URL("../../../../packages/providers/test/codex/home", import.meta.url));
const DEMO = fileURLToPath(new URL("../../../../packages/providers/src/demo/main.ts", import.meta.url));

export interface TestedAgent {
  readonly name: string;
  /** Undefined where it is not installed. */
  readonly file: string | undefined;
  readonly launch: (file: string, modelPort: number) => AgentLaunch;
  /** A directive that makes it ask a person something, and what the answer is called in the question's place. */
  readonly question: string | undefined;
  /** A directive for a command that it asks for; `[[shell: …]]` where it asks for every command. */
  readonly asksFor?: (command: string) => string;
  /** Set where its turn ends with what a person declines. */
  readonly declineEndsTurn?: true;
  /** Set where a command goes on when its turn is interrupted, until the session ends. */
  readonly commandsGoOn?: true;
  /** Whether it goes on with what it remembers in a new process. */
  readonly resumes: boolean;
}

/** A file of an installed package; undefined where the package, or its binary for this platform, is not there. */
const installed = (pattern: string): string | undefined =>
  FOLDER === undefined ? undefined : globSync(join(FOLDER, "node_modules", pattern)).toSorted()[0];

const codexBinary = installed("@openai/codex-*/vendor/*/bin/codex*");
const claudeBinary = installed("@anthropic-ai/claude-agent-sdk-*/claude*");

const codexEnvironment = (port: number): Record<string, string> => {
  const home = temporaryFolder();
  cpSync(CODEX_HOME, home, { recursive: true });
  const file = join(home, "config.toml");
  const config = readFileSync(file, "utf8").replaceAll("@CODEX_HOME@", home);
  writeFileSync(file, config.replaceAll("@PORT@", String(port)));
  return { CODEX_HOME: home, HOME: home, RUST_LOG: "error" };
};

const claudeEnvironment = (port: number): Record<string, string> => {
  const home = temporaryFolder();
  return {
    HOME: home,
    CLAUDE_CONFIG_DIR: join(home, ".claude"),
    ANTHROPIC_BASE_URL: `http://127.0.0.1:${port}`,
    ANTHROPIC_API_KEY: "sk-ant-stub",
    ANTHROPIC_MODEL: "claude-sonnet-4-5",
    ANTHROPIC_SMALL_FAST_MODEL: "claude-haiku-4-5",
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
    DISABLE_TELEMETRY: "1",
    DISABLE_ERROR_REPORTING: "1",
    DISABLE_AUTOUPDATER: "1",
    CLAUDE_CODE_MAX_RETRIES: "1",
    // Claude refuses to be told that it may do everything by the superuser, who runs tests in containers.
    IS_SANDBOX: "1",
  };
};

const ASKS_BY_TOOL = `[[tool: AskUserQuestion {"questions":[{"question":"Which colour?","header":"Colour","multiSelect":false,"options":[{"label":"blue","description":"as the sky"},{"label":"red","description":"as a rose"}]}]}]]`;

export const demo: TestedAgent = {
  name: "demo",
  file: DEMO,
  launch: (file) => ({ protocol: "acp", command: process.execPath, args: [file], env: {} }),
  question: "[[ask: Which colour?]]",
  resumes: false,
};

export const codex: TestedAgent = {
  name: "codex",
  file: codexBinary,
  launch: (file, port) => ({
    protocol: "codex",
    command: file,
    args: ["app-server"],
    env: codexEnvironment(port),
  }),
  question: undefined,
  resumes: true,
};

export const claude: TestedAgent = {
  name: "claude",
  file: claudeBinary,
  launch: (file, port) => ({ protocol: "claude", command: file, args: [], env: claudeEnvironment(port) }),
  question: ASKS_BY_TOOL,
  resumes: true,
};

/** What its sandbox allows, it does without asking: it has to want out of it. */
const outOfTheSandbox = (cmd: string): string => {
  const input = { cmd, sandbox_permissions: "require_escalated", justification: "to see whether I may" };
  return `[[tool: exec_command ${JSON.stringify(input)}]]`;
};

export const codexAcp: TestedAgent = {
  name: "codex-acp",
  asksFor: outOfTheSandbox,
  declineEndsTurn: true,
  commandsGoOn: true,
  file: codexBinary && installed("@agentclientprotocol/codex-acp/dist/index.js"),
  launch: (file, port) => ({
    protocol: "acp",
    command: process.execPath,
    args: [file],
    env: { ...codexEnvironment(port), CODEX_PATH: codexBinary ?? "" },
    modes: { "approval-required": "read-only", "full-access": "agent-full-access" },
  }),
  question: undefined,
  resumes: true,
};

export const claudeAgentAcp: TestedAgent = {
  name: "claude-agent-acp",
  file: claudeBinary && installed("@agentclientprotocol/claude-agent-acp/dist/index.js"),
  launch: (file, port) => ({
    protocol: "acp",
    command: process.execPath,
    args: [file],
    env: { ...claudeEnvironment(port), CLAUDE_CODE_EXECUTABLE: claudeBinary ?? "" },
  }),
  question: undefined,
  resumes: true,
};

export const opencode: TestedAgent = {
  name: "opencode",
  file: installed("opencode-{darwin,linux,windows}-*/bin/opencode*"),
  launch: (file, port) => {
    const home = temporaryFolder();
    const model = { name: "Stub", limit: { context: 200_000, output: 10_000 }, tool_call: true };
    const config = {
      provider: {
        stub: {
          npm: "@ai-sdk/openai-compatible",
          name: "Stub",
          options: { baseURL: `http://127.0.0.1:${port}/v1`, apiKey: "stub" },
          models: { "stub-model": model },
        },
      },
      model: "stub/stub-model",
      small_model: "stub/stub-model",
      autoupdate: false,
      share: "disabled",
    };
    return {
      protocol: "acp",
      command: file,
      args: ["acp"],
      env: {
        HOME: home,
        XDG_DATA_HOME: join(home, "data"),
        XDG_CONFIG_HOME: join(home, "config"),
        XDG_STATE_HOME: join(home, "state"),
        XDG_CACHE_HOME: join(home, "cache"),
        OPENCODE_CONFIG_CONTENT: JSON.stringify(config),
        OPENCODE_DISABLE_AUTOUPDATE: "1",
        OPENCODE_DISABLE_MODELS_FETCH: "1",
        OPENCODE_DISABLE_LSP_DOWNLOAD: "1",
        OPENCODE_DISABLE_DEFAULT_PLUGINS: "1",
      },
    };
  },
  question: undefined,
  resumes: true,
};

/** The directive for a command that the agent asks for. */
export const commandOf = ({ asksFor }: TestedAgent, command: string): string =>
  asksFor === undefined ? `[[shell: ${command}]]` : asksFor(command);

export const realAgents: ReadonlyArray<TestedAgent> = [codex, claude, codexAcp, claudeAgentAcp, opencode];

export const isThere = ({ file }: TestedAgent): boolean => file !== undefined && existsSync(file);

/** Its name, and why it is left out where it is. */
export const titleOf = (agent: TestedAgent): string =>
  isThere(agent) ? agent.name : `${agent.name} (not installed for this system: see pnpm test:agents)`;
