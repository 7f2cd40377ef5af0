/**
 * A turn, from the moment that a prompt is taken until all prompts that were handed over in it are accounted for: claude
 * answers a prompt that comes while it works in the same breath, or in one of its own behind it.
 */
import type { Outcome } from "./Outcomes.ts";
import type { Result } from "./Wire.ts";

interface Handed {
  /** It is with claude, which has not begun with it, or which has. */
  state: "sent" | "queued" | "started";
}

const HAD_IT_ALREADY: Outcome = {
  status: "interrupted",
  reason:
    "Claude had this prompt already, from before its process ended, and does not take it twice. Send another one to go on.",
};

const NOT_TAKEN: Outcome = { status: "error", reason: "Claude did not take the prompt." };
const WENT_IDLE: Outcome = { status: "error", reason: "Claude stopped without saying how the turn went." };

export class Turn {
  /** A person asked for its end. */
  cancelling = false;
  /** What claude said last of how it went. */
  outcome: Outcome | undefined;
  readonly #open = new Map<string, Handed>();
  readonly #known = new Set<string>();

  /** `turn.started` is out, and claude has a prompt. */
  get isHandedOver(): boolean {
    return this.#known.size > 0;
  }

  handOver(uuid: string): void {
    this.#open.set(uuid, { state: "sent" });
    this.#known.add(uuid);
  }

  /** Whether a result answers a prompt of this turn; `undefined` where it does not say what it answers. */
  isAnsweredBy(result: Result): boolean | undefined {
    const uuids = uuidsOf(result);
    return uuids.length === 0 ? undefined : uuids.some((uuid) => this.#known.has(uuid));
  }

  /** How the turn ended, if that was the end of it. */
  answered(result: Result, outcome: Outcome): Outcome | undefined {
    const uuids = uuidsOf(result);
    this.outcome = outcome;
    if (uuids.length === 0) this.#open.clear();
    else for (const uuid of uuids) this.#open.delete(uuid);
    return this.#open.size === 0 ? outcome : undefined;
  }

  /** The same, for what claude tells of a prompt. */
  lifecycle(uuid: string, state: string): Outcome | undefined {
    const handed = this.#open.get(uuid);
    if (handed === undefined) return undefined;
    switch (state) {
      case "queued":
      case "started":
        handed.state = state;
        return undefined;
      case "completed":
        this.#open.delete(uuid);
        if (handed.state === "sent") return this.#ifOver(HAD_IT_ALREADY);
        // What came of it is said by a result, which may be still to come.
        return this.#ifOver(undefined);
      case "cancelled":
        this.#open.delete(uuid);
        return this.#ifOver({ status: "interrupted" });
      case "discarded":
      case "refused":
        this.#open.delete(uuid);
        return this.#ifOver(this.cancelling ? { status: "interrupted" } : NOT_TAKEN);
      default:
        return undefined;
    }
  }

  /** Claude has nothing more to do. That may be said of the turn before, as long as it has not begun with this one. */
  wentIdle(): Outcome | undefined {
    const begun = [...this.#open.values()].every(({ state }) => state === "started");
    if (!begun || !this.isHandedOver) return undefined;
    return this.outcome ?? (this.cancelling ? { status: "interrupted" } : WENT_IDLE);
  }

  #ifOver(otherwise: Outcome | undefined): Outcome | undefined {
    return this.#open.size === 0 ? (this.outcome ?? otherwise) : undefined;
  }
}

const uuidsOf = ({ user_message_uuid: one, user_message_uuids: all }: Result): ReadonlyArray<string> =>
  all ?? (one ? [one] : []);
