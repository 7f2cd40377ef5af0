/** Which of an agent's options says what was decided. Pure. */
import type { ApprovalDecision } from "@heddle/contracts/Model";

/** An answer that an agent offers. Its id is the agent's own affair; what it means is its kind. */
export interface PermissionOption {
  readonly optionId: string;
  readonly name: string;
  readonly kind: string;
}

/** What agents allow for always, some write into the person's settings: only where they offer no other way. */
const ACCEPTS = ["allow_once", "allow_always"];

const preferred: Record<Exclude<ApprovalDecision, "cancel">, ReadonlyArray<string>> = {
  accept: ACCEPTS,
  acceptForSession: ACCEPTS,
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
