/** An agent as a child process: how it is started, spoken to, and ended with everything it started itself. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import type { Readable } from "node:stream";
import { Deferred, Effect, Option } from "effect";
import { howToInstall } from "./Advice.ts";
import { TextTail } from "./Bounded.ts";
import type { Deadlines } from "./Deadlines.ts";
import { isErrno } from "./Errno.ts";
import { type Family, familyOf, PROCESS_MARK, signalFamily, survivorsOf } from "./ProcessTree.ts";
import { type AgentLaunch, ProviderError } from "./Provider.ts";

const STDERR_KEPT = 64 * 1024;
const STDERR_IN_DETAIL = 4 * 1024;
const SWEEPS = 20;

export interface ProcessExit {
  readonly exitCode: number | null;
  readonly signal: string | null;
}

/** The server's variables but its own, which hold its secrets; then the launch's, then the marks of an agent. */
export const agentEnvironment = (
  server: NodeJS.ProcessEnv,
  launch: AgentLaunch["env"],
  mark: string,
): NodeJS.ProcessEnv => ({
  ...Object.fromEntries(Object.entries(server).filter(([name]) => !name.startsWith("HEDDLE_"))),
  ...launch,
  HEDDLE_AGENT: "1",
  [PROCESS_MARK]: mark,
});

/** Fails where the process cannot be started; from then on it never fails, it only ends. */
export const spawnAgent = (
  provider: string,
  launch: AgentLaunch,
  cwd: string,
  deadlines: Deadlines,
): Effect.Effect<AgentProcess, ProviderError> =>
  Effect.callback((resume) => {
    const mark = randomUUID();
    const fail = (error: unknown): void => resume(Effect.fail(cannotStart(provider, launch, cwd, error)));
    try {
      const child = spawn(launch.command, [...launch.args], {
        cwd,
        env: agentEnvironment(process.env, launch.env, mark),
        // A group of its own, so that it can be ended as a whole, and ctrl-C at the server does not reach it first.
        detached: true,
        stdio: ["pipe", "pipe", "pipe"],
      });
      child.on("error", fail);
      child.once("spawn", () => resume(Effect.succeed(new AgentProcess(child, mark, deadlines))));
    } catch (error) {
      fail(error);
    }
  });

const cannotStart = (provider: string, launch: AgentLaunch, cwd: string, error: unknown): ProviderError => {
  const message = !existsSync(cwd)
    ? `The folder ${cwd} is not there, so ${provider} cannot work in it.`
    : isErrno(error, "ENOENT")
      ? `Command not found: ${launch.command}. It is what starts ${provider}, and is not on the PATH of the server. ${howToInstall(launch)}`
      : isErrno(error, "EACCES")
        ? `${launch.command}, which starts ${provider}, may not be executed. Make it executable, or name another under "agents" in settings.json.`
        : `${launch.command}, which starts ${provider}, could not be started: ${String(error)}`;
  return new ProviderError({ provider, operation: "start", message });
};

export class AgentProcess {
  readonly pid: number;
  readonly mark: string;
  readonly stdout: Readable;
  /** Once the process is gone; its output may still be in the pipe. */
  readonly exited: Effect.Effect<ProcessExit>;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #deadlines: Deadlines;
  readonly #stderr = new TextTail(STDERR_KEPT);
  readonly #stderrEnded = Deferred.makeUnsafe<void>();
  readonly #exit = Deferred.makeUnsafe<ProcessExit>();
  #family: Family = new Map();
  #ended: ProcessExit | undefined;

  constructor(child: ChildProcessWithoutNullStreams, mark: string, deadlines: Deadlines) {
    this.#child = child;
    this.pid = child.pid ?? 0;
    this.mark = mark;
    this.stdout = child.stdout;
    this.exited = Deferred.await(this.#exit);
    this.#deadlines = deadlines;
    child.once("exit", (exitCode, signal) => {
      this.#settle({ exitCode, signal });
    });
    // A pipe that breaks is told by failed writes, an early end, and the exit; without listeners it would end the server.
    for (const pipe of child.stdio) pipe?.on("error", () => {});
    child.stderr.setEncoding("utf8");
    child.stderr.on("data", (text: string) => this.#stderr.append(text));
    child.stderr.once("close", () => Deferred.doneUnsafe(this.#stderrEnded, Effect.void));
  }

  get alive(): boolean {
    return this.#ended === undefined;
  }

  /** Settles once the bytes are with the system, or lost. Never rejects: an agent that is gone is told by its exit. */
  write(text: string): Promise<boolean> {
    return new Promise((resolve) => {
      if (this.#child.stdin.writable) this.#child.stdin.write(text, (error) => resolve(!error));
      else resolve(false);
    });
  }

  /** Also takes what the agent printed among its messages and is none. */
  appendNoise(line: string): void {
    this.#stderr.append(`${line.slice(0, STDERR_IN_DETAIL)}\n`);
  }

  get stderrTail(): string {
    return this.#stderr.last(STDERR_IN_DETAIL);
  }

  /** What was printed before the end; an orphan that holds the pipe open is not waited for. */
  readonly stderrEnded: Effect.Effect<void> = Effect.suspend(() =>
    Effect.asVoid(Effect.timeoutOption(Deferred.await(this.#stderrEnded), this.#deadlines.closing)),
  );

  /** Closing the input is how an agent is asked to end; if it does not, it is told, and then made to. */
  readonly stop: Effect.Effect<ProcessExit> = Effect.gen({ self: this }, function* () {
    yield* this.#remember;
    this.#child.stdin.end();
    if (yield* this.#exitsInTime) return yield* this.exited;
    return yield* this.terminate;
  });

  /** Without asking first. */
  readonly terminate: Effect.Effect<ProcessExit> = Effect.gen({ self: this }, function* () {
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      yield* this.#remember;
      yield* signalFamily(this.#family, signal);
      if (yield* this.#exitsInTime) return yield* this.exited;
    }
    // Not even SIGKILL ends a process that hangs in the kernel. A stop ends all the same.
    this.#settle({ exitCode: null, signal: "SIGKILL" });
    return yield* this.exited;
  });

  /** Kills what is left of everything the agent started. Shells may fork while they are counted, hence the rounds. */
  readonly sweep: Effect.Effect<void> = Effect.gen({ self: this }, function* () {
    for (let round = 0; round < SWEEPS; round++) {
      yield* this.#remember;
      const survivors = yield* survivorsOf(this.#family);
      if (survivors.size === 0) return;
      yield* signalFamily(survivors, "SIGKILL");
      yield* Effect.sleep("20 millis");
    }
  });

  /** Who is a descendant can only be seen while the parents live, so it is noted before each step towards the end. */
  get #remember(): Effect.Effect<void> {
    return Effect.map(familyOf(this.pid, this.mark), (family) => {
      this.#family = new Map([...this.#family, ...family]);
    });
  }

  get #exitsInTime(): Effect.Effect<boolean> {
    return this.exited.pipe(Effect.timeoutOption(this.#deadlines.closing), Effect.map(Option.isSome));
  }

  #settle(exit: ProcessExit): void {
    this.#ended ??= exit;
    Deferred.doneUnsafe(this.#exit, Effect.succeed(exit));
  }
}
