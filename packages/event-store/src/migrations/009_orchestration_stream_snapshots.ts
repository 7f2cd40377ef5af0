import type { Migration } from "../Migrations.ts";

/** The state that a stream folds to up to a version: a shortcut, which may be deleted at any time. */
export const migration: Migration = {
  name: "009_orchestration_stream_snapshots",
  statements: [
    `CREATE TABLE orchestration_stream_snapshots (
      aggregate_kind TEXT NOT NULL CHECK (aggregate_kind IN ('project', 'thread')),
      stream_id TEXT NOT NULL,
      stream_version INTEGER NOT NULL CHECK (stream_version >= 1),
      fold_version INTEGER NOT NULL CHECK (fold_version >= 1),
      state_json TEXT NOT NULL,
      created_at TEXT NOT NULL,
      PRIMARY KEY (aggregate_kind, stream_id)
    )`,
  ],
};
