import type { Migration } from "../Migrations.ts";

/** One answer per command id (SPEC section 7.1); the fingerprint tells a repeat from another body. */
export const migration: Migration = {
  name: "002_orchestration_command_receipts",
  statements: [
    `CREATE TABLE orchestration_command_receipts (
      command_id TEXT NOT NULL PRIMARY KEY,
      aggregate_kind TEXT NOT NULL CHECK (aggregate_kind IN ('project', 'thread')),
      aggregate_id TEXT NOT NULL,
      accepted_at TEXT NOT NULL,
      result_sequence INTEGER NOT NULL,
      status TEXT NOT NULL CHECK (status IN ('accepted', 'rejected')),
      error TEXT,
      fingerprint TEXT NOT NULL,
      CHECK ((status = 'rejected') = (error IS NOT NULL))
    ) WITHOUT ROWID`,
    `CREATE INDEX orchestration_command_receipts_by_aggregate
      ON orchestration_command_receipts (aggregate_kind, aggregate_id)`,
    `CREATE INDEX orchestration_command_receipts_by_sequence ON orchestration_command_receipts (result_sequence)`,
  ],
};
