import type { Migration } from "../Migrations.ts";

/** What was taken out of the log, and until when receipts were: the holes that it may have, and no others. */
export const migration: Migration = {
  name: "011_orchestration_pruned",
  statements: [
    `CREATE TABLE orchestration_pruned (
      thread_id TEXT NOT NULL,
      first_sequence INTEGER NOT NULL CHECK (first_sequence >= 1),
      last_sequence INTEGER NOT NULL CHECK (last_sequence >= first_sequence),
      event_count INTEGER NOT NULL CHECK (event_count >= 1),
      archive TEXT,
      checkpoints_in TEXT,
      state TEXT NOT NULL CHECK (state IN ('pruning', 'done')),
      pruned_at TEXT NOT NULL,
      PRIMARY KEY (thread_id, last_sequence)
    ) WITHOUT ROWID`,
    `CREATE INDEX orchestration_pruned_by_sequence ON orchestration_pruned (last_sequence)`,
    `CREATE INDEX orchestration_pruned_open ON orchestration_pruned (thread_id) WHERE state = 'pruning'`,
    `CREATE INDEX orchestration_pruned_checkpoints ON orchestration_pruned (thread_id)
      WHERE checkpoints_in IS NOT NULL`,
    `CREATE TABLE orchestration_pruned_receipts (
      accepted_before TEXT NOT NULL PRIMARY KEY,
      pruned_at TEXT NOT NULL
    ) WITHOUT ROWID`,
  ],
};
