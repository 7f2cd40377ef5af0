/**
 * Agents that are known to speak the protocol, by their commands as they are once installed. None is downloaded by being
 * started. How to install and to log in is said where it is known; an agent without it says so itself.
 */
import { fileURLToPath } from "node:url";
import type { AgentLaunch } from "../shared/Provider.ts";

const npm = (name: string): string => `npm install --global ${name}`;

const acp = (
  title: string,
  [command = "", ...args]: ReadonlyArray<string>,
  more: Partial<Pick<AgentLaunch, "env" | "modes" | "install" | "login">> = {},
): AgentLaunch => ({ protocol: "acp", title, command, args, env: {}, ...more });

/** Whatever mode the person's own settings begin in. Edits are Heddle's to accept then, and the thread tells of them. */
const ASKS_IN_DEFAULT = { "approval-required": "default", "auto-accept-edits": "default" } as const;

/** Ours, which needs no account, no model and no network. */
export const demo: AgentLaunch = acp("Demo agent of Heddle", [
  process.execPath,
  fileURLToPath(new URL("../demo/main.ts", import.meta.url)),
]);

export const knownAgents: Readonly<Record<string, AgentLaunch>> = {
  antigravity: acp("Antigravity", ["agy_acp_server.par"]),
  auggie: acp("Auggie", ["auggie", "--acp"], {
    install: npm("@augmentcode/auggie"),
    login: "auggie login",
  }),
  cagent: acp("cagent", ["cagent", "acp"], { install: "see https://github.com/docker/cagent" }),
  "claude-acp": acp("Claude, by its ACP adapter", ["claude-agent-acp"], {
    modes: { "approval-required": "default", "auto-accept-edits": "acceptEdits" },
    install: npm("@agentclientprotocol/claude-agent-acp"),
    login: "claude auth login (the command of Claude Code), or set ANTHROPIC_API_KEY",
  }),
  "code-assistant": acp("code-assistant", ["code-assistant", "acp"], {
    install: "see https://github.com/stippi/code-assistant",
  }),
  "codex-acp": acp("Codex, by its ACP adapter", ["codex-acp"], {
    modes: { "approval-required": "read-only", "full-access": "agent-full-access" },
    install: npm("@agentclientprotocol/codex-acp"),
    login: "codex login (the command of Codex)",
  }),
  copilot: acp("GitHub Copilot CLI", ["copilot", "--acp", "--stdio"], {
    install: npm("@github/copilot"),
    login: "run copilot, and there /login",
  }),
  cursor: acp("Cursor", ["cursor-agent", "acp"], {
    install: "curl https://cursor.com/install -fsS | bash",
    login: "cursor-agent login",
  }),
  devin: acp("Devin", ["devin", "acp"], {
    install: "curl -fsSL https://cli.devin.ai/install.sh | bash",
    login: "devin auth login",
  }),
  droid: acp("Factory Droid", ["droid", "exec", "--output-format", "acp"], {
    install: "curl -fsSL https://app.factory.ai/cli | sh",
    login: "run droid, and there /login, or set FACTORY_API_KEY",
  }),
  "fast-agent": acp("fast-agent", ["fast-agent-mcp", "acp"], { install: "uv tool install fast-agent-mcp" }),
  fx: acp("fx", ["fx", "acp"]),
  gemini: acp("Gemini CLI", ["gemini", "--acp"], {
    modes: ASKS_IN_DEFAULT,
    install: npm("@google/gemini-cli"),
    login: "run gemini, and choose how, or set GEMINI_API_KEY",
  }),
  goose: acp("Goose", ["goose", "acp"], {
    install: "see https://github.com/block/goose",
    login: "goose configure",
  }),
  grok: acp("Grok Build", ["grok", "agent", "stdio"], {
    install: "curl -fsSL https://x.ai/cli/install.sh | bash",
    login: "grok login, or set XAI_API_KEY",
  }),
  iflow: acp("iFlow CLI", ["iflow", "--experimental-acp"], { install: npm("@iflow-ai/iflow-cli") }),
  junie: acp("Junie", ["junie", "--acp=true"]),
  kilo: acp("Kilo Code", ["kilo", "acp"], { install: npm("@kilocode/cli"), login: "kilo auth login" }),
  kimi: acp("Kimi CLI", ["kimi", "acp"], { install: "uv tool install kimi-cli", login: "kimi login" }),
  kiro: acp("Kiro", ["kiro-cli-chat", "acp"], {
    install: "curl -fsSL https://cli.kiro.dev/install | bash",
    login: "kiro-cli login",
  }),
  mcode: acp("mcode", ["mcode", "acp"]),
  mux: acp("mux", ["mux", "acp"], { install: npm("mux") }),
  openclaw: acp("OpenClaw", ["openclaw", "acp"], { install: npm("openclaw"), login: "openclaw onboard" }),
  opencode: acp("OpenCode", ["opencode", "acp"], {
    // It has no mode in which it asks, and asks for nothing unless it is told to.
    env: { OPENCODE_PERMISSION: JSON.stringify({ edit: "ask", bash: "ask", webfetch: "ask" }) },
    install: npm("opencode-ai"),
    login: "opencode auth login",
  }),
  pi: acp("Pi, by its ACP adapter", ["pi-acp"], { install: `${npm("pi-acp")} (it needs pi, too)` }),
  pool: acp("Poolside", ["pool", "acp"]),
  qoder: acp("Qoder CLI", ["qodercli", "--acp"], {
    install: npm("@qoder-ai/qodercli"),
    login: "run qodercli, and there /login, or set QODER_PERSONAL_ACCESS_TOKEN",
  }),
  qwen: acp("Qwen Code", ["qwen", "--acp"], {
    modes: ASKS_IN_DEFAULT,
    install: npm("@qwen-code/qwen-code"),
    login: "run qwen, and there /auth",
  }),
  stakpak: acp("Stakpak", ["stakpak", "acp"], { install: "see https://github.com/stakpak/agent" }),
  trae: acp("Trae", ["traecli", "acp", "serve"]),
  vibe: acp("Mistral Vibe", ["vibe-acp"], {
    install: "uv tool install mistral-vibe",
    login: "vibe --setup",
  }),
  zeroclaw: acp("ZeroClaw", ["zeroclaw", "acp"]),
};
