/** The course of a check that asks an agent over JSON-RPC: started, asked, and ended, whatever it does. */
import type { AgentState } from "@heddle/contracts/AgentRpc";
import { Effect, type Scope } from "effect";
import type { AgentProcess } from "./AgentProcess.ts";
import { checkedProcess, emptyFolder, saidBy } from "./CheckedProcess.ts";
import type { Deadlines } from "./Deadlines.ts";
import { type Findings, nothingFound } from "./Findings.ts";
import { Probe, type ProbeGone, type ProbeRefused } from "./Probe.ts";
import type { AgentLaunch } from "./Provider.ts";

/** Starts the agent and asks it. It never fails: what went wrong stands in the findings. */
export const probing = (
  provider: string,
  launch: AgentLaunch,
  deadlines: Deadlines,
  questions: (
    probe: Probe,
    findings: Findings,
    cwd: string,
  ) => Effect.Effect<void, ProbeRefused | ProbeGone, Scope.Scope>,
): Effect.Effect<AgentState> =>
  Effect.suspend(() => {
    const findings = nothingFound();
    const asking = Effect.gen(function* () {
      const cwd = yield* emptyFolder(provider);
      const process = yield* checkedProcess(provider, launch, cwd, deadlines);
      const probe = new Probe(process);
      yield* questions(probe, findings, cwd).pipe(
        Effect.timeoutOrElse({
          duration: deadlines.handshake,
          orElse: () =>
            Effect.sync(() =>
              note(`It did not answer ${probe.lastAsked} in time, and was ended.${saidBy(process)}`),
            ),
        }),
        Effect.catchTags({
          ProbeRefused: ({ method, reason }) =>
            Effect.sync(() => note(`It refused ${method}: ${reason}${saidBy(process)}`)),
          ProbeGone: () =>
            probe.speaksOtherwise
              ? Effect.sync(() => note(`What it prints is no message of its protocol.${saidBy(process)}`))
              : Effect.map(endOf(process, deadlines), note),
        }),
      );
    });
    const note = (problem: string): void => {
      findings.problems = [...findings.problems, problem];
    };
    return asking.pipe(
      Effect.scoped,
      Effect.catch(({ message }) => Effect.sync(() => note(message))),
      Effect.map(() => findings),
    );
  });

const endOf = Effect.fnUntraced(function* (process: AgentProcess, deadlines: Deadlines) {
  const exit = yield* Effect.timeoutOrElse(process.exited, {
    duration: deadlines.closing,
    orElse: () => Effect.succeed(undefined),
  });
  yield* process.stderrEnded;
  const how =
    exit === undefined
      ? "It closed its output"
      : `It ended (${exit.signal === null ? `exit code ${exit.exitCode}` : exit.signal})`;
  return `${how} before it answered.${saidBy(process)}`;
});
