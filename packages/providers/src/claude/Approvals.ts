/** What claude asks a person to allow, and how each decision is said to it. Pure. */
import type { CanUseTool, PermissionResult } from "@anthropic-ai/claude-agent-sdk";
import type { ApprovalDecision } from "@heddle/contracts/Model";
import type { Act } from "../shared/Acceptance.ts";
import { type Call, callOf } from "./Calls.ts";

export type Asked = Parameters<CanUseTool>[2];

export interface Approval extends Call {
  readonly name: string;
  /** What it was asked with, for the answer. */
  readonly input: Record<string, unknown>;
  /** The same with what claude left out, for the person and for the memory of what was accepted. */
  readonly whole: Record<string, unknown>;
}

/** `known` is what the call was given as the model wrote it: claude leaves the plan out of what it asks with. */
export const approvalOf = (
  name: string,
  input: Record<string, unknown>,
  { decisionReason, blockedPath }: Asked,
  known: unknown,
): Approval => {
  const call = callOf(name, input);
  const whole = typeof known === "object" ? { ...known, ...input } : input;
  return {
    ...call,
    name,
    input,
    whole,
    payload: {
      ...call.payload,
      ...(call.kind === "edit" ? {} : { input: whole }),
      ...(blockedPath ? { path: blockedPath } : {}),
      ...(decisionReason ? { note: decisionReason } : {}),
    },
  };
};

/** Nothing of what claude suggests to remember: its rules may hold for more than the act that a person saw. */
export const answerTo = ({ input }: Approval, decision: ApprovalDecision): PermissionResult => {
  if (decision === "decline") return { behavior: "deny", message: "The person did not allow this." };
  if (decision === "cancel") return { behavior: "deny", message: "The person stopped the turn." };
  return { behavior: "allow", updatedInput: input };
};

/**
 * What is the same to whoever accepted it for the session: the call as it was, or another edit of the files that it leads
 * to, links followed. An edit of which that is not known is like no other.
 */
export const actOf = (
  { kind, name, whole }: Approval,
  leadsTo: ReadonlyArray<string> | undefined,
): Act | undefined => {
  if (kind !== "edit") return { kind, title: name, input: whole };
  return leadsTo === undefined ? undefined : { kind, title: "Edit", input: leadsTo };
};
