/** What a runtime mode accepts without a person. Pure. */
import type { ApprovalKind, RuntimeMode } from "@heddle/contracts/Model";

/** Closed by default: a kind that is not exactly `edit` waits for a person unless the thread has full access. */
export const acceptedBy = (mode: RuntimeMode, kind: ApprovalKind): boolean =>
  mode === "full-access" || (mode === "auto-accept-edits" && kind === "edit");
