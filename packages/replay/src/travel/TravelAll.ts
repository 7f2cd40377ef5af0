/** The read model of everything right after an event: the whole log up to there is folded, in memory. */
import { InvalidInput } from "@heddle/contracts/Errors";
import { eventReads } from "@heddle/event-store/EventStore";
import { PROJECTORS } from "@heddle/projections/Projectors";
import { Effect } from "effect";
import type { SqlClient } from "effect/sql";
import { folding, queriesOf, scratchDatabase, standsAt } from "./TravelScratch.ts";

/** Events that are folded at most. */
export const MOST_EVENTS = 100_000;
const PAGE_SIZE = 1000;

export const snapshotAt = Effect.fn("Travel.snapshotAt")(function* (
  sql: SqlClient.SqlClient,
  sequence: number,
  most = MOST_EVENTS,
) {
  const reads = eventReads(sql);
  const [counted] = yield* sql<{ count: number }>`SELECT count(*) AS count FROM
    (SELECT 1 FROM orchestration_events WHERE sequence <= ${sequence} LIMIT ${most + 1})`;
  if ((counted?.count ?? 0) > most) {
    const message = `More than ${most} events led to sequence ${sequence}: too many to fold for all threads. Ask for one thread with orchestration.getThreadSnapshot.`;
    const issues = [{ path: "atSequence", message }];
    return yield* new InvalidInput({ method: "orchestration.getSnapshot", message, issues });
  }
  const scratch = yield* scratchDatabase;
  const fold = folding(scratch, PROJECTORS);
  for (let from = 0; from < sequence;) {
    const { events, last } = yield* reads.readAll({ fromSequenceExclusive: from, limit: PAGE_SIZE });
    yield* fold(events.filter((event) => event.sequence <= sequence));
    if (last === undefined) break;
    from = last.sequence;
    yield* Effect.yieldNow;
  }
  yield* standsAt(scratch, sequence);
  const queries = yield* queriesOf(scratch);
  return yield* Effect.orDie(queries.snapshot);
}, Effect.scoped);
