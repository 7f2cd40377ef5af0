import type { Migration } from "../Migrations.ts";

/** Which agent processes there are or were, and how to go on with them (SPEC section 7.1). */
export const migration: Migration = {
  name: "004_provider_session_runtime",
  statements: [
    `CREATE TABLE provider_session_runtime (
      provider_session_id TEXT NOT NULL PRIMARY KEY,
      thread_id TEXT NOT NULL,
      provider_name TEXT NOT NULL,
      adapter_key TEXT NOT NULL,
      provider_thread_id TEXT,
      status TEXT NOT NULL CHECK (status IN ('starting', 'running', 'stopped', 'error')),
      last_seen_at TEXT NOT NULL,
      resume_cursor_json TEXT,
      runtime_payload_json TEXT
    )`,
    `CREATE INDEX provider_session_runtime_by_thread ON provider_session_runtime (thread_id)`,
    `CREATE INDEX provider_session_runtime_by_status ON provider_session_runtime (status)`,
  ],
};
