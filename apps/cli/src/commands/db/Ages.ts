/** How old something must be, as people say it: `30d`, `12h`, `6w`. */
import { Schema, SchemaGetter } from "effect";

const HOURS = { h: 1, d: 24, w: 24 * 7 } as const;
const DAY_MILLIS = 24 * 60 * 60 * 1000;

/** In days. */
export const USUAL_AGES = { threads: 30, receipts: 90 } as const;

/** An age in days, from `30d` and the like; a number alone is days. */
export const Age = Schema.String.check(
  Schema.isPattern(/^\d{1,6}(\.\d+)?[hdw]?$/, { message: "an age such as 30d, 12h or 6w" }),
).pipe(
  Schema.decodeTo(Schema.Finite, {
    decode: SchemaGetter.transform((text: string) => {
      const unit = HOURS[text.at(-1) as keyof typeof HOURS] ?? 24;
      return (Number.parseFloat(text) * unit) / 24;
    }),
    encode: SchemaGetter.transform((days: number) => `${days}d`),
  }),
);

/** So many days before a moment, as ISO 8601 in UTC. */
export const momentBefore = (now: number, days: number): string =>
  new Date(now - days * DAY_MILLIS).toISOString();
