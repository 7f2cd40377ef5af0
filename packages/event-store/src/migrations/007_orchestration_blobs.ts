import type { Migration } from "../Migrations.ts";

/** Content that is too large for an event (SPEC section 7.1), and what refers to it in the read model. */
export const migration: Migration = {
  name: "007_orchestration_blobs",
  statements: [
    `CREATE TABLE orchestration_blobs (
      hash TEXT NOT NULL PRIMARY KEY,
      size INTEGER NOT NULL CHECK (size >= 0),
      content BLOB NOT NULL,
      created_at TEXT NOT NULL
    )`,
    `ALTER TABLE projection_thread_messages ADD COLUMN full_text_json TEXT`,
    `ALTER TABLE projection_checkpoints ADD COLUMN files_omitted INTEGER`,
  ],
};
