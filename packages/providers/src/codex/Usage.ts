/**
 * What a turn has used of its model. Codex counts what its whole thread has used, which is also what it used before this
 * process began and, in a copy, before it was copied: a turn's own is what came since the count before it.
 */
import type { ProviderRuntimeEvent } from "@heddle/contracts/ProviderRuntimeEvent";
import { read } from "../shared/Read.ts";
import { type TokenCount, UsageNotification } from "./Wire.ts";

type UsageUpdated = Extract<ProviderRuntimeEvent, { type: "usage.updated" }>;

const readUsage = read(UsageNotification);

interface OfTurn {
  readonly turnId: string;
  /** The thread's count as the turn began. */
  readonly before: TokenCount;
  readonly total: TokenCount;
}

export class UsageMeter {
  #latest: OfTurn | undefined;
  #unsaid: UsageUpdated | undefined;

  /** Takes `thread/tokenUsage/updated`. */
  heard(params: unknown): void {
    const heard = readUsage(params);
    if (heard === undefined) return;
    const { turnId, tokenUsage } = heard;
    const { total, last, modelContextWindow } = tokenUsage;
    const latest = this.#latest;
    const goesOn = latest?.turnId === turnId;
    if (goesOn && sameCount(latest.total, total)) return;
    // Where the thread's count was not told before, it has at least just used what it used last.
    const before = goesOn ? latest.before : (latest?.total ?? minus(total, last));
    // The count goes back where turns were taken out of the thread.
    this.#latest = { turnId, before: isLess(total, before) ? total : before, total };
    const { inputTokens, cachedInputTokens, outputTokens } = minus(total, this.#latest.before);
    this.#unsaid = {
      type: "usage.updated",
      usage: { inputTokens, cachedInputTokens, outputTokens },
      context: { usedTokens: last.totalTokens, windowTokens: modelContextWindow ?? null },
    };
  }

  /** What is new of this turn since it was asked last. */
  take(turnId: string | undefined): UsageUpdated | undefined {
    if (turnId === undefined || this.#latest?.turnId !== turnId) return undefined;
    const event = this.#unsaid;
    this.#unsaid = undefined;
    return event;
  }
}

const minus = (count: TokenCount, other: TokenCount): TokenCount => ({
  totalTokens: Math.max(0, count.totalTokens - other.totalTokens),
  inputTokens: Math.max(0, count.inputTokens - other.inputTokens),
  cachedInputTokens: Math.max(0, count.cachedInputTokens - other.cachedInputTokens),
  outputTokens: Math.max(0, count.outputTokens - other.outputTokens),
});

const isLess = (count: TokenCount, other: TokenCount): boolean => count.totalTokens < other.totalTokens;

const sameCount = (count: TokenCount, other: TokenCount): boolean => count.totalTokens === other.totalTokens;
