/**
 * The tables as SPEC sections 7.1, 7.3 and 8 name them, and what Heddle adds to them: every column, key, check and index.
 * A type with `?` may be null.
 */
export interface TableContract {
  readonly columns: Readonly<Record<string, "TEXT" | "TEXT?" | "INTEGER" | "INTEGER?" | "BLOB">>;
  /** Columns of the primary key, in order; none where rows have only a unique constraint. */
  readonly key: ReadonlyArray<string>;
  readonly unique?: ReadonlyArray<ReadonlyArray<string>>;
  readonly checks?: ReadonlyArray<string>;
  /** By name: what is indexed, as `unique (a, b) where …`. */
  readonly indexes?: Readonly<Record<string, string>>;
  readonly withoutRowid?: true;
}

const WRITTEN = {
  orchestration_events: {
    columns: {
      sequence: "INTEGER",
      event_id: "TEXT",
      aggregate_kind: "TEXT",
      stream_id: "TEXT",
      stream_version: "INTEGER",
      event_type: "TEXT",
      event_version: "INTEGER",
      occurred_at: "TEXT",
      command_id: "TEXT?",
      causation_event_id: "TEXT?",
      correlation_id: "TEXT?",
      actor_kind: "TEXT",
      payload_json: "TEXT",
      metadata_json: "TEXT",
    },
    key: ["sequence"],
    unique: [["event_id"], ["aggregate_kind", "stream_id", "stream_version"]],
    checks: [
      "aggregate_kind IN ('project', 'thread')",
      "stream_version >= 1",
      "event_version >= 1",
      "actor_kind IN ('client', 'server', 'provider')",
    ],
    indexes: {
      orchestration_events_by_type: "(event_type)",
      orchestration_events_by_command: "(command_id)",
      orchestration_events_by_correlation: "(correlation_id)",
    },
  },
  orchestration_command_receipts: {
    columns: {
      command_id: "TEXT",
      aggregate_kind: "TEXT",
      aggregate_id: "TEXT",
      accepted_at: "TEXT",
      result_sequence: "INTEGER",
      status: "TEXT",
      error: "TEXT?",
      fingerprint: "TEXT",
    },
    key: ["command_id"],
    checks: [
      "aggregate_kind IN ('project', 'thread')",
      "status IN ('accepted', 'rejected')",
      "(status = 'rejected') = (error IS NOT NULL)",
    ],
    indexes: {
      orchestration_command_receipts_by_aggregate: "(aggregate_kind, aggregate_id)",
      orchestration_command_receipts_by_sequence: "(result_sequence)",
    },
    withoutRowid: true,
  },
  checkpoint_diff_blobs: {
    columns: {
      thread_id: "TEXT",
      from_turn_count: "INTEGER",
      to_turn_count: "INTEGER",
      diff: "TEXT",
      created_at: "TEXT",
    },
    key: [],
    unique: [["thread_id", "from_turn_count", "to_turn_count"]],
    checks: ["from_turn_count >= 0", "to_turn_count >= from_turn_count"],
  },
  provider_session_runtime: {
    columns: {
      provider_session_id: "TEXT",
      thread_id: "TEXT",
      provider_name: "TEXT",
      adapter_key: "TEXT",
      provider_thread_id: "TEXT?",
      status: "TEXT",
      last_seen_at: "TEXT",
      resume_cursor_json: "TEXT?",
      runtime_payload_json: "TEXT?",
    },
    key: ["provider_session_id"],
    checks: ["status IN ('starting', 'running', 'stopped', 'error')"],
    indexes: {
      provider_session_runtime_by_thread: "(thread_id)",
      provider_session_runtime_by_status: "(status)",
    },
  },
  imported_files: {
    columns: {
      source: "TEXT",
      source_session_id: "TEXT",
      thread_id: "TEXT",
      file: "TEXT",
      bytes_read: "INTEGER",
      lines_read: "INTEGER",
      open_calls_json: "TEXT",
      file_bytes: "INTEGER?",
      file_modified_at: "TEXT?",
      imported_at: "TEXT",
    },
    key: ["source", "source_session_id"],
    checks: ["bytes_read >= 0", "lines_read >= 0"],
    indexes: { imported_files_by_thread: "(thread_id)" },
    withoutRowid: true,
  },
} as const satisfies Record<string, TableContract>;

const PROJECTED = {
  projection_projects: {
    columns: {
      project_id: "TEXT",
      title: "TEXT",
      workspace_root: "TEXT",
      default_model: "TEXT?",
      scripts_json: "TEXT",
      created_at: "TEXT",
      updated_at: "TEXT",
      deleted_at: "TEXT?",
    },
    key: ["project_id"],
  },
  projection_threads: {
    columns: {
      thread_id: "TEXT",
      project_id: "TEXT",
      title: "TEXT",
      model: "TEXT",
      branch: "TEXT?",
      worktree_path: "TEXT?",
      runtime_mode: "TEXT",
      latest_turn_id: "TEXT?",
      forked_from_json: "TEXT?",
      queued_turns_json: "TEXT",
      created_at: "TEXT",
      updated_at: "TEXT",
      archived_at: "TEXT?",
      deleted_at: "TEXT?",
      usage_json: "TEXT?",
      context_json: "TEXT?",
      worktree_json: "TEXT?",
    },
    key: ["thread_id"],
    checks: ["runtime_mode IN ('approval-required', 'auto-accept-edits', 'full-access')"],
    indexes: {
      projection_threads_by_project: "(project_id)",
      projection_threads_queued: "(thread_id) where queued_turns_json <> '[]'",
    },
  },
  projection_thread_messages: {
    columns: {
      message_id: "TEXT",
      thread_id: "TEXT",
      turn_id: "TEXT?",
      role: "TEXT",
      text: "TEXT",
      attachments_json: "TEXT",
      is_streaming: "INTEGER",
      sequence: "INTEGER",
      created_at: "TEXT",
      updated_at: "TEXT",
      full_text_json: "TEXT?",
    },
    key: ["message_id"],
    checks: ["role IN ('user', 'assistant', 'system')", "is_streaming IN (0, 1)"],
    indexes: { projection_thread_messages_by_thread: "(thread_id, sequence)" },
  },
  projection_thread_activities: {
    columns: {
      activity_id: "TEXT",
      thread_id: "TEXT",
      turn_id: "TEXT?",
      tone: "TEXT",
      kind: "TEXT",
      summary: "TEXT",
      payload_json: "TEXT",
      sequence: "INTEGER",
      created_at: "TEXT",
    },
    key: ["activity_id"],
    checks: ["tone IN ('info', 'tool', 'approval', 'error')"],
    indexes: { projection_thread_activities_by_thread: "(thread_id, sequence)" },
  },
  projection_thread_sessions: {
    columns: {
      thread_id: "TEXT",
      status: "TEXT",
      provider_name: "TEXT?",
      provider_session_id: "TEXT?",
      provider_thread_id: "TEXT?",
      active_turn_id: "TEXT?",
      last_error: "TEXT?",
      updated_at: "TEXT",
      capabilities_json: "TEXT?",
      stalled_json: "TEXT?",
      accepted_json: "TEXT?",
    },
    key: ["thread_id"],
    checks: ["status IN ('idle', 'starting', 'running', 'ready', 'interrupted', 'stopped', 'error')"],
    indexes: { projection_thread_sessions_by_status: "(status)" },
  },
  projection_thread_turns: {
    columns: {
      turn_id: "TEXT",
      thread_id: "TEXT",
      turn_count: "INTEGER",
      status: "TEXT",
      user_message_id: "TEXT?",
      assistant_message_id: "TEXT?",
      reason: "TEXT?",
      started_at: "TEXT",
      completed_at: "TEXT?",
      usage_json: "TEXT?",
    },
    key: ["turn_id"],
    checks: ["turn_count >= 1", "status IN ('running', 'completed', 'interrupted', 'error')"],
    indexes: {
      projection_thread_turns_by_thread: "unique (thread_id, turn_count)",
      projection_thread_turns_running: "(thread_id) where status = 'running'",
    },
  },
  projection_checkpoints: {
    columns: {
      thread_id: "TEXT",
      turn_id: "TEXT",
      checkpoint_turn_count: "INTEGER",
      checkpoint_ref: "TEXT",
      status: "TEXT",
      files_json: "TEXT",
      assistant_message_id: "TEXT?",
      completed_at: "TEXT",
      files_omitted: "INTEGER?",
    },
    key: [],
    unique: [["thread_id", "checkpoint_turn_count"]],
    checks: ["checkpoint_turn_count >= 0", "status IN ('ready', 'missing', 'error')"],
  },
  projection_pending_approvals: {
    columns: {
      request_id: "TEXT",
      thread_id: "TEXT",
      turn_id: "TEXT?",
      kind: "TEXT",
      title: "TEXT",
      detail_json: "TEXT",
      questions_json: "TEXT",
      status: "TEXT",
      decision: "TEXT?",
      created_at: "TEXT",
      resolved_at: "TEXT?",
      sequence: "INTEGER",
    },
    key: ["request_id"],
    checks: ["status IN ('pending', 'resolved')", "(status = 'resolved') = (resolved_at IS NOT NULL)"],
    indexes: {
      projection_pending_approvals_by_thread: "(thread_id, sequence)",
      projection_pending_approvals_open: "(thread_id) where status = 'pending'",
    },
  },
  projection_state: {
    columns: {
      projector: "TEXT",
      version: "INTEGER",
      last_applied_sequence: "INTEGER",
      fault: "TEXT?",
      updated_at: "TEXT",
    },
    key: ["projector"],
    checks: ["last_applied_sequence >= 0"],
  },
} as const satisfies Record<string, TableContract>;

const ADDED = {
  orchestration_quarantine: {
    columns: {
      sequence: "INTEGER",
      aggregate_kind: "TEXT",
      stream_id: "TEXT",
      event_type: "TEXT",
      event_version: "INTEGER",
      reason: "TEXT",
      found_at: "TEXT",
    },
    key: ["sequence"],
  },
  orchestration_thread_moments: {
    columns: {
      thread_id: "TEXT",
      stream_version: "INTEGER",
      reader: "TEXT",
      content: "BLOB",
      created_at: "TEXT",
    },
    key: ["thread_id", "stream_version"],
    checks: ["stream_version >= 1"],
  },
  orchestration_stream_snapshots: {
    columns: {
      aggregate_kind: "TEXT",
      stream_id: "TEXT",
      stream_version: "INTEGER",
      fold_version: "INTEGER",
      state_json: "TEXT",
      created_at: "TEXT",
    },
    key: ["aggregate_kind", "stream_id"],
    checks: ["aggregate_kind IN ('project', 'thread')", "stream_version >= 1", "fold_version >= 1"],
  },
  orchestration_pruned: {
    columns: {
      thread_id: "TEXT",
      first_sequence: "INTEGER",
      last_sequence: "INTEGER",
      event_count: "INTEGER",
      archive: "TEXT?",
      checkpoints_in: "TEXT?",
      state: "TEXT",
      pruned_at: "TEXT",
    },
    key: ["thread_id", "last_sequence"],
    checks: [
      "first_sequence >= 1",
      "last_sequence >= first_sequence",
      "event_count >= 1",
      "state IN ('pruning', 'done')",
    ],
    indexes: {
      orchestration_pruned_by_sequence: "(last_sequence)",
      orchestration_pruned_open: "(thread_id) where state = 'pruning'",
      orchestration_pruned_checkpoints: "(thread_id) where checkpoints_in IS NOT NULL",
    },
    withoutRowid: true,
  },
  orchestration_pruned_receipts: {
    columns: { accepted_before: "TEXT", pruned_at: "TEXT" },
    key: ["accepted_before"],
    withoutRowid: true,
  },
  orchestration_blobs: {
    columns: { hash: "TEXT", size: "INTEGER", content: "BLOB", created_at: "TEXT" },
    key: ["hash"],
    checks: ["size >= 0"],
  },
  orchestration_effects: {
    columns: {
      effect_id: "INTEGER",
      event_sequence: "INTEGER",
      event_id: "TEXT",
      correlation_id: "TEXT?",
      kind: "TEXT",
      lane: "TEXT",
      payload_json: "TEXT",
      status: "TEXT",
      due_at: "INTEGER",
      attempts: "INTEGER",
      lease_owner: "TEXT?",
      lease_until: "INTEGER?",
      outcome: "TEXT?",
      created_at: "TEXT",
      updated_at: "TEXT",
    },
    key: ["effect_id"],
    checks: [
      "status IN ('pending', 'claimed', 'done', 'dead')",
      "attempts >= 0",
      "(status = 'claimed') = (lease_owner IS NOT NULL)",
    ],
    indexes: {
      orchestration_effects_open: "(lane, effect_id) where status IN ('pending', 'claimed')",
      orchestration_effects_by_event: "(event_sequence)",
    },
  },
  heddle_migrations: {
    columns: { name: "TEXT", hash: "TEXT", applied_at: "TEXT" },
    key: ["name"],
  },
} as const satisfies Record<string, TableContract>;

export const CONTRACT: Readonly<Record<string, TableContract>> = { ...WRITTEN, ...PROJECTED, ...ADDED };
