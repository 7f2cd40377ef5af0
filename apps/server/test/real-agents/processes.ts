/** Which processes are there because of a test: all that its agents started bear a word in their environment. */
import { readdirSync, readFileSync } from "node:fs";
import { signalPid } from "@heddle/providers/shared/ProcessTree";

/** Stands in the environment of the agents of one test, and of whatever they start. */
export const WORD_VARIABLE = "TESTED_BY";

export interface TestedProcess {
  readonly pid: number;
  readonly parent: number;
  /** Heddle's own mark, one for each session. */
  readonly mark: string | undefined;
  readonly command: string;
}

/** Only on Linux can be seen what stands in the environment of others: tests that need to see it are skipped elsewhere. */
export const seesProcesses = process.platform === "linux";

export const processesOf = (word: string): ReadonlyArray<TestedProcess> =>
  seesProcesses
    ? readdirSync("/proc").flatMap((name) => (/^\d+$/.test(name) ? look(Number(name), word) : []))
    : [];

const look = (pid: number, word: string): ReadonlyArray<TestedProcess> => {
  try {
    const environment = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
    if (!environment.includes(`${WORD_VARIABLE}=${word}`)) return [];
    // The name in parentheses may hold anything, so the fields are counted from the last parenthesis.
    const [state, parent] = readFileSync(`/proc/${pid}/stat`, "latin1")
      .replace(/^.*\) /s, "")
      .split(" ");
    if (state === "Z" || state === "X") return [];
    const mark = environment.find((entry) => entry.startsWith("HEDDLE_AGENT_MARK="))?.split("=")[1];
    const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
    return [{ pid, parent: Number(parent), mark, command }];
  } catch {
    // It ended meanwhile, or is somebody else's.
    return [];
  }
};

/** Kills the process that the server of this pid started as an agent, and says whether there was one. */
export const killAgents = (word: string, serverPid: number | undefined): boolean => {
  const agents = processesOf(word).filter(({ parent }) => parent === serverPid);
  for (const { pid } of agents) signalPid(pid, "SIGKILL");
  return agents.length > 0;
};

/** Ends what a test leaves: agents of a server that a test has killed are ended by the next one, and there is none. */
export const endAll = (word: string): void => {
  for (const { pid } of processesOf(word)) signalPid(pid, "SIGKILL");
};
