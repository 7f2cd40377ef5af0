/** Who may decide on what an agent asks for, and which of the agent's options says it. Pure. */
import type { ApprovalDecision, ApprovalKind, RuntimeMode } from "@heddle/contracts/Model";

/** An answer that an agent offers. Its id is the agent's own affair; what it means is its kind. */
export interface PermissionOption {
  readonly optionId: string;
  readonly name: string;
  readonly kind: string;
}

/** Closed by default: a kind that is not exactly `edit` waits for a person unless the thread has full access. */
export const acceptedBy = (mode: RuntimeMode, kind: ApprovalKind): boolean =>
  mode === "full-access" || (mode === "auto-accept-edits" && kind === "edit");

const preferred: Record<Exclude<ApprovalDecision, "cancel">, ReadonlyArray<string>> = {
  accept: ["allow_once", "allow_always"],
  acceptForSession: ["allow_always", "allow_once"],
  decline: ["reject_once", "reject_always"],
};

/** The option that means the decision; `undefined` where the agent offers none that does. */
export const optionFor = (
  options: ReadonlyArray<PermissionOption>,
  decision: Exclude<ApprovalDecision, "cancel">,
): PermissionOption | undefined => {
  for (const kind of preferred[decision]) {
    const option = options.find((candidate) => candidate.kind === kind);
    if (option !== undefined) return option;
  }
  return undefined;
};
