/** A codex that has too much to do says so, and is asked again. */
import { Data, Effect, Schedule } from "effect";

const OVERLOADED = -32001;

/** Codex answered with an error of JSON-RPC. */
export class CodexRefused extends Data.TaggedError("CodexRefused")<{
  readonly method: string;
  readonly code: number;
  readonly reason: string;
}> {}

/** From a fifth of a second to about three, seven tries in all; each a little earlier or later, as others wait, too. */
const backoff = Schedule.exponential("200 millis").pipe(Schedule.jittered);
const RETRIES = 6;

const isOverloaded = (error: unknown): boolean => error instanceof CodexRefused && error.code === OVERLOADED;

export const waitingOutOverload = <A, E>(asking: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.retry(asking, { schedule: backoff, times: RETRIES, while: isOverloaded });
