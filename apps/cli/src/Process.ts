/** The process around the program: signals come in, an exit code goes out. The only place where the process is ended. */
import { Context, Deferred, Effect, Exit, Fiber } from "effect";

/** What the exit code is when a signal ends the program; a command for which that is the usual end says 0. */
export class SignalExit extends Context.Reference<{ code: number }>("heddle/cli/SignalExit", {
  defaultValue: () => ({ code: 130 }),
}) {}

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/** Runs the program to its end. The first signal interrupts it, so that it can clean up; the second ends it at once. */
export const runProcess = (program: Effect.Effect<number>): void => {
  const signalExit = { code: 130 };
  const signalled = Deferred.makeUnsafe<void>();
  let signals = 0;
  const onSignal = (): void => {
    signals += 1;
    if (signals > 1) process.exit(130);
    Deferred.doneUnsafe(signalled, Effect.void);
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  // Where the reader of a pipe is gone, each write says so to whoever wrote; Node would throw it as well.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
  // A program that waits for a fiber only has nothing that Node would wait for.
  const alive = setInterval(() => {}, 2 ** 30);

  const main = Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(program);
    yield* Effect.forkChild(Effect.andThen(Deferred.await(signalled), Fiber.interrupt(fiber)));
    return yield* Fiber.join(fiber);
  }).pipe(Effect.provideService(SignalExit, signalExit));

  Effect.runCallback(main, {
    onExit: (exit) => {
      clearInterval(alive);
      process.exit(Exit.isSuccess(exit) ? exit.value : signals > 0 ? signalExit.code : 0);
    },
  });
};
