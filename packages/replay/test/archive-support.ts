/** Archives of databases in folders of their own, and what all tables of those hold. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Effect, References } from "effect";
import { afterEach } from "vitest";
import { exportArchive } from "../src/archive/ArchiveExport.ts";
import { writeArchiveFile } from "../src/archive/ArchiveFile.ts";
import { importArchives } from "../src/archive/Import.ts";

const folders: Array<string> = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

export const temporaryFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), "heddle-archive-"));
  folders.push(folder);
  return folder;
};

/** Exports a database to a file. */
export const exportTo = (database: string, path: string, from = 0) =>
  writeArchiveFile(path, { replace: true }, (sink) =>
    exportArchive({ database, fromSequenceExclusive: from, sink }),
  );

/** Each event that cannot be read is warned of; there are many. */
export const importFrom = (database: string, ...archives: ReadonlyArray<string>) =>
  importArchives({ database, archives, dryRun: false, onProgress: () => Effect.void }).pipe(
    Effect.provideService(References.MinimumLogLevel, "Error"),
  );

export const dryRunFrom = (database: string, ...archives: ReadonlyArray<string>) =>
  importArchives({ database, archives, dryRun: true, onProgress: () => Effect.void });

/** Migrates and projects, as a server does at its start. */
export const bringUpToDate = (database: string) => importFrom(database);

/** What is not compared, and why. */
const EXCEPTIONS: Readonly<Record<string, ReadonlyArray<string> | "all">> = {
  /** When migrations ran here. */
  heddle_migrations: ["applied_at"],
  /** When projections were written here. */
  projection_state: ["updated_at"],
  /** When an event that cannot be read was met here. */
  orchestration_quarantine: ["found_at"],
  /** Shortcuts, which may be deleted at any time. */
  orchestration_stream_snapshots: "all",
  orchestration_thread_moments: "all",
};

/** The rows of every table, in an order of their own. */
export const contentsOf = (path: string): Readonly<Record<string, ReadonlyArray<string>>> => {
  const database = new DatabaseSync(path, { readOnly: true });
  const tables = database
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    .all()
    .map(({ name }) => String(name));
  const rowsOf = (table: string): ReadonlyArray<string> => {
    const left = EXCEPTIONS[table] ?? [];
    if (left === "all") return [];
    return database
      .prepare(`SELECT * FROM ${table}`)
      .all()
      .map((row) => JSON.stringify({ ...row, ...Object.fromEntries(left.map((column) => [column, null])) }))
      .toSorted();
  };
  const contents = Object.fromEntries(tables.map((table) => [table, rowsOf(table)]));
  database.close();
  return contents;
};

export const linesOf = (path: string): ReadonlyArray<string> =>
  readFileSync(path, "utf8").split("\n").slice(0, -1);
