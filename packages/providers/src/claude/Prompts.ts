/**
 * The input of a session, open as long as it lasts: an SDK whose input has ended closes the pipe, and with it the only way
 * to answer what the agent asks.
 */
import type { SDKUserMessage } from "@anthropic-ai/claude-agent-sdk";

export class Prompts {
  readonly #waiting: Array<SDKUserMessage> = [];
  #wake = (): void => {};
  #over = false;

  push(prompt: SDKUserMessage): void {
    this.#waiting.push(prompt);
    this.#wake();
  }

  end(): void {
    this.#over = true;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<SDKUserMessage, void> {
    for (;;) {
      const next = this.#waiting.shift();
      if (next !== undefined) yield next;
      else if (this.#over) return;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
