/** Questions to the person at the terminal. */
import { Effect, Terminal } from "effect";
import { CliFailure, wrongUsage } from "./CliFailure.ts";
import { Output } from "./Output.ts";
import { yellow } from "./render/Colour.ts";

/** One line, typed at the prompt. Fails with QuitError where the input has ended. */
export const askLine = Effect.fnUntraced(function* (prompt: string) {
  const output = yield* Output;
  const terminal = yield* Terminal.Terminal;
  yield* output.status(prompt);
  const line = yield* Effect.onInterrupt(terminal.readLine, () => output.status(undefined));
  yield* output.statusAnswered;
  return line.trim();
});

/**
 * Yes or no before something that cannot be undone. Where nobody can be asked, only `--yes` says yes; any other answer
 * than yes ends the command.
 */
export const confirm = Effect.fnUntraced(function* (question: string, yes: boolean) {
  if (yes) return;
  const output = yield* Output;
  if (!output.interactive) {
    return yield* wrongUsage(
      "Nobody can be asked here whether that is meant.",
      "Add --yes to do it without asking.",
    );
  }
  const answer = yield* askLine(`${yellow("?")} ${question} [y/N] `).pipe(
    Effect.catchIf(Terminal.isQuitError, () => Effect.succeed("")),
  );
  if (!/^y(es)?$/i.test(answer)) {
    return yield* new CliFailure({ kind: "not-confirmed", message: "Nothing was changed." });
  }
});
