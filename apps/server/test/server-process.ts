/** Real server processes on real folders, for tests that kill them. */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach } from "vitest";
import { RawClient } from "./raw-client.ts";

const SERVE = fileURLToPath(new URL("fixtures/serve.ts", import.meta.url));

export interface RunningServer {
  readonly url: string;
  readonly token: string;
  readonly process: ChildProcess;
  readonly connect: () => Promise<RawClient>;
  /** Ends the process, and waits until it is gone. */
  readonly kill: (signal: NodeJS.Signals) => Promise<number | null>;
}

const cleanUps: Array<() => Promise<void> | void> = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

/** Done after the test, before everything that was there when it was asked for goes. */
export const afterwards = (cleanUp: () => Promise<void> | void): void => {
  cleanUps.push(cleanUp);
};

export const temporaryFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), "heddle-server-"));
  cleanUps.push(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  return folder;
};

export const startServer = async (dataDir: string): Promise<RunningServer> => {
  const child = spawn(process.execPath, [SERVE, dataDir], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
  const url = await new Promise<string>((resolve, reject) => {
    const onData = (chunk: Buffer) => {
      output += chunk.toString();
      const listening = /^listening (\S+)$/m.exec(output);
      if (listening?.[1]) resolve(listening[1]);
    };
    child.stdout.on("data", onData);
    child.stderr.on("data", onData);
    child.once("exit", (code) =>
      reject(new Error(`The server ended with ${code} before it listened:\n${output}`)),
    );
  });
  const token = readFileSync(join(dataDir, "token"), "utf8").trim();
  const kill = (signal: NodeJS.Signals) => {
    child.kill(signal);
    return exited;
  };
  cleanUps.push(async () => {
    await kill("SIGKILL");
  });
  return { url, token, process: child, connect: () => RawClient.connect(url, token), kill };
};

const git = (cwd: string, ...args: ReadonlyArray<string>): string =>
  execFileSync("git", ["-c", "user.name=A Person", "-c", "user.email=person@example.org", ...args], {
    cwd,
    encoding: "utf8",
  });

/** A git repository with one commit of `files` files. */
export const makeRepository = (files: number): string => {
  const folder = temporaryFolder();
  git(folder, "init", "--quiet", "--initial-branch=main");
  for (let index = 0; index < files; index += 1) {
    const directory = join(folder, `part-${index % 50}`);
    if (index < 50) mkdirSync(directory);
    writeFileSync(join(directory, `file-${index}.txt`), `This is file ${index}.\n`);
  }
  writeFileSync(join(folder, "README.md"), "# A project\n");
  git(folder, "add", "--all");
  git(folder, "commit", "--quiet", "--message", "Begin");
  return folder;
};

export const gitStatus = (folder: string): string => git(folder, "status", "--porcelain");
export const gitHead = (folder: string): string => git(folder, "rev-parse", "HEAD");
