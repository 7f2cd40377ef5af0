/** Codex by its own protocol: what this folder gives to the rest. */
import type { ProviderAdapter } from "../shared/Provider.ts";
import { checkCodex } from "./Check.ts";
import { startCodex } from "./CodexAdapter.ts";

export const codex: ProviderAdapter = {
  agents: {
    codex: {
      protocol: "codex",
      title: "Codex",
      command: "codex",
      args: ["app-server"],
      env: {},
      install: "npm install --global @openai/codex",
      login: "codex login",
    },
  },
  start: startCodex,
  check: checkCodex,
};
