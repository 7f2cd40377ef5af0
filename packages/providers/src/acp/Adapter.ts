/** The Agent Client Protocol: what this folder gives to the rest. */
import type { ProviderAdapter } from "../shared/Provider.ts";
import { startAcp } from "./AcpAdapter.ts";
import { checkAcp } from "./Check.ts";
import { demo, knownAgents } from "./KnownAgents.ts";

export const acp: ProviderAdapter = { agents: { demo, ...knownAgents }, start: startAcp, check: checkAcp };
