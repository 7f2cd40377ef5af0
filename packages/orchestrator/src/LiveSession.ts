import type { ThreadId, TurnId } from "@heddle/contracts/Ids";
import type { ModelSelection } from "@heddle/contracts/Model";
import type { AgentSession } from "@heddle/providers/shared/Provider";
import type { Deferred, Schema, Scope, Semaphore } from "effect";
import type { AgentIngest } from "./AgentIngest.ts";
import type { SessionEnding } from "./SessionEnding.ts";

/** An agent's process, and what the orchestrator knows of it. */
export interface LiveSession {
  readonly threadId: ThreadId;
  readonly startedFor: TurnId;
  readonly providerName: string;
  /** What the agent was told last. */
  model: ModelSelection;
  readonly workspace: string;
  readonly agent: AgentSession;
  readonly ingest: AgentIngest;
  /** Held while a turn begins in the log and here: an interrupt sees both or neither. */
  readonly beginning: Semaphore.Semaphore;
  /** Settled when the turn that runs has ended. */
  turnEnded: Deferred.Deferred<void> | undefined;
  /** The agent has ended its turn; what is left is the server's: files and words. */
  completing: boolean;
  /** Why the process is being ended by us, or undefined where it ends by itself. */
  ending: SessionEnding | undefined;
  /** As what its end went into the log. */
  recorded: SessionEnding | undefined;
  /** The agent has no memory of the thread: its next prompt begins with the history. */
  fresh: boolean;
  /** How an earlier session of the thread was to be gone on with; undefined where there was none. */
  readonly resumed: ResumedFrom | undefined;
  readonly scope: Scope.Closeable;
  readonly closed: Deferred.Deferred<void>;
}

/** What a session is to go on from. */
export interface ResumedFrom {
  readonly cursor: Schema.Json;
  /** It is another thread's, and stays as it is. */
  readonly fork: boolean;
}
