/** What was taken out of the log that an archive is of goes here, too, before anything new comes in. */
import { selectValues } from "@heddle/sql/OnConnection";
import type { PrunedThread } from "@heddle/event-store/Pruned";
import { HEADER_TABLES, threadParts } from "@heddle/event-store/ThreadRows";
import { Effect } from "effect";
import type { SqlClient, SqlError } from "effect/sql";
import type { ArchivedRow } from "./ArchiveFormat.ts";
import { receiptsAfter } from "../retention/PrunableReceipts.ts";

const STEP_ROWS = 1000;

const prunedThread = (row: ArchivedRow<"pruned">): PrunedThread => ({
  threadId: row.thread_id,
  firstSequence: row.first_sequence,
  lastSequence: row.last_sequence,
  eventCount: row.event_count,
  archive: row.archive,
  checkpointsIn: row.checkpoints_in,
  prunedAt: row.pruned_at,
});

/**
 * Takes a thread out as it was there: marked first, so that an import which is killed goes on with it. A row that is here
 * already is brought to the archive's state only where the archive is the newer one.
 */
export const threadRemover = Effect.fnUntraced(function* (
  sql: SqlClient.SqlClient,
  { archiveIsNewer }: { readonly archiveIsNewer: boolean },
) {
  const parts = yield* threadParts(sql);

  const put = (row: ArchivedRow<"pruned">) =>
    sql`INSERT INTO orchestration_pruned ${sql.insert({ ...row })}
      ON CONFLICT (thread_id, last_sequence) DO UPDATE
      SET state = excluded.state, checkpoints_in = excluded.checkpoints_in`;
  const remove = Effect.fnUntraced(function* (row: ArchivedRow<"pruned">) {
    for (const part of parts) {
      let more = true;
      while (more) {
        ({ more } = yield* sql.withTransaction(part.deleteSome(prunedThread(row), STEP_ROWS)));
      }
    }
  });

  return Effect.fnUntraced(function* (row: ArchivedRow<"pruned">): Effect.fn.Return<void, SqlError.SqlError> {
    const { thread_id: threadId, last_sequence: lastSequence } = row;
    const [known] = yield* selectValues(
      sql,
      "SELECT state FROM orchestration_pruned WHERE thread_id = ? AND last_sequence = ?",
      [threadId, lastSequence],
    );
    const [event] = yield* selectValues(
      sql,
      `SELECT 1 FROM orchestration_events
        WHERE aggregate_kind = 'thread' AND stream_id = ? AND sequence <= ? LIMIT 1`,
      [threadId, lastSequence],
    );
    if (known?.[0] === "pruning" || event !== undefined) {
      yield* sql.withTransaction(
        Effect.gen(function* () {
          yield* put({ ...row, state: "pruning" });
          for (const table of HEADER_TABLES) {
            yield* sql`DELETE FROM ${sql(table)} WHERE thread_id = ${threadId}`;
          }
        }),
      );
      yield* remove(row);
    } else if (known !== undefined && !archiveIsNewer) {
      return;
    }
    yield* sql.withTransaction(put(row));
  });
});

/** Removes the receipts that were removed there, but for those that something which is still to be done could ask for. */
export const receiptRemover = (sql: SqlClient.SqlClient) => {
  const cutoffs: Array<ArchivedRow<"pruned-receipts">> = [];
  return {
    take: Effect.fnUntraced(function* (row: ArchivedRow<"pruned-receipts">) {
      const statement = "SELECT 1 FROM orchestration_pruned_receipts WHERE accepted_before = ?";
      const known = yield* selectValues(sql, statement, [row.accepted_before]);
      if (known.length === 0) cutoffs.push(row);
    }),
    /** They come in the order of their moments: what is older than the last one is older than all. */
    end: Effect.gen(function* () {
      const last = cutoffs.at(-1);
      if (last === undefined) return;
      for (let after: string | null = ""; after !== null;) {
        const page: Effect.Success<ReturnType<typeof receiptsAfter>> = yield* receiptsAfter(sql, {
          after,
          before: last.accepted_before,
          limit: STEP_ROWS,
        });
        const listed = JSON.stringify(page.commandIds);
        yield* sql`DELETE FROM orchestration_command_receipts
          WHERE command_id IN (SELECT value FROM json_each(${listed}))`.pipe(sql.withTransaction);
        after = page.next;
      }
      yield* sql.withTransaction(
        Effect.forEach(
          cutoffs,
          (row) => sql`INSERT INTO orchestration_pruned_receipts ${sql.insert({ ...row })}`,
          { discard: true },
        ),
      );
    }),
  };
};
