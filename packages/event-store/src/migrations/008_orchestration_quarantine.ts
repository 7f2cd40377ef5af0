import type { Migration } from "../Migrations.ts";

/** Events that this version cannot read (SPEC section 8): left out of all that is read, until they can be. */
export const migration: Migration = {
  name: "008_orchestration_quarantine",
  statements: [
    `CREATE TABLE orchestration_quarantine (
      sequence INTEGER PRIMARY KEY,
      aggregate_kind TEXT NOT NULL,
      stream_id TEXT NOT NULL,
      event_type TEXT NOT NULL,
      event_version INTEGER NOT NULL,
      reason TEXT NOT NULL,
      found_at TEXT NOT NULL
    )`,
  ],
};
