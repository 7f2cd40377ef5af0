import { multiRowInsert } from "@heddle/sql/MultiRowInsert";
import { Effect } from "effect";
import { nothingToRemember, type Projector, removeRows, revertedTurns, upsertSuffix } from "../Projector.ts";

export interface CheckpointRow {
  readonly thread_id: string;
  readonly turn_id: string;
  readonly checkpoint_turn_count: number;
  readonly checkpoint_ref: string;
  readonly status: string;
  readonly files_json: string;
  readonly files_omitted: number | null;
  readonly assistant_message_id: string | null;
  readonly completed_at: string;
}

const COLUMNS = [
  "thread_id",
  "turn_id",
  "checkpoint_turn_count",
  "checkpoint_ref",
  "status",
  "files_json",
  "files_omitted",
  "assistant_message_id",
  "completed_at",
] as const satisfies ReadonlyArray<keyof CheckpointRow>;

/** One row for each turn of a thread; a turn that is counted again after a revert takes the place of the first. */
export const checkpoints: Projector = {
  name: "checkpoints",
  version: 1,
  table: "projection_checkpoints",
  key: ["thread_id", "checkpoint_turn_count"],
  handles: ["thread.turn-diff-completed", "thread.reverted"],
  bind: (sql, table) => {
    const upsert = multiRowInsert(sql, {
      table,
      columns: COLUMNS,
      suffix: upsertSuffix("thread_id, checkpoint_turn_count", COLUMNS),
    });
    const remove = removeRows(sql, table);
    return Effect.fnUntraced(function* (events) {
      const rows = new Map<string, CheckpointRow>();
      const write = Effect.suspend(() =>
        upsert([...rows.values()].map((row) => COLUMNS.map((column) => row[column]))),
      );
      for (const event of events) {
        const removal = revertedTurns(event);
        if (removal) {
          // What came before goes first: a row may have taken the place of a removed turn's.
          yield* write;
          rows.clear();
          yield* remove(removal);
        } else if (event.eventType === "thread.turn-diff-completed") {
          const {
            threadId,
            turnId,
            turnCount,
            checkpointRef,
            status,
            files,
            filesOmitted,
            assistantMessageId,
            completedAt,
          } = event.payload;
          rows.set(`${turnCount} ${threadId}`, {
            thread_id: threadId,
            turn_id: turnId,
            checkpoint_turn_count: turnCount,
            checkpoint_ref: checkpointRef,
            status,
            files_json: JSON.stringify(files),
            files_omitted: filesOmitted ?? null,
            assistant_message_id: assistantMessageId,
            completed_at: completedAt,
          });
        }
      }
      yield* write;
      return nothingToRemember;
    });
  },
};
