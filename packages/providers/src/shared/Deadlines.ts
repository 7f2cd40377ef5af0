/** How long an agent may take before Heddle goes on without it. */
import type { Duration } from "effect";

export interface Deadlines {
  /** From the start of the process to a session that takes prompts. */
  readonly handshake: Duration.Input;
  /** For each step of a stop: after asking, after SIGTERM, after SIGKILL. */
  readonly closing: Duration.Input;
  /** For the agent to read what it is sent, and to answer what is no work: its options, a steering prompt. */
  readonly handOver: Duration.Input;
}

export const defaultDeadlines: Deadlines = {
  handshake: "60 seconds",
  closing: "2 seconds",
  handOver: "30 seconds",
};
