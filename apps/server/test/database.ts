/** Looks into a stopped server's database. */
import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import type { Json } from "./raw-client.ts";

export const openDatabase = (dataDir: string): DatabaseSync => new DatabaseSync(join(dataDir, "heddle.db"));

export const PROJECTIONS = [
  "projection_projects",
  "projection_threads",
  "projection_thread_messages",
  "projection_thread_activities",
  "projection_thread_sessions",
  "projection_thread_turns",
  "projection_checkpoints",
  "projection_pending_approvals",
  "projection_state",
] as const;

/** Every row of every projection, in a fixed order, as text. */
export const projectionRows = (database: DatabaseSync): Record<string, ReadonlyArray<string>> =>
  Object.fromEntries(
    PROJECTIONS.map((table) => [
      table,
      database
        .prepare(`SELECT * FROM ${table}`)
        .all()
        .map((row: Json) => JSON.stringify(table === "projection_state" ? { ...row, updated_at: "" } : row))
        .toSorted(),
    ]),
  );
