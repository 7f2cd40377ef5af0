/** Real `heddle` processes: a server of one's own, and commands that talk to it. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../src/main.ts", import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
}

/** A process whose output can be waited for. */
export class Running {
  readonly child: ChildProcess;
  stdout = "";
  stderr = "";
  readonly ended: Promise<Ended>;
  readonly #waiting = new Set<() => void>();
  #code: number | null | undefined;

  constructor(
    args: ReadonlyArray<string>,
    { cwd, env = {}, input }: RunOptions = {},
    command?: ReadonlyArray<string>,
  ) {
    const [file = process.execPath, ...before] = command ?? [process.execPath, MAIN];
    this.child = spawn(file, [...before, ...args], {
      cwd: cwd ?? tmpdir(),
      env: { ...cleanEnvironment(), ...env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.stdout += text;
      this.#changed();
    });
    this.child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
      this.#changed();
    });
    // One who does not read closes early; that is tested, too.
    this.child.stdin?.on("error", () => {});
    if (input !== undefined) this.child.stdin?.end(input);
    this.ended = once(this.child, "close").then(([code]) => {
      this.#code = code as number | null;
      this.#changed();
      return { code: this.#code, stdout: this.stdout, stderr: this.stderr };
    });
  }

  /** Until stdout has the text or matches the pattern; fails if the process ends before. */
  async says(what: string | RegExp): Promise<string> {
    for (;;) {
      if (typeof what === "string" ? this.stdout.includes(what) : what.test(this.stdout)) return this.stdout;
      if (this.#code !== undefined) {
        throw new Error(`Ended with ${this.#code} before it said ${what}:\n${this.stdout}\n${this.stderr}`);
      }
      await new Promise<void>((resolve) => {
        this.#waiting.add(resolve);
      });
    }
  }

  get isRunning(): boolean {
    return this.#code === undefined;
  }

  #changed(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resolve of waiting) resolve();
  }
}

/** Without what would change how the program behaves here. */
const cleanEnvironment = (): NodeJS.ProcessEnv => {
  const unwanted = /^(HEDDLE_|npm_|INIT_CWD$|NO_COLOR$|FORCE_COLOR$|NODE_OPTIONS$|VITEST)/;
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !unwanted.test(name)));
  // Dozens of processes load the same modules.
  return { NODE_COMPILE_CACHE: join(tmpdir(), "heddle-test-compile-cache"), ...inherited };
};

/** A folder of its own, gone with `dispose`. */
export class TemporaryFolder {
  readonly path = realpathSync(mkdtempSync(join(tmpdir(), "heddle-cli-")));

  dispose(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** A git repository with one commit. */
export const gitRepository = (path: string): void => {
  const git = (...args: ReadonlyArray<string>): void => {
    execFileSync("git", ["-c", "user.name=Test", "-c", "user.email=test@example.org", ...args], {
      cwd: path,
    });
  };
  git("init", "--quiet");
  writeFileSync(join(path, "readme.md"), "first\n");
  git("add", ".");
  git("commit", "--quiet", "--message", "first");
};

/** A command with a terminal around it, as somebody sits at one. */
export const inTerminal = (args: ReadonlyArray<string>, options: RunOptions = {}): Running => {
  const line = [process.execPath, MAIN, ...args]
    .map((word) => `'${word.replaceAll("'", String.raw`'\''`)}'`)
    .join(" ");
  return new Running(["-qefc", `stty cols 100; exec ${line}`, "/dev/null"], options, ["script"]);
};

/** A data directory, and commands about it. */
export class Heddle {
  readonly dataDir: string;
  server: Running | undefined;

  constructor(dataDir: string) {
    this.dataDir = dataDir;
  }

  start(args: ReadonlyArray<string>, options: RunOptions = {}): Running {
    return new Running([...args, "--data-dir", this.dataDir], options);
  }

  /** Runs a command to its end. */
  run(args: ReadonlyArray<string>, options: RunOptions = {}): Promise<Ended> {
    return this.start(args, { input: "", ...options }).ended;
  }

  /** What a command printed as JSON; fails if it failed. */
  // oxlint-disable-next-line typescript/no-explicit-any -- what a program prints has no type here, on purpose
  async json(args: ReadonlyArray<string>, options: RunOptions = {}): Promise<any> {
    const { code, stdout, stderr } = await this.run([...args, "--json"], options);
    if (code !== 0) throw new Error(`heddle ${args.join(" ")} ended with ${code}: ${stderr}`);
    return JSON.parse(stdout);
  }

  /** Runs a server on any free port, and waits until it says where it listens. */
  async serve(): Promise<Running> {
    const server = this.start(["serve", "--port", "0"]);
    this.server = server;
    await server.says("ctrl-C stops it.");
    return server;
  }

  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<Ended | undefined> {
    const { server } = this;
    this.server = undefined;
    server?.child.kill(signal);
    return server?.ended;
  }
}

/** The lines of a stream of JSON. */
// oxlint-disable-next-line typescript/no-explicit-any -- see above
export const jsonLines = (text: string): ReadonlyArray<any> =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
