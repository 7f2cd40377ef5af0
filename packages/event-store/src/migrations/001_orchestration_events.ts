import type { Migration } from "../Migrations.ts";

/** The append-only log (SPEC section 7.1). The unique stream version is the guard on append. */
export const migration: Migration = {
  name: "001_orchestration_events",
  statements: [
    `CREATE TABLE orchestration_events (
      sequence INTEGER PRIMARY KEY,
      event_id TEXT NOT NULL UNIQUE,
      aggregate_kind TEXT NOT NULL CHECK (aggregate_kind IN ('project', 'thread')),
      stream_id TEXT NOT NULL,
      stream_version INTEGER NOT NULL CHECK (stream_version >= 1),
      event_type TEXT NOT NULL,
      event_version INTEGER NOT NULL CHECK (event_version >= 1),
      occurred_at TEXT NOT NULL,
      command_id TEXT,
      causation_event_id TEXT,
      correlation_id TEXT,
      actor_kind TEXT NOT NULL CHECK (actor_kind IN ('client', 'server', 'provider')),
      payload_json TEXT NOT NULL,
      metadata_json TEXT NOT NULL,
      UNIQUE (aggregate_kind, stream_id, stream_version)
    )`,
    `CREATE INDEX orchestration_events_by_type ON orchestration_events (event_type)`,
    `CREATE INDEX orchestration_events_by_command ON orchestration_events (command_id)`,
    `CREATE INDEX orchestration_events_by_correlation ON orchestration_events (correlation_id)`,
  ],
};
