import type { Migration } from "../Migrations.ts";

/** What a thread's stream leaves behind at every so many events: a shortcut, which may be deleted at any time. */
export const migration: Migration = {
  name: "010_orchestration_thread_moments",
  statements: [
    `CREATE TABLE orchestration_thread_moments (
      thread_id TEXT NOT NULL,
      stream_version INTEGER NOT NULL CHECK (stream_version >= 1),
      reader TEXT NOT NULL,
      content BLOB NOT NULL,
      created_at TEXT NOT NULL,
      PRIMARY KEY (thread_id, stream_version)
    )`,
  ],
};
