/** What claude asks a person to allow, and how each decision is said to it. Pure. */
import type { CanUseTool, PermissionResult, PermissionUpdate } from "@anthropic-ai/claude-agent-sdk";
import type { ApprovalDecision } from "@heddle/contracts/Model";
import { type Call, callOf } from "./Calls.ts";

export type Asked = Parameters<CanUseTool>[2];

export interface Approval extends Call {
  /** What it was asked with, for the answer and for the memory of what was accepted. */
  readonly name: string;
  readonly input: Record<string, unknown>;
  readonly suggestions: ReadonlyArray<PermissionUpdate>;
}

/** `known` is what the call was given as the model wrote it: claude leaves the plan out of what it asks with. */
export const approvalOf = (
  name: string,
  input: Record<string, unknown>,
  { suggestions, decisionReason, blockedPath, suppressAlwaysAllowRule }: Asked,
  known: unknown,
): Approval => {
  const call = callOf(name, input);
  const more = call.kind === "edit" || known === undefined ? {} : { input: known };
  return {
    ...call,
    name,
    input,
    payload: {
      ...call.payload,
      ...more,
      ...(blockedPath ? { path: blockedPath } : {}),
      ...(decisionReason ? { note: decisionReason } : {}),
    },
    suggestions: suppressAlwaysAllowRule ? [] : (suggestions ?? []),
  };
};

export const answerTo = ({ input, suggestions }: Approval, decision: ApprovalDecision): PermissionResult => {
  if (decision === "decline") return { behavior: "deny", message: "The person did not allow this." };
  if (decision === "cancel") return { behavior: "deny", message: "The person stopped the turn." };
  const rules = decision === "acceptForSession" ? sessionRules(suggestions) : [];
  return {
    behavior: "allow",
    updatedInput: input,
    ...(rules.length > 0 ? { updatedPermissions: rules } : {}),
  };
};

/**
 * Of what claude suggests to remember, the rules for this act, as long as the session lasts. It may also suggest to accept
 * all edits from now on, or to write the rule into a file of the person's: nobody asked for that.
 */
export const sessionRules = (suggestions: ReadonlyArray<PermissionUpdate>): Array<PermissionUpdate> =>
  suggestions.flatMap((update) =>
    update.type === "addRules" && update.behavior === "allow"
      ? [{ ...update, destination: "session" as const }]
      : [],
  );

/** Acts that are the same to whoever accepted one for the session: the call as it was, or another edit of the file. */
export const memoryOf = ({ kind, name, input, writes }: Approval): string =>
  JSON.stringify(kind === "edit" && writes !== undefined ? ["edit", writes] : [name, input]);
