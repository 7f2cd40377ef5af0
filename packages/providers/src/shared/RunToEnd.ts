/** A command that says something and ends, such as `--version`: bounded in what it says and in how long it may take. */
import { Effect, Option } from "effect";
import type { ProcessExit } from "./AgentProcess.ts";
import type { Deadlines } from "./Deadlines.ts";
import { isCutOff } from "./Errno.ts";
import { checkedProcess, emptyFolder, saidBy } from "./CheckedProcess.ts";
import type { AgentLaunch, ProviderError } from "./Provider.ts";

const MAX_OUTPUT = 64 * 1024;

export interface Ran {
  /** `undefined` where it did not end in time, and was ended. */
  readonly exit: ProcessExit | undefined;
  readonly stdout: string;
  /** The end of what it printed on stderr, on lines of its own. */
  readonly said: string;
}

/** Leaves no process behind. */
export const runToEnd = (
  provider: string,
  launch: AgentLaunch,
  deadlines: Deadlines,
): Effect.Effect<Ran, ProviderError> =>
  Effect.gen(function* () {
    const process = yield* checkedProcess(provider, launch, yield* emptyFolder(provider), deadlines);
    let stdout = "";
    const reading = readText(process.stdout, (text) => {
      stdout = (stdout + text).slice(0, MAX_OUTPUT);
    });
    const ending = Effect.andThen(
      Effect.promise(() => reading),
      process.exited,
    );
    const exit = Option.getOrUndefined(yield* Effect.timeoutOption(ending, deadlines.handshake));
    if (exit !== undefined) yield* process.stderrEnded;
    return { exit, stdout, said: saidBy(process) };
  }).pipe(Effect.scoped);

/** An output that is cut off is over. */
const readText = async (output: AsyncIterable<Uint8Array>, take: (text: string) => void): Promise<void> => {
  const decoder = new TextDecoder();
  try {
    for await (const chunk of output) take(decoder.decode(chunk, { stream: true }));
  } catch (error) {
    if (!isCutOff(error)) throw error;
  }
};
