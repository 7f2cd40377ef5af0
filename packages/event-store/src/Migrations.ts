/**
 * Brings a database to the present schema. The ledger keeps each migration's name and a hash of its statements, so that
 * one that was changed, or skipped by a merge, stops the start instead of leaving a schema that nobody described.
 */
import { createHash } from "node:crypto";
import { Clock, Effect, Schema } from "effect";
import { SqlClient, type SqlError } from "effect/sql";
import { migration as events } from "./migrations/001_orchestration_events.ts";
import { migration as receipts } from "./migrations/002_orchestration_command_receipts.ts";
import { migration as diffBlobs } from "./migrations/003_checkpoint_diff_blobs.ts";
import { migration as sessionRuntime } from "./migrations/004_provider_session_runtime.ts";
import { migration as projections } from "./migrations/005_projections.ts";
import { migration as effects } from "./migrations/006_orchestration_effects.ts";
import { migration as blobs } from "./migrations/007_orchestration_blobs.ts";
import { migration as quarantine } from "./migrations/008_orchestration_quarantine.ts";
import { migration as streamSnapshots } from "./migrations/009_orchestration_stream_snapshots.ts";
import { migration as threadMoments } from "./migrations/010_orchestration_thread_moments.ts";
import { migration as pruned } from "./migrations/011_orchestration_pruned.ts";
import { migration as agents } from "./migrations/012_agents.ts";
import { migration as importedFiles } from "./migrations/013_imported_files.ts";

export interface Migration {
  readonly name: string;
  readonly statements: ReadonlyArray<string>;
}

/** In the order in which they run. Never change one that was released: add the next. */
export const MIGRATIONS: ReadonlyArray<Migration> = [
  events,
  receipts,
  diffBlobs,
  sessionRuntime,
  projections,
  effects,
  blobs,
  quarantine,
  streamSnapshots,
  threadMoments,
  pruned,
  agents,
  importedFiles,
];

/** The database's history is not the one this version of Heddle knows. Nothing was changed. */
export class MigrationMismatch extends Schema.TaggedError<MigrationMismatch>()("MigrationMismatch", {
  migration: Schema.String,
  problem: Schema.Literals(["changed", "missing", "unknown"]),
  message: Schema.String,
}) {}

/** SHA-256 of the statements, in hexadecimal; white space does not count. */
export const migrationHash = (migration: Migration): string =>
  createHash("sha256")
    .update(migration.statements.map((statement) => statement.replaceAll(/\s+/g, " ").trim()).join(";\n"))
    .digest("hex");

const LEDGER = `CREATE TABLE IF NOT EXISTS heddle_migrations (
  name TEXT NOT NULL PRIMARY KEY,
  hash TEXT NOT NULL,
  applied_at TEXT NOT NULL
)`;

/**
 * Runs what the ledger does not have yet, all in one transaction, and gives the names of what it ran.
 * Fails with `MigrationMismatch` where the ledger and `migrations` disagree, before anything is written.
 */
export const migrate = Effect.fn("Migrations.migrate")(function* (
  migrations: ReadonlyArray<Migration> = MIGRATIONS,
): Effect.fn.Return<ReadonlyArray<string>, MigrationMismatch | SqlError.SqlError, SqlClient.SqlClient> {
  const sql = yield* SqlClient.SqlClient;
  yield* sql.unsafe(LEDGER);
  const applied = yield* sql<{ name: string; hash: string }>`
    SELECT name, hash FROM heddle_migrations ORDER BY name`;
  const mismatch = findMismatch(migrations, applied);
  if (mismatch) return yield* mismatch;
  const pending = migrations.slice(applied.length);
  const now = new Date(yield* Clock.currentTimeMillis).toISOString();
  yield* sql.withTransaction(
    Effect.gen(function* () {
      for (const migration of pending) {
        for (const statement of migration.statements) yield* sql.unsafe(statement);
        const row = { name: migration.name, hash: migrationHash(migration), applied_at: now };
        yield* sql`INSERT INTO heddle_migrations ${sql.insert(row)}`;
      }
    }),
  );
  return pending.map((migration) => migration.name);
});

/** A database as its ledger describes it. */
export interface Ledger {
  /** It has a ledger: it is one of Heddle. */
  readonly known: boolean;
  /** Migrations that it has not had. */
  readonly pending: ReadonlyArray<string>;
  /** How it differs from what this version knows. */
  readonly mismatch: MigrationMismatch | undefined;
}

/** What the ledger of a database says, without a change to it. */
export const ledgerOf = Effect.fn("Migrations.ledgerOf")(function* (
  sql: SqlClient.SqlClient,
  migrations: ReadonlyArray<Migration> = MIGRATIONS,
): Effect.fn.Return<Ledger, SqlError.SqlError> {
  const tables = yield* sql`SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'heddle_migrations'`;
  const known = tables.length > 0;
  const applied = known
    ? yield* sql<{ name: string; hash: string }>`SELECT name, hash FROM heddle_migrations ORDER BY name`
    : [];
  const done = new Set(applied.map(({ name }) => name));
  return {
    known,
    pending: migrations.flatMap(({ name }) => (done.has(name) ? [] : [name])),
    mismatch: findMismatch(migrations, applied),
  };
});

const findMismatch = (
  migrations: ReadonlyArray<Migration>,
  applied: ReadonlyArray<{ readonly name: string; readonly hash: string }>,
): MigrationMismatch | undefined => {
  const known = new Map(migrations.map((migration) => [migration.name, migration]));
  for (const { name, hash } of applied) {
    const migration = known.get(name);
    if (!migration) {
      return new MigrationMismatch({
        migration: name,
        problem: "unknown",
        message: `The database has had migration ${name}, which this version of Heddle does not know. It was used with a newer version: start that one, or restore a backup from before it.`,
      });
    }
    if (migrationHash(migration) !== hash) {
      return new MigrationMismatch({
        migration: name,
        problem: "changed",
        message: `Migration ${name} is not the one that this database has had: its text was changed after it ran. Put its text back, and make the change in a new migration.`,
      });
    }
  }
  const done = new Set(applied.map(({ name }) => name));
  const missing = migrations.slice(0, applied.length).find((migration) => !done.has(migration.name));
  return missing
    ? new MigrationMismatch({
        migration: missing.name,
        problem: "missing",
        message: `The database has had migrations after ${missing.name}, but not that one: it was added out of order. Give it a name behind the last one.`,
      })
    : undefined;
};
