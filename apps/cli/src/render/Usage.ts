/** What a turn or a thread has used of a model, in words. Pure. */
import type { ContextUse, TokenUsage } from "@heddle/contracts/Model";

const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

/** `12.3K tokens in (80% cached), 940 out, $0.12` */
export const usageWords = ({ inputTokens, cachedInputTokens, outputTokens, costUsd }: TokenUsage): string => {
  const share = inputTokens === 0 ? 0 : Math.round((100 * cachedInputTokens) / inputTokens);
  const cached = share === 0 ? "" : ` (${share}% cached)`;
  const cost = costUsd === undefined ? "" : `, ${costWords(costUsd)}`;
  return `${compact.format(inputTokens)} tokens in${cached}, ${compact.format(outputTokens)} out${cost}`;
};

/** Small sums are not shown as nothing. */
const costWords = (usd: number): string =>
  usd > 0 && usd < 0.01 ? `$${usd.toPrecision(1)}` : `$${usd.toFixed(2)}`;

/** `context 45% full` */
export const contextWords = ({ usedTokens, windowTokens }: ContextUse): string =>
  windowTokens === null || windowTokens === 0
    ? `${compact.format(usedTokens)} tokens of context`
    : `context ${Math.round((100 * usedTokens) / windowTokens)}% full`;
