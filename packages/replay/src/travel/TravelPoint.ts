/** Where in the log a moment is. */
import { eventReads } from "@heddle/event-store/EventStore";
import { Effect } from "effect";
import type { SqlClient } from "effect/sql";

/** Right after an event, or after all that had happened at a time. */
export type Point = { readonly sequence: number } | { readonly time: string };

/** The sequence that a moment stands at: not beyond the head, and 0 before the first event. */
export const sequenceAt = Effect.fn("Travel.sequenceAt")(function* (sql: SqlClient.SqlClient, point: Point) {
  const head = yield* eventReads(sql).head;
  if ("sequence" in point) return Math.min(point.sequence, head);
  const time = new Date(point.time).toISOString();
  const nextFrom = (sequence: number) =>
    sql<{ sequence: number; at: string }>`SELECT sequence, occurred_at AS at FROM orchestration_events
      WHERE sequence >= ${sequence} ORDER BY sequence LIMIT 1`.pipe(Effect.map(([row]) => row));
  // What is at `low` or before happened by then, the next event at `high` or behind it did not. Where the clock was set
  // back this is one of the places at which it passed that time.
  let low = 0;
  let high = head + 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    const next = yield* nextFrom(middle);
    if (next === undefined || next.at > time) high = middle;
    else low = Math.min(next.sequence, high - 1);
  }
  return low;
});
