/** A few questions to an agent over its standard input and output, in JSON-RPC, for a check of it. */
import { Data, Deferred, Effect } from "effect";
import type { AgentProcess } from "./AgentProcess.ts";
import { isCutOff } from "./Errno.ts";
import { type JsonObject, jsonLines } from "./JsonLines.ts";

const METHOD_NOT_FOUND = -32601;
const MAX_REASON = 400;
const MAX_LINE_BYTES = 4 * 1024 * 1024;
/** What prints more lines that are no message speaks something else, or nothing. */
const MAX_NOISE = 1000;

/** The agent answered with an error. */
export class ProbeRefused extends Data.TaggedError("ProbeRefused")<{
  readonly method: string;
  readonly code: number;
  readonly reason: string;
}> {}

/** Its output ended before it answered. */
export class ProbeGone extends Data.TaggedError("ProbeGone")<{}> {}

export class Probe {
  readonly process: AgentProcess;
  readonly #asked = new Map<unknown, (reply: Effect.Effect<unknown, ProbeRefused | ProbeGone>) => void>();
  readonly #methods = new Map<unknown, string>();
  readonly #told = new Map<string, Deferred.Deferred<unknown>>();
  #noise = 0;
  #over = false;

  constructor(process: AgentProcess) {
    this.process = process;
    void this.#read();
  }

  /** The method of the last question. */
  get lastAsked(): string {
    return this.#methods.get(this.#methods.size) ?? "";
  }

  get speaksOtherwise(): boolean {
    return this.#noise > MAX_NOISE;
  }

  ask(method: string, params: object): Effect.Effect<unknown, ProbeRefused | ProbeGone> {
    return Effect.callback((resume) => {
      if (this.#over) return resume(Effect.fail(new ProbeGone()));
      const id = this.#asked.size + 1;
      this.#asked.set(id, resume);
      this.#methods.set(id, method);
      this.#send({ id, method, params });
    });
  }

  notify(method: string): void {
    this.#send({ method });
  }

  /** The parameters of the first notification of that name, also of one that came already. */
  told(method: string): Effect.Effect<unknown> {
    return Deferred.await(this.#toldOf(method));
  }

  #toldOf(method: string): Deferred.Deferred<unknown> {
    const known = this.#told.get(method) ?? Deferred.makeUnsafe<unknown>();
    this.#told.set(method, known);
    return known;
  }

  #send(message: object): void {
    // One that is lost was for an agent that is gone, which the end of its output tells.
    void this.process.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
  }

  async #read(): Promise<void> {
    const { process } = this;
    try {
      const messages = jsonLines(process.stdout, {
        onNoise: (line) => {
          process.appendNoise(line);
          this.#noise += 1;
          if (this.speaksOtherwise) process.stdout.destroy();
        },
        onTooLong: () => process.appendNoise("(a line that is too long to read)"),
        maxLineBytes: MAX_LINE_BYTES,
      });
      for await (const message of messages) this.#heard(message);
    } catch (error) {
      if (!isCutOff(error)) process.appendNoise(String(error));
    }
    this.#over = true;
    for (const resume of this.#asked.values()) resume(Effect.fail(new ProbeGone()));
  }

  #heard({ id, method, params, result, error }: JsonObject): void {
    if (typeof method === "string") {
      if (id === undefined) Deferred.doneUnsafe(this.#toldOf(method), Effect.succeed(params));
      else this.#send({ id, error: { code: METHOD_NOT_FOUND, message: "This is a check; nobody is here." } });
      return;
    }
    const reply =
      error === undefined || error === null
        ? Effect.succeed(result)
        : Effect.fail(new ProbeRefused({ method: this.#methods.get(id) ?? "", ...errorOf(error) }));
    this.#asked.get(id)?.(reply);
  }
}

const errorOf = (error: unknown): { readonly code: number; readonly reason: string } => {
  const of = typeof error === "object" && error !== null ? error : {};
  const code = "code" in of && typeof of.code === "number" ? of.code : 0;
  const reason = "message" in of && typeof of.message === "string" ? of.message : JSON.stringify(error);
  return { code, reason: reason.slice(0, MAX_REASON) };
};
