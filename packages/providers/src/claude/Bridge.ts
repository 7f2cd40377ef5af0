/**
 * Stands for the process towards the SDK, which thinks that it spawned one. The real one is Heddle's, as that of any
 * agent: it is marked, watched, and ended with all that it started. What it prints is handed on line by line, in the order
 * of the wire, and no faster than the events are read.
 */
import { EventEmitter } from "node:events";
import { PassThrough, Writable } from "node:stream";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { SpawnedProcess, SpawnOptions } from "@anthropic-ai/claude-agent-sdk";
import type { AgentProcess } from "../shared/AgentProcess.ts";
import { isCutOff } from "../shared/Errno.ts";
import { type JsonObject, jsonLines } from "../shared/JsonLines.ts";

export interface Incoming {
  readonly messageTooLong: () => void;
  /** The SDK has it: also of messages that it keeps to itself. */
  readonly passed: (message: JsonObject) => void;
  /** What was handed on has been looked at. Awaited before the next line is. */
  readonly settled: () => Promise<void>;
  /** Awaited before the next line is handed on. */
  readonly room: () => Promise<void> | undefined;
}

export class Bridge extends EventEmitter implements SpawnedProcess {
  readonly stdin: Writable;
  readonly stdout = new PassThrough();
  /** As the SDK is to see it: an output that is over has ended well. How the process ended is told by the exit of the session. */
  exitCode: number | null = null;
  killed = false;
  readonly #process = Promise.withResolvers<AgentProcess | undefined>();
  #wanted: SpawnOptions | undefined;
  #lost = false;

  constructor() {
    super();
    this.stdin = new Writable({
      decodeStrings: false,
      write: (chunk: unknown, _encoding, done) => void this.#write(String(chunk), done),
    });
  }

  readonly spawn = (options: SpawnOptions): SpawnedProcess => {
    this.#wanted = options;
    return this;
  };

  /** What the SDK adds to the command of the agent. */
  get added(): { readonly args: ReadonlyArray<string>; readonly env: Record<string, string> } {
    const { args = [], env = {} } = this.#wanted ?? {};
    const set = Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined);
    return { args, env: Object.fromEntries(set) };
  }

  /** From now on the SDK speaks to this process. Settles when its output has been handed on to the end. Never rejects. */
  async connect(process: AgentProcess, incoming: Incoming): Promise<void> {
    this.#process.resolve(process);
    try {
      const messages = jsonLines(process.stdout, {
        onNoise: (line) => process.appendNoise(line),
        onTooLong: incoming.messageTooLong,
      });
      for await (const message of messages) {
        this.stdout.write(`${JSON.stringify(message)}\n`);
        // The SDK hands on by promises alone, so that by then it has.
        await nextTurn();
        incoming.passed(message);
        await incoming.settled();
        await incoming.room();
      }
    } catch (error) {
      // An output that is cut off is over. Of anything else, whoever asks how the agent ended is to find why.
      if (!isCutOff(error)) process.appendNoise(String(error));
    }
    this.end();
  }

  /** There is no process, or no more of its output: the SDK is to wait for nothing. */
  end(): void {
    this.#process.resolve(undefined);
    if (this.exitCode !== null) return;
    this.exitCode = 0;
    this.stdout.end();
    this.emit("exit", 0, null);
  }

  /** Does what makes the SDK write, and settles when the process has it; false where that was lost. */
  async sent(act: () => void): Promise<boolean> {
    act();
    await nextTurn();
    // Behind what was written before.
    await new Promise<void>((resolve) => this.stdin.write("", () => resolve()));
    return !this.#lost;
  }

  /** Its life is not the SDK's to end. */
  kill(): boolean {
    this.killed = true;
    return true;
  }

  async #write(text: string, done: () => void): Promise<void> {
    const process = await this.#process.promise;
    const written = text === "" || (await (process?.write(text) ?? false));
    if (!written) this.#lost = true;
    done();
  }
}
