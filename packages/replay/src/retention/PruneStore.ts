/** What a prune needs of the server that it runs in. */
import type { PrunedThread } from "@heddle/event-store/Pruned";
import type { Effect } from "effect";
import type { SqlError } from "effect/sql";

/** Runs an effect while nothing else writes; it must be short. */
export type Exclusively = <A, E, R>(
  use: Effect.Effect<A, E, R>,
) => Effect.Effect<A, E | SqlError.SqlError, R>;

export interface PruneParts {
  readonly exclusively: Exclusively;
  /** A thread was marked: drops what is remembered of it, and of the log. */
  readonly threadHidden: (threadId: string) => void;
  /** Removes a thread's checkpoints from the folder's repository; says why where it cannot. */
  readonly removeCheckpoints: (thread: PrunedThread) => Effect.Effect<string | undefined>;
  /** What was built of the log beside the database holds threads that are to go. */
  readonly dropShadow: Effect.Effect<void>;
}
