import { Context, type Duration } from "effect";

export interface Times {
  /** A turn of which nothing was heard for so long is shown as stalled. */
  readonly stallAfter: Duration.Input;
  /** A session in which nothing was asked and nothing happened for so long is closed; the next turn resumes it. */
  readonly idleAfter: Duration.Input;
}

/** Where nobody says otherwise. */
export const SESSION_TIMES = { stallAfter: "2 minutes", idleAfter: "30 minutes" } as const;

/** How long a session may be silent before that means something. */
export const SessionTimes = Context.Reference<Times>("heddle/orchestrator/SessionTimes", {
  defaultValue: () => SESSION_TIMES,
});
