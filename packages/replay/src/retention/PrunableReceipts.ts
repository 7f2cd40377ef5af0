/** Receipts that may go: old ones, but for those that something which is still to be done could ask for. */
import type { TableShare } from "@heddle/contracts/RetentionRpc";
import { Effect } from "effect";
import type { SqlClient, SqlError } from "effect/sql";
import { shareOf } from "./PruneReads.ts";

/** What an open effect brings about has a receipt behind the effect's event: tried again, it must be found. */
const SETTLED = `result_sequence < coalesce((SELECT min(event_sequence) FROM orchestration_effects
  WHERE status IN ('pending', 'claimed')), ${Number.MAX_SAFE_INTEGER})`;

const TABLE = "orchestration_command_receipts";

export const shareOfReceipts = (
  sql: SqlClient.SqlClient,
  before: string,
): Effect.Effect<TableShare, SqlError.SqlError> =>
  shareOf(sql, TABLE, `accepted_at < ? AND ${SETTLED}`, [before]);

/** A range of receipts in the order of their keys: those of them that may go, and where to go on. */
export const receiptsAfter = Effect.fnUntraced(function* (
  sql: SqlClient.SqlClient,
  { after, before, limit }: { readonly after: string; readonly before: string; readonly limit: number },
): Effect.fn.Return<
  { readonly commandIds: ReadonlyArray<string>; readonly next: string | null },
  SqlError.SqlError
> {
  const rows = yield* sql<{ id: string; old: 0 | 1 }>`
    SELECT command_id AS id, accepted_at < ${before} AND ${sql.literal(SETTLED)} AS old
    FROM orchestration_command_receipts WHERE command_id > ${after} ORDER BY command_id LIMIT ${limit}`;
  return {
    commandIds: rows.flatMap(({ id, old }) => (old ? [id] : [])),
    next: rows.length < limit ? null : (rows.at(-1)?.id ?? null),
  };
});
