import type { Migration } from "../Migrations.ts";

/** Sessions that agents keep in files of their own and that were taken in: how far each was read, and as which thread. */
export const migration: Migration = {
  name: "013_imported_files",
  statements: [
    `CREATE TABLE imported_files (
      source TEXT NOT NULL,
      source_session_id TEXT NOT NULL,
      thread_id TEXT NOT NULL,
      file TEXT NOT NULL,
      bytes_read INTEGER NOT NULL CHECK (bytes_read >= 0),
      lines_read INTEGER NOT NULL CHECK (lines_read >= 0),
      open_calls_json TEXT NOT NULL,
      file_bytes INTEGER,
      file_modified_at TEXT,
      imported_at TEXT NOT NULL,
      PRIMARY KEY (source, source_session_id)
    ) WITHOUT ROWID`,
    `CREATE INDEX imported_files_by_thread ON imported_files (thread_id)`,
  ],
};
