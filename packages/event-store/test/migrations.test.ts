import { assert, describe, it } from "@effect/vitest";
import { Effect } from "effect";
import { SqlClient, SqlError } from "effect/sql";
import { TestClock } from "effect/testing";
import { migrate, type Migration, migrationHash, MIGRATIONS } from "../src/Migrations.ts";
import { emptyDatabase } from "./support.ts";

const one: Migration = { name: "001_one", statements: ["CREATE TABLE one (a TEXT)"] };
const two: Migration = {
  name: "002_two",
  statements: ["CREATE TABLE two (b TEXT)", "CREATE INDEX two_b ON two (b)"],
};
const three: Migration = { name: "003_three", statements: ["ALTER TABLE two ADD COLUMN c TEXT"] };

/** The whole schema and the ledger, to be compared before and after. */
const contents = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient;
  const schema = yield* sql<{
    sql: string;
  }>`SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name`;
  const ledger = yield* sql<{ name: string; hash: string; applied_at: string }>`
    SELECT name, hash, applied_at FROM heddle_migrations ORDER BY rowid`;
  return {
    schema: schema.map((row) => row.sql),
    ledger: ledger.map(({ name, hash, applied_at }) => ({ name, hash, applied_at })),
  };
});

describe("migrate", () => {
  it.effect("brings a fresh database to the present schema, in order, and says what it ran", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(Date.UTC(2026, 1, 3));
      const ran = yield* migrate();
      assert.deepStrictEqual(ran, [
        "001_orchestration_events",
        "002_orchestration_command_receipts",
        "003_checkpoint_diff_blobs",
        "004_provider_session_runtime",
        "005_projections",
        "006_orchestration_effects",
        "007_orchestration_blobs",
        "008_orchestration_quarantine",
        "009_orchestration_stream_snapshots",
        "010_orchestration_thread_moments",
        "011_orchestration_pruned",
        "012_agents",
        "013_imported_files",
      ]);
      const { ledger } = yield* contents;
      assert.deepStrictEqual(
        ledger,
        MIGRATIONS.map((migration) => ({
          name: migration.name,
          hash: migrationHash(migration),
          applied_at: "2026-02-03T00:00:00.000Z",
        })),
      );
    }).pipe(Effect.provide(emptyDatabase)),
  );

  it.effect("does nothing the second time", () =>
    Effect.gen(function* () {
      yield* migrate();
      const before = yield* contents;
      yield* TestClock.adjust("1 day");
      assert.deepStrictEqual(yield* migrate(), []);
      assert.deepStrictEqual(yield* contents, before);
    }).pipe(Effect.provide(emptyDatabase)),
  );

  it.effect("runs only what the database has not had", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* migrate([one]), ["001_one"]);
      assert.deepStrictEqual(yield* migrate([one, two, three]), ["002_two", "003_three"]);
      const { schema } = yield* contents;
      assert.include(schema.join("\n"), "CREATE TABLE two (b TEXT, c TEXT)");
    }).pipe(Effect.provide(emptyDatabase)),
  );

  it.effect("does not mind how the text is laid out", () =>
    Effect.gen(function* () {
      yield* migrate([one]);
      assert.deepStrictEqual(
        yield* migrate([{ ...one, statements: ["  CREATE TABLE\n one (a  TEXT)"] }]),
        [],
      );
    }).pipe(Effect.provide(emptyDatabase)),
  );

  it.effect("leaves nothing behind of a run that fails in the middle", () =>
    Effect.gen(function* () {
      yield* migrate([one]);
      const before = yield* contents;
      const broken: Migration = {
        name: "003_broken",
        statements: ["CREATE TABLE three (d TEXT)", "CREATE TABLE"],
      };
      const failure = yield* Effect.flip(migrate([one, two, broken]));
      assert.instanceOf(failure, SqlError.SqlError);
      assert.deepStrictEqual(yield* contents, before);
      assert.deepStrictEqual(yield* migrate([one, two]), ["002_two"]);
    }).pipe(Effect.provide(emptyDatabase)),
  );
});

interface Mismatch {
  readonly title: string;
  readonly had: ReadonlyArray<Migration>;
  readonly known: ReadonlyArray<Migration>;
  readonly problem: "changed" | "missing" | "unknown";
  readonly migration: string;
}

const MISMATCHES: ReadonlyArray<Mismatch> = [
  {
    title: "one was changed after it ran",
    had: [one, two],
    known: [one, { ...two, statements: ["CREATE TABLE two (b INTEGER)"] }, three],
    problem: "changed",
    migration: "002_two",
  },
  {
    title: "the first was changed, and others follow",
    had: [one, two],
    known: [{ ...one, statements: [...one.statements, "CREATE TABLE more (x TEXT)"] }, two],
    problem: "changed",
    migration: "001_one",
  },
  {
    title: "the database has had one that nobody knows: it was used with a newer version",
    had: [one, two, three],
    known: [one, two],
    problem: "unknown",
    migration: "003_three",
  },
  {
    title: "one was renamed",
    had: [one, two],
    known: [one, { ...two, name: "002_renamed" }],
    problem: "unknown",
    migration: "002_two",
  },
  {
    title: "one was added between two that ran",
    had: [one, three],
    known: [one, two, three],
    problem: "missing",
    migration: "002_two",
  },
  {
    title: "one was added before the first",
    had: [two],
    known: [one, two],
    problem: "missing",
    migration: "001_one",
  },
];

describe("migrate refuses a history that is not its own, and writes nothing", () => {
  it.effect.each(MISMATCHES)("$title", ({ had, known, problem, migration }) =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient;
      yield* sql`CREATE TABLE two (b TEXT)`;
      // The history as it was left by another version, whatever it ran.
      yield* migrate(had.map(({ name }) => ({ name, statements: [] })));
      for (const { name, ...rest } of had) {
        yield* sql`UPDATE heddle_migrations SET hash = ${migrationHash({ name, ...rest })} WHERE name = ${name}`;
      }
      const before = yield* contents;
      const failure = yield* Effect.flip(migrate(known));
      assert.deepInclude({ ...failure }, { _tag: "MigrationMismatch", problem, migration });
      assert.include(failure.message, migration);
      assert.deepStrictEqual(yield* contents, before);
    }).pipe(Effect.provide(emptyDatabase)),
  );
});

describe("the migrations", () => {
  it("have names in their order, and no two the same", () => {
    const names = MIGRATIONS.map(({ name }) => name);
    assert.deepStrictEqual(names, [...new Set(names)].toSorted());
  });

  it("hash to something else when a word changes", () => {
    assert.notStrictEqual(
      migrationHash(one),
      migrationHash({ ...one, statements: ["CREATE TABLE one (b TEXT)"] }),
    );
    assert.match(migrationHash(one), /^[0-9a-f]{64}$/);
  });
});
