/**
 * Calls git so that nothing but git runs.
 *
 * A repository's configuration, hooks and attributes are written by whoever can write in the workspace, agents
 * included, and many of its keys name programs. The first defence is that most calls do not read it at all: they work
 * in a git directory of Heddle's own (Workspace.ts). The second is here, for the few calls that must open the
 * repository: an environment made from nothing, and a command line that overrides each key that could start a program.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { stat } from "node:fs/promises";
import { devNull } from "node:os";
import { Context, Duration, Effect } from "effect";
import { attempt, ABSENT, Failure, unless } from "./Failure.ts";

/** Where a call works. Always explicit, so git looks for no repository and asks nobody who owns it. */
export interface Place {
  /** Also a `.git` file, as in a linked worktree. */
  readonly gitDir: string;
  readonly workTree?: string;
  readonly cwd: string;
}

export interface GitOptions {
  readonly config?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** Exit codes that are answers rather than failures. */
  readonly okCodes?: ReadonlyArray<number>;
  /** git is stopped after so many bytes of output. */
  readonly maxBytes?: number;
  /** Reads the person's own configuration; only for `git config`. */
  readonly personalConfig?: boolean;
}

export interface GitOutput {
  readonly code: number;
  readonly stdout: Buffer;
  /** `maxBytes` was reached; the exit code says nothing then. */
  readonly cut: boolean;
}

/** The longest that one call of git may take. */
export const GitTimeout = Context.Reference<Duration.Duration>("heddle/checkpoints/GitTimeout", {
  defaultValue: () => Duration.seconds(60),
});

const MAX_STDERR = 4000;
const KILL_AFTER_MS = 2000;

const HARDENED: Readonly<Record<string, string>> = {
  // Keys that name programs.
  "core.hooksPath": devNull,
  "core.fsmonitor": "false",
  "core.sshCommand": "false",
  "core.gitProxy": "",
  "core.askPass": "",
  "core.editor": "false",
  "core.pager": "cat",
  "core.alternateRefsCommand": "false",
  "credential.helper": "",
  "gpg.program": "false",
  "protocol.allow": "never",
  // Work in the background, and traces left where a person would see them.
  "gc.auto": "0",
  "maintenance.auto": "false",
  "core.logAllRefUpdates": "false",
  "core.untrackedCache": "false",
  "submodule.recurse": "false",
  // Conversions of content.
  "core.attributesFile": devNull,
  "core.autocrlf": "false",
  "core.safecrlf": "false",
  "core.quotePath": "false",
  // Someone else's git holds these locks for moments only.
  "core.filesRefLockTimeout": "5000",
  "core.packedRefsTimeout": "5000",
};

const INHERITED = ["PATH", "HOME", "XDG_CONFIG_HOME", "TMPDIR", "SystemRoot", "USERPROFILE"];

const environment = (place: Place, options: GitOptions): NodeJS.ProcessEnv => ({
  ...Object.fromEntries(
    INHERITED.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  ),
  LC_ALL: "C",
  GIT_DIR: place.gitDir,
  ...(place.workTree === undefined ? {} : { GIT_WORK_TREE: place.workTree }),
  ...(options.personalConfig === true ? {} : { GIT_CONFIG_GLOBAL: devNull }),
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_ATTR_NOSYSTEM: "1",
  GIT_NO_LAZY_FETCH: "1",
  GIT_NO_REPLACE_OBJECTS: "1",
  GIT_ALLOW_PROTOCOL: "",
  GIT_OPTIONAL_LOCKS: "0",
  GIT_TERMINAL_PROMPT: "0",
  GIT_PAGER: "cat",
  ...options.env,
});

const settings = (config: Readonly<Record<string, string>>): ReadonlyArray<string> =>
  Object.entries(config).flatMap(([key, value]) => ["-c", `${key}=${value}`]);

/** Asks first, so that git takes its lock files with it, and insists after a moment. */
const stop = (child: ChildProcess): Effect.Effect<void> =>
  Effect.callback((resume) => {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) {
      resume(Effect.void);
      return;
    }
    // Not an Effect sleep: a process lives by the machine's clock, also where a test holds Effect's.
    const insist = setTimeout(() => child.kill("SIGKILL"), KILL_AFTER_MS);
    child.once("close", () => {
      clearTimeout(insist);
      resume(Effect.void);
    });
    child.kill("SIGTERM");
  });

interface Ended extends GitOutput {
  readonly stderr: string;
}

const execute = (
  place: Place,
  args: ReadonlyArray<string>,
  options: GitOptions,
): Effect.Effect<Ended, NodeJS.ErrnoException> =>
  Effect.callback((resume) => {
    const child = spawn("git", [...settings({ ...HARDENED, ...options.config }), ...args], {
      cwd: place.cwd,
      env: environment(place, options),
      stdio: [options.input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    });
    const chunks: Array<Buffer> = [];
    let room = options.maxBytes ?? Number.POSITIVE_INFINITY;
    let cut = false;
    let stderr = "";
    child.stdout?.on("data", (chunk: Buffer) => {
      if (cut) return;
      cut = chunk.length > room;
      chunks.push(chunk.subarray(0, room));
      room -= chunk.length;
      if (cut) child.kill();
    });
    child.stderr?.on("data", (chunk: Buffer) => {
      stderr = (stderr + chunk.toString("utf8")).slice(-MAX_STDERR);
    });
    // git may end before it has read its input (EPIPE); its exit code then says why.
    child.stdin?.on("error", () => {});
    child.stdin?.end(options.input);
    child.once("error", (cause) => resume(Effect.fail(cause)));
    child.once("close", (code) =>
      resume(Effect.succeed({ code: code ?? -1, stdout: Buffer.concat(chunks), cut, stderr })),
    );
    return stop(child);
  });

const notStarted = Effect.fnUntraced(function* (place: Place, cause: NodeJS.ErrnoException) {
  const detail = String(cause);
  if (cause.code !== "ENOENT" && cause.code !== "EACCES") {
    const message = "git could not be started: the machine may be out of memory, processes or open files.";
    return yield* new Failure({ reason: "io-failed", message, detail });
  }
  // The same code stands for a missing program and for a missing folder to start it in.
  const folder = yield* attempt(`look at ${place.cwd}`, () => unless(ABSENT, undefined, stat(place.cwd)));
  if (folder?.isDirectory() !== true) {
    const message = `${place.cwd} is not a folder any more.`;
    return yield* new Failure({ reason: "not-a-directory", message, detail });
  }
  const message = "git was not found. Install git 2.36 or later, on the server's PATH.";
  return yield* new Failure({ reason: "git-not-found", message, detail });
});

/**
 * Runs one git command and gives its output.
 *
 * The process is stopped, and waited for, when the fiber is interrupted, after `GitTimeout`, and when it has written
 * `maxBytes`. Errors: `git-failed` for an exit code that is not in `okCodes` (0 unless told), `timeout`,
 * `git-not-found`, `not-a-directory` where the folder to work in is gone, `io-failed` where no process can be started.
 */
export const git = Effect.fn("Git.run")(function* (
  place: Place,
  args: ReadonlyArray<string>,
  options: GitOptions = {},
): Effect.fn.Return<GitOutput, Failure> {
  const duration = yield* GitTimeout;
  const ended = yield* execute(place, args, options).pipe(
    Effect.catch((cause) => notStarted(place, cause)),
    Effect.timeoutOrElse({
      duration,
      orElse: () =>
        Effect.fail(
          new Failure({
            reason: "timeout",
            message: `git ${args[0]} took longer than ${Duration.format(duration)} in ${place.cwd} and was stopped. Name large generated folders in .gitignore, then try again.`,
            detail: "",
          }),
        ),
    }),
  );
  if (!ended.cut && !(options.okCodes ?? [0]).includes(ended.code)) {
    return yield* new Failure({
      reason: "git-failed",
      message: `git ${args[0]} failed in ${place.cwd} (exit code ${ended.code}). What git said is in the detail; \`git fsck\` there says whether the repository is sound.`,
      detail: ended.stderr,
    });
  }
  return ended;
});

/** As `git`, for output that is text: a hash, a line, a list. */
export const gitText = (
  place: Place,
  args: ReadonlyArray<string>,
  options?: GitOptions,
): Effect.Effect<string, Failure> =>
  Effect.map(git(place, args, options), ({ stdout }) => stdout.toString("utf8"));

/** As `git`, for output that is a list of fields with a NUL after each (`-z`). */
export const gitFields = (
  place: Place,
  args: ReadonlyArray<string>,
  options?: GitOptions,
): Effect.Effect<ReadonlyArray<string>, Failure> =>
  Effect.map(gitText(place, args, options), (text) => text.split("\0").slice(0, -1));
