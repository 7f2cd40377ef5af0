import type { AgentState } from "@heddle/contracts/AgentRpc";

/** What was found out so far; it is filled in on the way, so that an agent that stops answering leaves what it said. */
export type Findings = { -readonly [Key in keyof AgentState]: AgentState[Key] };

export const nothingFound = (): Findings => ({
  version: null,
  loggedIn: "unknown",
  account: null,
  capabilities: null,
  problems: [],
});

export const notUnderstood = (method: string): string =>
  `It answered ${method} with something that Heddle does not understand.`;
