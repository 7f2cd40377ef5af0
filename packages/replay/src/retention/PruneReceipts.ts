/** Takes old receipts out of the database. The moment is noted first: from then on nobody expects them. */
import { Receipts } from "@heddle/event-store/Receipts";
import { Clock, Effect } from "effect";
import { SqlClient } from "effect/sql";
import type { JobMeter } from "../JobMeter.ts";
import type { PruneParts } from "./PruneStore.ts";
import { PruneThread } from "./PruneThread.ts";
import { inShortSteps } from "./ShortSteps.ts";

const PAGE_ROWS = 2000;

/** Deletes the receipts of before a moment, and gives how many they were. */
export const pruneReceipts = Effect.fn("PruneReceipts.pruneReceipts")(function* (
  { exclusively }: PruneParts,
  before: string,
  meter: JobMeter,
) {
  const sql = yield* SqlClient.SqlClient;
  const receipts = yield* Receipts;
  const thread = yield* PruneThread;
  const now = new Date(yield* Clock.currentTimeMillis).toISOString();
  const noted = sql`INSERT INTO orchestration_pruned_receipts (accepted_before, pruned_at)
    VALUES (${before}, ${now}) ON CONFLICT (accepted_before) DO UPDATE SET pruned_at = excluded.pruned_at`;
  yield* exclusively(Effect.tap(sql.withTransaction(noted), Effect.sync(receipts.pruned)));

  let deleted = 0;
  for (let from: string | null = ""; from !== null;) {
    const after: string = from;
    const page: { readonly commandIds: ReadonlyArray<string>; readonly next: string | null } =
      yield* thread.use((reads) => reads.receipts({ after, before, limit: PAGE_ROWS }));
    let at = 0;
    yield* inShortSteps(exclusively, (size) =>
      Effect.gen(function* () {
        const ids = JSON.stringify(page.commandIds.slice(at, at + size));
        yield* sql.withTransaction(
          sql`DELETE FROM orchestration_command_receipts
            WHERE command_id IN (SELECT value FROM json_each(${ids}))`,
        );
        at += size;
        return at < page.commandIds.length;
      }),
    );
    deleted += page.commandIds.length;
    yield* meter.at(deleted, null);
    from = page.next;
  }
  return deleted;
});
