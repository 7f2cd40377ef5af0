/**
 * Starts of agents take turns: each loads a program, and a server that comes up may have a hundred to start. One that takes
 * long waits for something else than the machine, and keeps nobody waiting.
 */
import { Effect, Fiber, Semaphore } from "effect";

const AT_ONCE = 8;
const LONG = "5 seconds";

export const makeStartTurns = Effect.gen(function* () {
  const turns = yield* Semaphore.make(AT_ONCE);
  return Effect.fnUntraced(function* <A, E, R>(start: Effect.Effect<A, E, R>) {
    const started = yield* turns.withPermits(1)(
      Effect.gen(function* () {
        // A child ends, and is waited for, with whoever wanted it.
        const fiber = yield* Effect.forkChild(start);
        yield* Effect.timeoutOption(Fiber.await(fiber), LONG);
        return fiber;
      }),
    );
    return yield* Fiber.join(started);
  });
});
