/** The process of an agent that is being checked. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Effect, type Scope } from "effect";
import { type AgentProcess, spawnAgent } from "./AgentProcess.ts";
import type { Deadlines } from "./Deadlines.ts";
import { type AgentLaunch, ProviderError } from "./Provider.ts";

const MAX_SAID = 400;

/** A folder that nobody works in, for an agent to be started in. */
export const emptyFolder = (provider: string): Effect.Effect<string, ProviderError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.tryPromise({
      try: () => mkdtemp(join(tmpdir(), "heddle-check-")),
      catch: (error) =>
        new ProviderError({
          provider,
          operation: "start",
          message: `There is no folder to start it in, as none could be made in ${tmpdir()}: ${String(error)}`,
        }),
    }),
    // What an agent that is being ended still writes must not fail the check.
    (folder) =>
      Effect.ignore(Effect.tryPromise(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }))),
  );

/** The process, for as long as the scope; nothing of it is left behind. */
export const checkedProcess = (
  provider: string,
  launch: AgentLaunch,
  cwd: string,
  deadlines: Deadlines,
): Effect.Effect<AgentProcess, ProviderError, Scope.Scope> =>
  Effect.acquireRelease(spawnAgent(provider, launch, cwd, deadlines), (process) =>
    Effect.andThen(process.stop, process.sweep),
  );

/** The end of what it printed, on lines of its own; empty where it printed nothing. */
export const saidBy = ({ stderrTail }: AgentProcess): string => {
  const said = stderrTail.trim();
  if (said === "") return "";
  return ` It said:\n${said.length > MAX_SAID ? `…${said.slice(-MAX_SAID)}` : said}`;
};
