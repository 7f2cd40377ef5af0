/** What is accepted without asking a person: by a runtime mode, or since one accepted it before. */
import { createHash } from "node:crypto";
import type { ApprovalKind, RuntimeMode } from "@heddle/contracts/Model";

/** Closed by default: a kind that is not exactly `edit` waits for a person unless the thread has full access. */
export const acceptedBy = (mode: RuntimeMode, kind: ApprovalKind): boolean =>
  mode === "full-access" || (mode === "auto-accept-edits" && kind === "edit");

/** What an agent wants to do, by all that it shows of it. */
export interface Act {
  readonly kind: ApprovalKind;
  readonly title: string;
  /** The arguments of its call. */
  readonly input: unknown;
}

/**
 * What a person accepted for as long as the session lasts, for agents that do not keep it themselves: exactly the same act
 * once more. A command with another argument, or a file with other content, is another act, and is asked for.
 */
export class AcceptedActs {
  readonly #acts = new Set<string>();

  add(act: Act): void {
    this.#acts.add(keyOf(act));
  }

  has(act: Act): boolean {
    return this.#acts.has(keyOf(act));
  }
}

/** A digest: what is accepted may be large, and is kept for as long as the session lasts. */
const keyOf = ({ kind, title, input }: Act): string =>
  createHash("sha256")
    .update(JSON.stringify([kind, title, input ?? null]))
    .digest("base64");
