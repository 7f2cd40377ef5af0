/** What a turn has used, on its way into the log: only the newest word of it, and not more often than anybody reads it. */
import type { ProviderRuntimeEvent } from "@heddle/contracts/ProviderRuntimeEvent";
import { Clock, Effect } from "effect";

const EVERY_MILLIS = 15_000;

type UsageUpdated = Extract<ProviderRuntimeEvent, { type: "usage.updated" }>;
export type SaidUsage = Omit<UsageUpdated, "type">;

/** `store` is given the usage, and which word of the turn on it this is. */
export const makeTurnUsage = <E>(store: (said: SaidUsage, word: number) => Effect.Effect<void, E>) => {
  let words = 0;
  let newest: SaidUsage | undefined;
  let stored = "";
  let storedAt: number | undefined;

  /** What was said and is not in the log yet. */
  const settle = Effect.suspend(() => {
    const said = newest;
    if (!said) return Effect.void;
    return Effect.map(store(said, words), () => {
      newest = undefined;
      stored = JSON.stringify(said);
    });
  });

  return {
    settle,
    /** The first word of a turn waits like any other: a short turn says it once, at its end. */
    take: Effect.fnUntraced(function* ({ usage, context }: UsageUpdated) {
      const said: SaidUsage = { usage, ...(context && { context }) };
      words += 1;
      newest = JSON.stringify(said) === stored ? undefined : said;
      const now = yield* Clock.currentTimeMillis;
      storedAt ??= now;
      if (now - storedAt < EVERY_MILLIS) return;
      storedAt = now;
      yield* settle;
    }),
    /** A turn begins, or is over. */
    reset: () => {
      words = 0;
      newest = undefined;
      stored = "";
      storedAt = undefined;
    },
  };
};
