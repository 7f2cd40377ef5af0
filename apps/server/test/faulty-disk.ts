/** Disks and files that fail for real, as far as the machine and the user allow it: else each says why not. */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import type { TestContext } from "vitest";
import { afterwards, temporaryFolder } from "./server-process.ts";

const run = (command: string, ...args: ReadonlyArray<string>): void => {
  execFileSync(command, args, { stdio: "pipe" });
};

/** The rest of the test is for machines that can do this. */
const orSkip = (context: TestContext, reason: string, attempt: () => void): void => {
  try {
    attempt();
  } catch (error) {
    const [said = ""] = String(error instanceof Error ? error.message : error)
      .split("\n")
      .toReversed();
    context.skip(`${reason} (${said.trim()})`);
  }
};

export interface SmallDisk {
  readonly path: string;
  /** Leaves no byte free but what `makeRoom` gives back. */
  readonly fill: () => void;
  readonly makeRoom: () => void;
}

/** A disk of a few megabytes, of which a ballast takes some; skips the test where none can be mounted. */
export const mountSmallDisk = (context: TestContext, megabytes: number): SmallDisk => {
  const path = join(temporaryFolder(), "disk");
  mkdirSync(path);
  orSkip(context, "A small disk needs Linux and the right to mount", () =>
    run("mount", "-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", path),
  );
  // Lazily: whatever still runs there has to go first, or the folder could not be removed.
  afterwards(() => run("umount", "--lazy", path));
  const ballast = join(path, "ballast");
  writeFileSync(ballast, new Uint8Array(2 ** 20));
  return {
    path,
    fill: () => {
      const file = openSync(join(path, "filler"), "w");
      try {
        for (;;) writeSync(file, new Uint8Array(4096));
      } catch (error) {
        if (!(error instanceof Error && "code" in error && error.code === "ENOSPC")) throw error;
      } finally {
        closeSync(file);
      }
    },
    makeRoom: () => rmSync(ballast, { force: true }),
  };
};

const isRoot = process.getuid?.() === 0;

/** Lets nobody open the file or folder for writing until it is undone; skips the test where that cannot be had. */
export const makeReadOnly = (context: TestContext, path: string): (() => void) => {
  const { mode } = statSync(path);
  const undo = () => {
    if (!existsSync(path)) return;
    if (isRoot) run("chattr", "-i", path);
    else chmodSync(path, mode);
  };
  orSkip(context, "Root may write anything but what is immutable, which this disk has not", () => {
    if (isRoot) run("chattr", "+i", path);
    else chmodSync(path, mode & ~0o222);
  });
  afterwards(undo);
  return undo;
};

/** Takes the right to write from a file that a process has open already; skips the test where that cannot be had. */
export const takeWriting = (context: TestContext, path: string): (() => void) => {
  const trial = join(temporaryFolder(), "trial");
  orSkip(context, "Only root can do this, and only on a disk that keeps it from open files", () => {
    const file = openSync(trial, "w");
    run("chattr", "+i", trial);
    try {
      writeSync(file, "x");
    } catch {
      return;
    } finally {
      closeSync(file);
      run("chattr", "-i", trial);
    }
    throw new Error("an open file stays writable");
  });
  run("chattr", "+i", path);
  const undo = () => {
    if (existsSync(path)) run("chattr", "-i", path);
  };
  afterwards(undo);
  return undo;
};

/** From now on the process cannot make a file longer than this; skips the test where that cannot be had. */
export const limitFileSize = (context: TestContext, pid: number, bytes: number): (() => void) => {
  const limit = (soft: string) => run("prlimit", "--pid", String(pid), `--fsize=${soft}:unlimited`);
  orSkip(context, "prlimit is needed, which comes with Linux", () => limit(String(bytes)));
  return () => limit("unlimited");
};
