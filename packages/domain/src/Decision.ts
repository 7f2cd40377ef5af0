import type { RejectionCode } from "@heddle/contracts/Errors";
import type { NewEvent } from "@heddle/contracts/Events";
import type { CommandId } from "@heddle/contracts/Ids";

/** A command breaks a rule; the message tells a person which, and what to do. */
export interface Rejection {
  readonly rejected: true;
  readonly code: RejectionCode;
  readonly message: string;
}

/** `causedBy`: the earlier command that this event is due to, where it is not the one at hand (a prompt that waited). */
export type DecidedEvent = NewEvent & { readonly causedBy?: CommandId };

export type Decision = ReadonlyArray<DecidedEvent> | Rejection;

export const accept = (...events: ReadonlyArray<DecidedEvent>): Decision => events;

export const reject = (code: RejectionCode, message: string): Rejection => ({
  rejected: true,
  code,
  message,
});

export const isRejection = (decision: Decision): decision is Rejection => "rejected" in decision;
