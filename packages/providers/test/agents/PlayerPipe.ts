/** The stdio of an agent that is played: what it hears, line by line, and what it says, cut as a test wants it cut. */
import { createInterface } from "node:readline";
import { setImmediate as nextTurn } from "node:timers/promises";

export interface Heard {
  readonly id?: number | string;
  readonly method?: string;
}

export class PlayerPipe<Message extends Heard> {
  /** The client closed its end. */
  inputEnded = false;
  readonly #heard: Array<Message> = [];
  readonly #pieces: number | undefined;
  #pending = Buffer.alloc(0);
  #wake = (): void => {};

  /** `pieces`: the output comes in pieces of so many bytes. What `takes` takes is not waited for. */
  constructor(pieces: number | undefined, takes: (message: Message) => boolean) {
    this.#pieces = pieces;
    const input = createInterface({ input: process.stdin });
    input.on("line", (line) => {
      const message = JSON.parse(line) as Message;
      if (!takes(message)) this.#heard.push(message);
      this.#wake();
    });
    input.on("close", () => {
      this.inputEnded = true;
      this.#wake();
    });
  }

  /** The first message that was heard like this one; ends the process where none can come any more. */
  async hear(wanted: Heard): Promise<Message> {
    const isIt = (candidate: Heard): boolean =>
      wanted.method === undefined
        ? candidate.method === undefined && candidate.id === wanted.id
        : candidate.method === wanted.method;
    const found = await this.#until(() => this.#heard.find(isIt) ?? (this.inputEnded ? null : undefined));
    if (found === null) process.exit(8);
    this.#heard.splice(this.#heard.indexOf(found), 1);
    return found;
  }

  async untilInputEnds(): Promise<void> {
    await this.#until(() => this.inputEnded || undefined);
  }

  /** With pieces, what does not fill one waits for what follows, so that pieces span messages. */
  async write(text: string): Promise<void> {
    this.#pending = Buffer.concat([this.#pending, Buffer.from(text)]);
    const size = this.#pieces ?? this.#pending.length;
    while (this.#pending.length >= size && this.#pending.length > 0) {
      const piece = this.#pending.subarray(0, size);
      this.#pending = this.#pending.subarray(size);
      await written(process.stdout, piece);
      if (this.#pieces !== undefined) await nextTurn();
    }
  }

  flush(): void {
    if (this.#pending.length > 0) process.stdout.write(this.#pending);
    this.#pending = Buffer.alloc(0);
  }

  async #until<A>(look: () => A | undefined): Promise<A> {
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

/** A real agent waits for its reader, too. */
export const written = (stream: NodeJS.WriteStream, data: Uint8Array | string): Promise<void> =>
  new Promise((resolve) => {
    stream.write(data, () => resolve());
  });
