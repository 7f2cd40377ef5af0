import type { ProviderCapabilities } from "@heddle/contracts/ProviderRuntimeEvent";

/** What any claude can that the SDK drives. */
export const CAPABILITIES: ProviderCapabilities = { steer: true, resume: true, fork: true };
