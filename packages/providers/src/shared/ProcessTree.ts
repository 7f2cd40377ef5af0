/**
 * Finds what an agent started. Its tools' shells run in sessions of their own, where a signal to the agent's group does
 * not reach them, and once the agent is dead nothing links them to it but the mark in their environment.
 */
import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { Context, Effect } from "effect";
import { isErrno } from "./Errno.ts";

/** Name of the environment variable that holds the mark. */
export const PROCESS_MARK = "HEDDLE_AGENT_MARK";
/** Name of the one that says whose agent it is: known before the agent is started, and the same in each run of the server. */
export const OWNER_MARK = "HEDDLE_AGENT_OWNER";

export interface ProcessInfo {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  /** Tells a process from a later one with the same pid; empty where the system does not say. */
  readonly started: string;
}

/** A pid that is to be signalled, if it still is the process that was meant. */
export type Family = Map<number, ProcessInfo>;

/** The live descendants of a process, the members of its group, and whatever bears its mark. */
export const familyOf = Effect.fnUntraced(function* (pid: number, mark: string) {
  const all = yield* listProcesses;
  const marked = yield* markedProcesses(all, { name: PROCESS_MARK, value: mark });
  const children = Map.groupBy(all, ({ parent }) => parent);
  const family: Family = new Map();
  const add = (process: ProcessInfo): void => {
    if (family.has(process.pid)) return;
    family.set(process.pid, process);
    for (const child of children.get(process.pid) ?? []) add(child);
  };
  for (const process of all) {
    if (process.pid === pid || process.group === pid || marked.has(process.pid)) add(process);
  }
  return family;
});

/** Those of a family that are still alive, and no others that took their pids. */
export const survivorsOf = (family: Family): Effect.Effect<Family> =>
  Effect.map(listProcesses, (all) => {
    const alive = new Map(all.map((process) => [process.pid, process]));
    return new Map([...family].filter(([pid, { started }]) => alive.get(pid)?.started === started));
  });

export const signalFamily = (family: Family, signal: NodeJS.Signals): Effect.Effect<void> =>
  Effect.sync(() => {
    for (const pid of family.keys()) signalPid(pid, signal);
  });

/**
 * Ends what agents of an earlier run of the server left behind, by the marks of their sessions; returns how many
 * processes that were. Only on Linux can a process's environment be read; elsewhere this finds nothing.
 */
export const endProcessesMarked = (mark: string): Effect.Effect<number> =>
  Effect.flatMap(EndMarked, (end) => end({ name: PROCESS_MARK, value: mark }));

/** The same for all agents of an owner, those too that a crash left before their session was written down. */
export const endProcessesOf = (owner: string): Effect.Effect<number> =>
  Effect.flatMap(EndMarked, (end) => end({ name: OWNER_MARK, value: owner }));

/** An environment variable that a process bears. */
export interface Mark {
  readonly name: string;
  readonly value: string;
}

const endMarked = Effect.fnUntraced(function* (mark: Mark) {
  const all = yield* listProcesses;
  const marked = yield* markedProcesses(all, mark);
  const spared = selfAndAncestors(all);
  const family: Family = new Map(
    all.filter(({ pid }) => marked.has(pid) && !spared.has(pid)).map((info) => [info.pid, info]),
  );
  yield* signalFamily(family, "SIGKILL");
  return family.size;
});

/** A server that an agent's shell started bears the marks of that agent, and is not to end itself. */
const selfAndAncestors = (all: ReadonlyArray<ProcessInfo>): ReadonlySet<number> => {
  const parents = new Map(all.map(({ pid, parent }) => [pid, parent]));
  const line = new Set<number>();
  for (let pid: number | undefined = process.pid; pid && !line.has(pid); pid = parents.get(pid))
    line.add(pid);
  return line;
};

/** How marked processes are ended, where there are no real ones. */
export const EndMarked = Context.Reference<(mark: Mark) => Effect.Effect<number>>(
  "heddle/providers/EndMarked",
  { defaultValue: () => endMarked },
);

/** A process that ended meanwhile is what was wanted, and one that belongs to someone else is none of ours. */
export const signalPid = (pid: number, signal: NodeJS.Signals): void => {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!isErrno(error, "ESRCH", "EPERM")) throw error;
  }
};

const onLinux = process.platform === "linux";

const listProcesses: Effect.Effect<ReadonlyArray<ProcessInfo>> = Effect.promise(async () =>
  onLinux ? procProcesses() : psProcesses(),
);

const procProcesses = async (): Promise<ReadonlyArray<ProcessInfo>> => {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const stats = await Promise.all(pids.map((pid) => readIfThere(`/proc/${pid}/stat`)));
  return stats.flatMap((stat, index) => {
    // The name in parentheses may hold anything, parentheses too, so the fields are counted from the last one.
    const fields =
      stat
        ?.toString("latin1")
        .replace(/^.*\) /s, "")
        .split(" ") ?? [];
    const [state, parent, group] = fields;
    if (state === undefined || state === "Z" || state === "X") return [];
    return [
      { pid: Number(pids[index]), parent: Number(parent), group: Number(group), started: fields[19] ?? "" },
    ];
  });
};

const psProcesses = async (): Promise<ReadonlyArray<ProcessInfo>> => {
  const { stdout } = await promisify(execFile)("ps", ["-A", "-o", "pid=,ppid=,pgid=,stat="]);
  return stdout.split("\n").flatMap((line) => {
    const [pid, parent, group, state] = line.trim().split(/\s+/);
    if (state === undefined || state.startsWith("Z")) return [];
    return [{ pid: Number(pid), parent: Number(parent), group: Number(group), started: "" }];
  });
};

const markedProcesses = (
  all: ReadonlyArray<ProcessInfo>,
  { name, value }: Mark,
): Effect.Effect<ReadonlySet<number>> =>
  Effect.promise(async () => {
    if (!onLinux) return new Set<number>();
    const marks = await Promise.all(
      all.map(async ({ pid }) => {
        const environment = await readIfThere(`/proc/${pid}/environ`);
        return environment?.includes(`${name}=${value}\0`) ? [pid] : [];
      }),
    );
    return new Set(marks.flat());
  });

/** Processes end while they are listed, and those of other users are closed to us. */
const readIfThere = async (path: string): Promise<Buffer | undefined> => {
  try {
    return await readFile(path);
  } catch (error) {
    if (isErrno(error, "ENOENT", "ESRCH", "EACCES", "EPERM")) return undefined;
    throw error;
  }
};
