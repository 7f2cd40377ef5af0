import type { Migration } from "../Migrations.ts";

/** What threads show of their agents: what they can do, use, were allowed, and where they work. */
export const migration: Migration = {
  name: "012_agents",
  statements: [
    `ALTER TABLE projection_threads ADD COLUMN usage_json TEXT`,
    `ALTER TABLE projection_threads ADD COLUMN context_json TEXT`,
    `ALTER TABLE projection_threads ADD COLUMN worktree_json TEXT`,
    `ALTER TABLE projection_thread_turns ADD COLUMN usage_json TEXT`,
    `ALTER TABLE projection_thread_sessions ADD COLUMN capabilities_json TEXT`,
    `ALTER TABLE projection_thread_sessions ADD COLUMN stalled_json TEXT`,
    `ALTER TABLE projection_thread_sessions ADD COLUMN accepted_json TEXT`,
  ],
};
