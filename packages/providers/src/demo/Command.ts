/** Runs a shell command for the demo agent, as agents do: in a session of its own, and gone when it is cancelled. */
import { spawn } from "node:child_process";

const MAX_OUTPUT = 64 * 1024;
/** What a command left running in the background holds its output open, and is not waited for. */
const AFTER_EXIT = 200;

export interface CommandResult {
  /** Standard output and standard error as they came. */
  readonly output: string;
  /** `null` where a signal ended it. */
  readonly exitCode: number | null;
}

export const runCommand = (command: string, cwd: string, signal: AbortSignal): Promise<CommandResult> =>
  new Promise((resolve, reject) => {
    const child = spawn("sh", ["-c", command], { cwd, detached: true, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    let leftOut = 0;
    const take = (text: string): void => {
      const room = MAX_OUTPUT - output.length;
      output += text.slice(0, room);
      leftOut += Math.max(0, text.length - room);
    };
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", take);

    const kill = (): void => {
      if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, "SIGKILL");
    };
    signal.addEventListener("abort", kill, { once: true });
    child.once("error", reject);
    const finish = (exitCode: number | null): void => {
      signal.removeEventListener("abort", kill);
      for (const stream of [child.stdout, child.stderr]) stream.destroy();
      resolve({ output: leftOut === 0 ? output : `${output}…[${leftOut} characters left out]`, exitCode });
    };
    child.once("close", finish);
    child.once("exit", (exitCode) => setTimeout(finish, AFTER_EXIT, exitCode).unref());
    if (signal.aborted) kill();
  });
