import type { Migration } from "../Migrations.ts";

/** The read model (SPEC section 7.3). `sequence` columns place a row in its thread. */
export const migration: Migration = {
  name: "005_projections",
  statements: [
    `CREATE TABLE projection_projects (
      project_id TEXT NOT NULL PRIMARY KEY,
      title TEXT NOT NULL,
      workspace_root TEXT NOT NULL,
      default_model TEXT,
      scripts_json TEXT NOT NULL,
      created_at TEXT NOT NULL,
      updated_at TEXT NOT NULL,
      deleted_at TEXT
    )`,
    `CREATE TABLE projection_threads (
      thread_id TEXT NOT NULL PRIMARY KEY,
      project_id TEXT NOT NULL,
      title TEXT NOT NULL,
      model TEXT NOT NULL,
      branch TEXT,
      worktree_path TEXT,
      runtime_mode TEXT NOT NULL CHECK (runtime_mode IN ('approval-required', 'auto-accept-edits', 'full-access')),
      latest_turn_id TEXT,
      forked_from_json TEXT,
      queued_turns_json TEXT NOT NULL,
      created_at TEXT NOT NULL,
      updated_at TEXT NOT NULL,
      archived_at TEXT,
      deleted_at TEXT
    )`,
    `CREATE INDEX projection_threads_by_project ON projection_threads (project_id)`,
    `CREATE INDEX projection_threads_queued ON projection_threads (thread_id) WHERE queued_turns_json <> '[]'`,
    `CREATE TABLE projection_thread_messages (
      message_id TEXT NOT NULL PRIMARY KEY,
      thread_id TEXT NOT NULL,
      turn_id TEXT,
      role TEXT NOT NULL CHECK (role IN ('user', 'assistant', 'system')),
      text TEXT NOT NULL,
      attachments_json TEXT NOT NULL,
      is_streaming INTEGER NOT NULL CHECK (is_streaming IN (0, 1)),
      sequence INTEGER NOT NULL,
      created_at TEXT NOT NULL,
      updated_at TEXT NOT NULL
    )`,
    `CREATE INDEX projection_thread_messages_by_thread ON projection_thread_messages (thread_id, sequence)`,
    `CREATE TABLE projection_thread_activities (
      activity_id TEXT NOT NULL PRIMARY KEY,
      thread_id TEXT NOT NULL,
      turn_id TEXT,
      tone TEXT NOT NULL CHECK (tone IN ('info', 'tool', 'approval', 'error')),
      kind TEXT NOT NULL,
      summary TEXT NOT NULL,
      payload_json TEXT NOT NULL,
      sequence INTEGER NOT NULL,
      created_at TEXT NOT NULL
    )`,
    `CREATE INDEX projection_thread_activities_by_thread ON projection_thread_activities (thread_id, sequence)`,
    `CREATE TABLE projection_thread_sessions (
      thread_id TEXT NOT NULL PRIMARY KEY,
      status TEXT NOT NULL CHECK (status IN
        ('idle', 'starting', 'running', 'ready', 'interrupted', 'stopped', 'error')),
      provider_name TEXT,
      provider_session_id TEXT,
      provider_thread_id TEXT,
      active_turn_id TEXT,
      last_error TEXT,
      updated_at TEXT NOT NULL
    )`,
    `CREATE INDEX projection_thread_sessions_by_status ON projection_thread_sessions (status)`,
    `CREATE TABLE projection_thread_turns (
      turn_id TEXT NOT NULL PRIMARY KEY,
      thread_id TEXT NOT NULL,
      turn_count INTEGER NOT NULL CHECK (turn_count >= 1),
      status TEXT NOT NULL CHECK (status IN ('running', 'completed', 'interrupted', 'error')),
      user_message_id TEXT,
      assistant_message_id TEXT,
      reason TEXT,
      started_at TEXT NOT NULL,
      completed_at TEXT
    )`,
    `CREATE UNIQUE INDEX projection_thread_turns_by_thread ON projection_thread_turns (thread_id, turn_count)`,
    `CREATE INDEX projection_thread_turns_running ON projection_thread_turns (thread_id) WHERE status = 'running'`,
    `CREATE TABLE projection_checkpoints (
      thread_id TEXT NOT NULL,
      turn_id TEXT NOT NULL,
      checkpoint_turn_count INTEGER NOT NULL CHECK (checkpoint_turn_count >= 0),
      checkpoint_ref TEXT NOT NULL,
      status TEXT NOT NULL CHECK (status IN ('ready', 'missing', 'error')),
      files_json TEXT NOT NULL,
      assistant_message_id TEXT,
      completed_at TEXT NOT NULL,
      UNIQUE (thread_id, checkpoint_turn_count)
    )`,
    `CREATE TABLE projection_pending_approvals (
      request_id TEXT NOT NULL PRIMARY KEY,
      thread_id TEXT NOT NULL,
      turn_id TEXT,
      kind TEXT NOT NULL,
      title TEXT NOT NULL,
      detail_json TEXT NOT NULL,
      questions_json TEXT NOT NULL,
      status TEXT NOT NULL CHECK (status IN ('pending', 'resolved')),
      decision TEXT,
      created_at TEXT NOT NULL,
      resolved_at TEXT,
      sequence INTEGER NOT NULL,
      CHECK ((status = 'resolved') = (resolved_at IS NOT NULL))
    )`,
    `CREATE INDEX projection_pending_approvals_by_thread ON projection_pending_approvals (thread_id, sequence)`,
    `CREATE INDEX projection_pending_approvals_open ON projection_pending_approvals (thread_id) WHERE status = 'pending'`,
    `CREATE TABLE projection_state (
      projector TEXT NOT NULL PRIMARY KEY,
      version INTEGER NOT NULL,
      last_applied_sequence INTEGER NOT NULL CHECK (last_applied_sequence >= 0),
      fault TEXT,
      updated_at TEXT NOT NULL
    )`,
  ],
};
