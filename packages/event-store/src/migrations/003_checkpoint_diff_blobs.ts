import type { Migration } from "../Migrations.ts";

/** Diffs of turns and of ranges of turns, in git's unified format (SPEC section 7.1). */
export const migration: Migration = {
  name: "003_checkpoint_diff_blobs",
  statements: [
    `CREATE TABLE checkpoint_diff_blobs (
      thread_id TEXT NOT NULL,
      from_turn_count INTEGER NOT NULL CHECK (from_turn_count >= 0),
      to_turn_count INTEGER NOT NULL CHECK (to_turn_count >= from_turn_count),
      diff TEXT NOT NULL,
      created_at TEXT NOT NULL,
      UNIQUE (thread_id, from_turn_count, to_turn_count)
    )`,
  ],
};
