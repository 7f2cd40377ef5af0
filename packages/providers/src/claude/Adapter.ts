/** Claude by the Claude Agent SDK: what this folder gives to the rest. */
import type { ProviderAdapter } from "../shared/Provider.ts";
import { checkClaude } from "./Check.ts";
import { startClaude } from "./ClaudeAdapter.ts";

export const claude: ProviderAdapter = {
  agents: {
    claude: {
      protocol: "claude",
      title: "Claude Code",
      command: "claude",
      args: [],
      env: {},
      install: "npm install --global @anthropic-ai/claude-code",
      login: "claude auth login, or set ANTHROPIC_API_KEY",
    },
  },
  start: startClaude,
  check: checkClaude,
};
