/**
 * JSON-RPC as `codex app-server` speaks it: one object a line, without the `jsonrpc` field, requests both ways. What comes
 * is dispatched in the order of the wire, one message after the other, and no faster than the events are read.
 */
import type { AgentProcess } from "../shared/AgentProcess.ts";
import { isCutOff } from "../shared/Errno.ts";
import { type JsonObject, jsonLines } from "../shared/JsonLines.ts";
import type { ClientRequest, RequestId } from "./Protocol.ts";

export type Method = ClientRequest["method"];
export type ParamsOf<M extends Method> = Extract<ClientRequest, { method: M }>["params"];

/** What became of a request of ours. */
export type Reply =
  | { readonly type: "result"; readonly result: unknown }
  | { readonly type: "error"; readonly code: number; readonly message: string }
  /** The output ended before the answer came. */
  | { readonly type: "gone" };

/** A request of the agent's, to be answered exactly once. */
export interface Asked {
  readonly id: RequestId;
  readonly method: string;
  readonly params: unknown;
}

export interface Incoming {
  readonly told: (method: string, params: unknown) => void;
  /** Awaited before the next message is read. */
  readonly asked: (request: Asked) => Promise<void>;
  readonly messageTooLong: () => void;
  /** Awaited before the next message is read. */
  readonly room: () => Promise<void> | undefined;
}

export class Connection {
  /** Settles when the agent's output has been read to its end. Never rejects. */
  readonly ended: Promise<void>;
  readonly #process: AgentProcess;
  readonly #waiting = new Map<RequestId, (reply: Reply) => void>();
  #requests = 0;
  #over = false;

  constructor(process: AgentProcess, incoming: Incoming) {
    this.#process = process;
    this.ended = this.#read(incoming);
  }

  /** `heard` is called with the answer before anything that comes behind it is looked at. */
  request<M extends Method>(method: M, params: ParamsOf<M>, heard: (reply: Reply) => void): void {
    if (this.#over) {
      heard({ type: "gone" });
      return;
    }
    this.#requests += 1;
    this.#waiting.set(this.#requests, heard);
    // One that cannot be written goes to an agent that is gone, which the end of its output tells.
    void this.#send({ id: this.#requests, method, params });
  }

  notify(method: "initialized"): void {
    void this.#send({ method });
  }

  /** Settles when the agent has the answer; false where that was lost. */
  answer(id: RequestId, result: unknown): Promise<boolean> {
    return this.#send({ id, result });
  }

  refuse(id: RequestId, code: number, message: string): Promise<boolean> {
    return this.#send({ id, error: { code, message } });
  }

  #send(message: object): Promise<boolean> {
    return this.#process.write(`${JSON.stringify(message)}\n`);
  }

  async #read(incoming: Incoming): Promise<void> {
    try {
      const messages = jsonLines(this.#process.stdout, {
        onNoise: (line) => this.#process.appendNoise(line),
        onTooLong: incoming.messageTooLong,
      });
      for await (const message of messages) {
        await this.#dispatch(message, incoming);
        await incoming.room();
      }
    } catch (error) {
      // An output that is cut off is over. Of anything else, whoever asks how the agent ended is to find why.
      if (!isCutOff(error)) this.#process.appendNoise(String(error));
    }
    this.#over = true;
    for (const heard of this.#waiting.values()) heard({ type: "gone" });
    this.#waiting.clear();
  }

  async #dispatch(message: JsonObject, incoming: Incoming): Promise<void> {
    const { id, method, params, error } = message;
    if (typeof method === "string") {
      if (isId(id)) await incoming.asked({ id, method, params });
      else incoming.told(method, params);
    } else if (isId(id) && ("result" in message || error !== undefined)) {
      const heard = this.#waiting.get(id);
      this.#waiting.delete(id);
      heard?.(error === undefined ? { type: "result", result: message["result"] } : toError(error));
    } else {
      this.#process.appendNoise(JSON.stringify(message));
    }
  }
}

const isId = (id: unknown): id is RequestId => typeof id === "string" || typeof id === "number";

const UNKNOWN_ERROR = -32603;

const toError = (error: unknown): Reply => {
  const of = typeof error === "object" && error !== null ? error : {};
  const code = "code" in of && typeof of.code === "number" ? of.code : UNKNOWN_ERROR;
  const message = "message" in of && typeof of.message === "string" ? of.message : JSON.stringify(error);
  return { type: "error", code, message };
};
