/**
 * What a turn has used of its models. Claude tells it at the end of what it answers, subagents included; while it works,
 * what its own requests have used so far stands for that.
 */
import type { TokenUsage } from "@heddle/contracts/Model";
import type { ProviderRuntimeEvent } from "@heddle/contracts/ProviderRuntimeEvent";
import type { ModelUsage, Result, StreamEvent, Tokens } from "./Wire.ts";

type UsageUpdated = Extract<ProviderRuntimeEvent, { type: "usage.updated" }>;

interface Count {
  readonly input: number;
  readonly cached: number;
  readonly output: number;
  readonly cost?: number;
}

const NOTHING: Count = { input: 0, cached: 0, output: 0 };

export class UsageMeter {
  /** Of this turn, as claude told it. */
  #told = NOTHING;
  /** Of this turn, behind that. */
  #since = NOTHING;
  #message: { readonly model: string; readonly tokens: Tokens } | undefined;
  #windows = new Map<string, number>();
  #context: UsageUpdated["context"];

  begin(): void {
    this.#told = NOTHING;
    this.#since = NOTHING;
  }

  /** What streams of the main loop. */
  streamed(event: StreamEvent): UsageUpdated | undefined {
    if (event.type === "message_start" && event.message?.usage) {
      this.#message = { model: event.message.model ?? "", tokens: event.message.usage };
    }
    if (event.type !== "message_delta" || !event.usage || this.#message === undefined) return undefined;
    const { model, tokens } = this.#message;
    this.#message = undefined;
    const count = countOf({ ...tokens, ...withoutNulls(event.usage) });
    this.#since = plus(this.#since, count);
    this.#context = {
      usedTokens: whole(count.input + count.output),
      windowTokens: this.#windows.get(model) ?? null,
    };
    return this.#updated();
  }

  ended({ model_usage_since_last_result: models, modelUsage, usage }: Result): UsageUpdated | undefined {
    for (const [model, { contextWindow }] of Object.entries(modelUsage ?? {})) {
      if (contextWindow) this.#windows.set(model, contextWindow);
    }
    // Not the difference of totals: a session that goes on also counts what it used before.
    const used = models
      ? Object.values(models).map(countOfModel).reduce(plus, NOTHING)
      : usage
        ? countOf(usage)
        : this.#since;
    this.#told = plus(this.#told, used);
    this.#since = NOTHING;
    const [window] = this.#windows.values();
    if (this.#context && this.#context.windowTokens === null && window !== undefined) {
      this.#context = { ...this.#context, windowTokens: window };
    }
    return this.#told.input + this.#told.output > 0 ? this.#updated() : undefined;
  }

  #updated(): UsageUpdated {
    const { input, cached, output, cost } = plus(this.#told, this.#since);
    const usage: TokenUsage = {
      inputTokens: whole(input),
      cachedInputTokens: whole(cached),
      outputTokens: whole(output),
      ...(cost === undefined ? {} : { costUsd: Math.max(0, cost) }),
    };
    return { type: "usage.updated", usage, ...(this.#context ? { context: this.#context } : {}) };
  }
}

const countOf = (tokens: Tokens): Count => {
  const cached = tokens.cache_read_input_tokens ?? 0;
  const input = (tokens.input_tokens ?? 0) + cached + (tokens.cache_creation_input_tokens ?? 0);
  return { input, cached, output: tokens.output_tokens ?? 0 };
};

const countOfModel = (usage: typeof ModelUsage.Type): Count => {
  const cached = usage.cacheReadInputTokens ?? 0;
  const input = usage.inputTokens + cached + (usage.cacheCreationInputTokens ?? 0);
  const count = { input, cached, output: usage.outputTokens };
  return typeof usage.costUSD === "number" ? { ...count, cost: usage.costUSD } : count;
};

const plus = (a: Count, b: Count): Count => {
  const cost = a.cost === undefined && b.cost === undefined ? {} : { cost: (a.cost ?? 0) + (b.cost ?? 0) };
  return { input: a.input + b.input, cached: a.cached + b.cached, output: a.output + b.output, ...cost };
};

const withoutNulls = (tokens: Tokens): Tokens =>
  Object.fromEntries(Object.entries(tokens).filter(([, value]) => value !== null));

const whole = (tokens: number): number => Math.max(0, Math.round(tokens));
