import type { ProviderCapabilities } from "@heddle/contracts/ProviderRuntimeEvent";

/** What any codex can that speaks the protocol. */
export const CAPABILITIES: ProviderCapabilities = { steer: true, resume: true, fork: true };
