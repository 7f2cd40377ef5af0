/** A moment as somebody writes it: the sequence of an event, a time, or how long ago. */
import { Clock, Effect } from "effect";
import { wrongUsage } from "./CliFailure.ts";
import { parseMoment } from "./commands/events/Filters.ts";

/** What it may look like. */
export const MOMENT_FORMS =
  "the sequence of an event, a time (2026-01-31, 2026-01-31T12:00, 2026-01-31T12:00:00Z), or how long ago (15m, 2h, 3d)";

export type Moment = { readonly atSequence: number } | { readonly atTime: string };

/** The moment that is meant. A date alone is the beginning of that day. */
export const momentOf = Effect.fnUntraced(function* (given: string) {
  const text = given.trim();
  if (/^\d{1,15}$/.test(text)) return { atSequence: Number(text) } satisfies Moment;
  const time = parseMoment(text.replace(/ ago$/, ""), yield* Clock.currentTimeMillis);
  if (time === undefined) {
    return yield* wrongUsage(`${given} is no moment.`, `Give ${MOMENT_FORMS}.`);
  }
  return { atTime: time } satisfies Moment;
});
