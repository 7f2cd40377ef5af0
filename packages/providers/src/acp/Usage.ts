/**
 * What a turn has used of its model. Agents tell how full their context is as they work, what a session has cost since it
 * began, and, with their answer to the prompt, the tokens of that turn; each of these, or none of them.
 */
import type { ProviderRuntimeEvent } from "@heddle/contracts/ProviderRuntimeEvent";
import { read } from "../shared/Read.ts";
import { PromptUsage, UsageUpdate } from "./Wire.ts";

type UsageUpdated = Extract<ProviderRuntimeEvent, { type: "usage.updated" }>;
type Tokens = Pick<UsageUpdated["usage"], "inputTokens" | "cachedInputTokens" | "outputTokens">;

const NO_TOKENS: Tokens = { inputTokens: 0, cachedInputTokens: 0, outputTokens: 0 };
const CURRENCY = "USD";

const readUpdate = read(UsageUpdate);
const readUsage = read(PromptUsage);

export class UsageMeter {
  /** Of the session, as the agent said it last. */
  #cost: number | undefined;
  /** As the turn began; `undefined` where that is not known. */
  #costBefore: number | undefined = 0;
  #context: UsageUpdated["context"];
  #tokens = NO_TOKENS;
  /** Whether the agent has said anything of the turn. */
  #anything = false;
  #said = "";

  /** The session is an earlier one: what it has cost by now only the agent knows, and says it with its first turn's. */
  goOn(): void {
    this.#costBefore = undefined;
  }

  /** A turn begins. */
  begin(): void {
    this.#costBefore = this.#cost ?? this.#costBefore;
    this.#tokens = NO_TOKENS;
    this.#anything = false;
    this.#said = "";
  }

  /** Takes a `usage_update`. */
  heard(update: unknown): void {
    const heard = readUpdate(update);
    if (heard === undefined) return;
    const { used, size, cost } = heard;
    this.#anything = true;
    this.#context = { usedTokens: used, windowTokens: size === 0 ? null : size };
    if (cost?.currency !== CURRENCY) return;
    // An agent that counts anew, as after a start, has given nothing back.
    if (cost.amount < (this.#cost ?? 0)) this.#costBefore = 0;
    this.#cost = cost.amount;
  }

  /** Takes what the answer to the prompt says of its turn. */
  ended(usage: unknown): void {
    const tokens = readUsage(usage);
    if (tokens === undefined) return;
    this.#anything = true;
    this.#tokens = tokensOf(tokens);
  }

  /** What is new of the turn since it was asked last. */
  take(): UsageUpdated | undefined {
    const [cost, before] = [this.#cost, this.#costBefore];
    const costUsd = cost === undefined || before === undefined ? undefined : cost - before;
    if (!this.#anything) return undefined;
    const event: UsageUpdated = {
      type: "usage.updated",
      usage: { ...this.#tokens, ...(costUsd === undefined ? {} : { costUsd }) },
      ...(this.#context === undefined ? {} : { context: this.#context }),
    };
    const said = JSON.stringify(event);
    if (said === this.#said) return undefined;
    this.#said = said;
    return event;
  }
}

/**
 * Agents differ in whether cached tokens are among those of the input, and thoughts among those of the output; what they
 * say it is in all tells which.
 */
const tokensOf = (usage: typeof PromptUsage.Type): Tokens => {
  const { totalTokens, inputTokens, outputTokens } = usage;
  const cached = usage.cachedReadTokens ?? 0;
  const withCache = inputTokens + cached + (usage.cachedWriteTokens ?? 0);
  const input = withCache + outputTokens <= totalTokens ? withCache : inputTokens;
  const withThoughts = outputTokens + (usage.thoughtTokens ?? 0);
  const output = input + withThoughts <= totalTokens ? withThoughts : outputTokens;
  return { inputTokens: input, cachedInputTokens: Math.min(cached, input), outputTokens: output };
};
