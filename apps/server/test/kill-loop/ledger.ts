/** What clients sent and what they were answered, kept outside of the server: what the server is held to afterwards. */
import { isDeepStrictEqual } from "node:util";
import { type Json, type RawClient, RpcFailure } from "../raw-client.ts";

/** The sequence of an accepted command, or the code of a rejected one. */
export type Answer = { readonly sequence: number } | { readonly code: string };

export interface Entry {
  readonly command: Json;
  readonly client: string;
  /** The highest sequence that anybody had been answered when it was first sent: its own is higher. */
  readonly after: number;
  answer: Answer | undefined;
}

export class Ledger {
  readonly entries = new Map<string, Entry>();
  /** Where an answer was not what it had to be. */
  readonly complaints: Array<string> = [];
  /** How many answers came at all, repeated ones included. */
  answers = 0;
  #highest = 0;

  /** Sends a command of a client, for the first time or again; gives its answer, or undefined where the server died. */
  async send(connection: RawClient, client: string, command: Json): Promise<Answer | undefined> {
    const known = this.entries.get(command.commandId);
    const entry = known ?? { command, client, after: this.#highest, answer: undefined };
    this.entries.set(command.commandId, entry);
    const answer = await ask(connection, command);
    if (answer === undefined) return undefined;
    if (entry.answer === undefined) entry.answer = answer;
    else if (!isDeepStrictEqual(entry.answer, answer)) {
      this.complaints.push(
        `${command.commandId} was answered ${JSON.stringify(entry.answer)}, then ${JSON.stringify(answer)}`,
      );
    }
    if ("sequence" in answer) {
      if (answer.sequence <= entry.after) {
        this.complaints.push(
          `${command.commandId} has ${answer.sequence}, but was sent after ${entry.after}`,
        );
      }
      this.#highest = Math.max(this.#highest, answer.sequence);
    }
    this.answers += 1;
    return answer;
  }

  /** What a client has sent and not been answered. */
  unanswered(client: string): ReadonlyArray<Entry> {
    return [...this.entries.values()].filter(
      (entry) => entry.client === client && entry.answer === undefined,
    );
  }
}

const ask = async (connection: RawClient, command: Json): Promise<Answer | undefined> => {
  try {
    const { sequence } = await connection.dispatch(command);
    return { sequence };
  } catch (failure) {
    // The socket closed, or was closing when it was to be used.
    if (!(failure instanceof RpcFailure)) {
      if (failure instanceof DOMException || connection.socket.readyState !== WebSocket.OPEN)
        return undefined;
      throw failure;
    }
    if (failure.error?._tag === "CommandRejected") return { code: failure.error.code };
    if (failure.cause?.[0]?._tag === "Closed") return undefined;
    throw failure;
  }
};
