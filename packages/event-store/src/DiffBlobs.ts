/** Diffs of turns and of ranges of turns (`checkpoint_diff_blobs`, SPEC section 7.1). */
import type { ThreadId } from "@heddle/contracts/Ids";
import { Clock, Context, Effect, Layer } from "effect";
import { SqlClient, type SqlError } from "effect/sql";

export interface DiffRange {
  readonly threadId: ThreadId;
  readonly fromTurnCount: number;
  readonly toTurnCount: number;
}

export class DiffBlobs extends Context.Service<
  DiffBlobs,
  {
    /** The diff, or undefined where none is kept for this range. */
    readonly find: (range: DiffRange) => Effect.Effect<string | undefined, SqlError.SqlError>;
    /** Keeps a diff in place of an earlier one of the same range. */
    readonly put: (range: DiffRange, diff: string) => Effect.Effect<void, SqlError.SqlError>;
    /** Drops what a revert to `turnCount` has made void. */
    readonly dropAfter: (threadId: ThreadId, turnCount: number) => Effect.Effect<void, SqlError.SqlError>;
  }
>()("heddle/event-store/DiffBlobs") {
  static readonly layer = Layer.effect(
    DiffBlobs,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient;
      return DiffBlobs.of({
        find: ({ threadId, fromTurnCount, toTurnCount }) =>
          sql<{ diff: string }>`SELECT diff FROM checkpoint_diff_blobs
            WHERE thread_id = ${threadId} AND from_turn_count = ${fromTurnCount} AND to_turn_count = ${toTurnCount}`.pipe(
            Effect.map((rows) => rows[0]?.diff),
          ),
        put: ({ threadId, fromTurnCount, toTurnCount }, diff) =>
          Effect.flatMap(Clock.currentTimeMillis, (millis) => {
            const row = {
              thread_id: threadId,
              from_turn_count: fromTurnCount,
              to_turn_count: toTurnCount,
              diff,
              created_at: new Date(millis).toISOString(),
            };
            return sql`INSERT INTO checkpoint_diff_blobs ${sql.insert(row)}
              ON CONFLICT (thread_id, from_turn_count, to_turn_count)
              DO UPDATE SET diff = excluded.diff, created_at = excluded.created_at`;
          }).pipe(Effect.asVoid, sql.withTransaction),
        dropAfter: (threadId, turnCount) =>
          sql`DELETE FROM checkpoint_diff_blobs WHERE thread_id = ${threadId} AND to_turn_count > ${turnCount}`.pipe(
            Effect.asVoid,
            sql.withTransaction,
          ),
      });
    }),
  );
}
