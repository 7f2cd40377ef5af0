/** Servers that are loaded and wait to be told to serve: a start then costs what the server does, and not its modules. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { RawClient } from "../raw-client.ts";

const SERVE = fileURLToPath(new URL("../fixtures/serve-when-told.ts", import.meta.url));

/** One life of the server: from the word to serve to its death. */
export class Life {
  readonly process: ChildProcess;
  readonly #dataDir: string;
  readonly #exited: Promise<unknown>;
  output = "";

  constructor(dataDir: string) {
    this.#dataDir = dataDir;
    this.process = spawn(process.execPath, [SERVE, dataDir], {
      stdio: ["pipe", "pipe", "pipe"],
      env: { NODE_COMPILE_CACHE: join(tmpdir(), "heddle-test-compile-cache"), ...process.env },
    });
    this.#exited = once(this.process, "exit");
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.output += text;
      });
    }
    // It may die before it has read the word.
    this.process.stdin?.on("error", () => {});
  }

  /** Starts to serve; gives where, or undefined if it was killed before it listened. */
  async begin(): Promise<{ readonly url: string; readonly connect: () => Promise<RawClient> } | undefined> {
    const listening = new Promise<string | undefined>((resolve) => {
      this.process.stdout?.on("data", () => {
        const url = /^listening (\S+)$/m.exec(this.output)?.[1];
        if (url !== undefined) resolve(url);
      });
      this.process.once("exit", () => resolve(undefined));
    });
    this.process.stdin?.write("serve\n");
    const url = await listening;
    if (url === undefined) {
      if (this.process.signalCode !== "SIGKILL")
        throw new Error(`The server ended by itself:\n${this.output}`);
      return undefined;
    }
    const token = readFileSync(join(this.#dataDir, "token"), "utf8").trim();
    return { url, connect: () => RawClient.connect(url, token) };
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    if (this.process.exitCode === null && this.process.signalCode === null) this.process.kill(signal);
    await this.#exited;
  }
}

/** The lives of one data directory, one after the other. */
export class Lives {
  readonly #dataDir: string;
  #next: Life;

  constructor(dataDir: string) {
    this.#dataDir = dataDir;
    this.#next = new Life(dataDir);
  }

  /** The next one, not yet told to serve; the one after it begins to load. */
  take(): Life {
    const life = this.#next;
    this.#next = new Life(this.#dataDir);
    return life;
  }

  /** Ends the one that still waits. */
  async dispose(): Promise<void> {
    await this.#next.end("SIGKILL");
  }
}
