import type { Migration } from "../Migrations.ts";

/** What must happen in the world because of an event (SPEC section 8): written with it, claimed, retried, recovered. */
export const migration: Migration = {
  name: "006_orchestration_effects",
  statements: [
    `CREATE TABLE orchestration_effects (
      effect_id INTEGER PRIMARY KEY,
      event_sequence INTEGER NOT NULL,
      event_id TEXT NOT NULL,
      correlation_id TEXT,
      kind TEXT NOT NULL,
      lane TEXT NOT NULL,
      payload_json TEXT NOT NULL,
      status TEXT NOT NULL CHECK (status IN ('pending', 'claimed', 'done', 'dead')),
      due_at INTEGER NOT NULL,
      attempts INTEGER NOT NULL CHECK (attempts >= 0),
      lease_owner TEXT,
      lease_until INTEGER,
      outcome TEXT,
      created_at TEXT NOT NULL,
      updated_at TEXT NOT NULL,
      CHECK ((status = 'claimed') = (lease_owner IS NOT NULL))
    )`,
    `CREATE INDEX orchestration_effects_open ON orchestration_effects (lane, effect_id)
      WHERE status IN ('pending', 'claimed')`,
    `CREATE INDEX orchestration_effects_by_event ON orchestration_effects (event_sequence)`,
  ],
};
