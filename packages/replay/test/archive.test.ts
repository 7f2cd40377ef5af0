import { copyFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { assert, describe, it } from "@effect/vitest";
import { checkLog } from "@heddle/event-store/LogLaws";
import { onlookerLayer } from "@heddle/event-store/SqliteDatabase";
import { Effect } from "effect";
import { SqlClient } from "effect/sql";
import fc from "fast-check";
import { exportArchive } from "../src/archive/ArchiveExport.ts";
import type { ArchiveLine } from "../src/archive/ArchiveFormat.ts";
import { LogMaker } from "./archive-log.ts";
import {
  bringUpToDate,
  contentsOf,
  exportTo,
  importFrom,
  linesOf,
  temporaryFolder,
} from "./archive-support.ts";

const RUNS = 8;

/** A database with a random log, and what projects it again. */
const makeLog = Effect.fnUntraced(function* (seed: number, steps: number) {
  const folder = temporaryFolder();
  const database = join(folder, "heddle.db");
  yield* bringUpToDate(database);
  const maker = new LogMaker(database, seed);
  maker.run(steps);
  return { folder, database, maker };
});

/** For every seed; what fails is shown with its seed. */
const holds = <E>(property: (seed: number) => Effect.Effect<void, E>) =>
  Effect.promise(() =>
    fc.assert(
      fc.asyncProperty(fc.integer(), (seed) => Effect.runPromise(property(seed))),
      { numRuns: RUNS },
    ),
  );

const sameLog = (left: string, right: string): void => {
  const [expected, actual] = [contentsOf(left), contentsOf(right)];
  for (const table of Object.keys({ ...expected, ...actual })) {
    assert.deepStrictEqual(actual[table], expected[table], table);
  }
};

const parsed = (path: string): ReadonlyArray<ArchiveLine> => linesOf(path).map((line) => JSON.parse(line));

describe("an archive", () => {
  it.live(
    "of any log, imported elsewhere, gives the same rows in every table, and exported again the same bytes",
    () =>
      holds(
        Effect.fnUntraced(function* (seed) {
          const { folder, database, maker } = yield* makeLog(seed, 60);
          maker.close();
          yield* bringUpToDate(database);
          const [archive, again] = [join(folder, "a.jsonl"), join(folder, "b.jsonl")];
          const elsewhere = join(folder, "elsewhere.db");
          yield* exportTo(database, archive);
          yield* importFrom(elsewhere, archive);
          sameLog(database, elsewhere);
          yield* exportTo(elsewhere, again);
          assert.isTrue(readFileSync(archive).equals(readFileSync(again)), "the bytes differ");
        }),
      ),
  );

  it.live("and those of what came since, one after the other, give the same as one of the whole", () =>
    holds(
      Effect.fnUntraced(function* (seed) {
        const { folder, database, maker } = yield* makeLog(seed, 30);
        const archives: Array<string> = [];
        let from = 0;
        for (let night = 0; night < 4; night += 1) {
          const archive = join(folder, `${night}.jsonl`);
          archives.push(archive);
          from = (yield* exportTo(database, archive, from)).manifest.headSequence;
          if (night === 1) maker.prune();
          if (night === 2) maker.pruneReceipts();
          if (night < 2) maker.run(25);
        }
        maker.close();
        yield* bringUpToDate(database);
        const elsewhere = join(folder, "elsewhere.db");
        yield* importFrom(elsewhere, ...archives);
        removeOrphans(elsewhere);
        removeOrphans(database);
        sameLog(database, elsewhere);
        const [whole, again] = [join(folder, "whole.jsonl"), join(folder, "again.jsonl")];
        yield* exportTo(database, whole);
        yield* exportTo(elsewhere, again);
        assert.strictEqual(readFileSync(again, "utf8"), readFileSync(whole, "utf8"));
      }),
    ),
  );

  it.live("passes on an event that this version cannot read, byte for byte", () =>
    Effect.gen(function* () {
      const { folder, database, maker } = yield* makeLog(1, 5);
      maker.close();
      const payloads = ['{"half":', '{ "n" : 1.50e3 }', "\u0000\u2028", "\uFEFF{}"].map((text) =>
        Buffer.from(text),
      );
      // Bytes that are no UTF-8, of which one turns into as many others.
      payloads.push(Buffer.from([0x7b, 0xff, 0x22, 0xc3]), Buffer.from([0xed, 0xa0, 0x80]));
      payloads.forEach((payload, index) => appendRaw(database, `odd-${index}`, payload));
      const archive = join(folder, "a.jsonl");
      const elsewhere = join(folder, "elsewhere.db");
      yield* exportTo(database, archive);
      yield* importFrom(elsewhere, archive);
      assert.deepStrictEqual(rawPayloads(elsewhere), rawPayloads(database));
      assert.include(rawPayloads(elsewhere), "text ff".replace("ff", "7BFF22C3"));
    }),
  );

  it.live("says in its last line what must be in it, and what the next one begins after", () =>
    Effect.gen(function* () {
      const { folder, database, maker } = yield* makeLog(2, 40);
      const first = yield* exportTo(database, join(folder, "1.jsonl"));
      assert.strictEqual(first.manifest.headSequence, maker.head);
      maker.run(40);
      maker.close();
      const path = join(folder, "2.jsonl");
      const { manifest } = yield* exportTo(database, path, first.manifest.headSequence);
      const lines = parsed(path);
      const sequences = lines.flatMap((line) => (line.kind === "event" ? [line.row.sequence] : []));
      assert.deepInclude(lines[0], { fromSequenceExclusive: first.manifest.headSequence });
      assert.deepStrictEqual(lines.at(-1), manifest);
      assert.deepStrictEqual(
        [manifest.firstSequence, manifest.lastSequence, manifest.counts.event],
        [first.manifest.headSequence + 1, sequences.at(-1) ?? null, sequences.length],
      );
    }),
  );

  it.live("holds one moment, though the log goes on while it is written", () =>
    Effect.gen(function* () {
      const { folder, database, maker } = yield* makeLog(3, 1500);
      const archive = join(folder, "a.jsonl");
      let pieces = 0;
      const chunks: Array<Uint8Array> = [];
      const { manifest } = yield* exportArchive({
        database,
        fromSequenceExclusive: 0,
        sink: (bytes) =>
          Effect.sync(() => {
            chunks.push(bytes);
            pieces += 1;
            if (pieces < 40) maker.run(20);
          }),
      });
      yield* Effect.promise(() =>
        import("node:fs/promises").then(({ writeFile }) => writeFile(archive, Buffer.concat(chunks))),
      );
      assert.isAbove(pieces, 3);
      maker.close();
      const elsewhere = join(folder, "elsewhere.db");
      yield* importFrom(elsewhere, archive);
      const violations = yield* Effect.flatMap(SqlClient.SqlClient, (sql) => checkLog(sql)).pipe(
        Effect.provide(onlookerLayer(elsewhere)),
      );
      const broken = violations.filter(({ law }) => law !== "events-decode");
      assert.deepStrictEqual(broken, []);
      // And what came meanwhile is what the next one brings.
      yield* bringUpToDate(database);
      const next = join(folder, "b.jsonl");
      yield* exportTo(database, next, manifest.headSequence);
      yield* importFrom(elsewhere, next);
      sameLog(database, elsewhere);
    }),
  );

  it.live("of a database of an earlier schema holds what that has", () =>
    Effect.gen(function* () {
      const { folder, database, maker } = yield* makeLog(4, 20);
      maker.close();
      const older = join(folder, "older.db");
      copyFileSync(database, older);
      const old = new DatabaseSync(older);
      for (const table of [
        "orchestration_pruned",
        "orchestration_pruned_receipts",
        "orchestration_thread_moments",
      ]) {
        old.exec(`DROP TABLE ${table}`);
      }
      old.exec("DELETE FROM heddle_migrations WHERE name >= '010'");
      old.close();
      const paths = [join(folder, "a.jsonl"), join(folder, "b.jsonl")] as const;
      yield* exportTo(database, paths[0]);
      yield* exportTo(older, paths[1]);
      assert.deepStrictEqual(linesOf(paths[1]), linesOf(paths[0]));
    }),
  );
});

/** Blobs of pruned threads may be left where nothing swept them. */
const removeOrphans = (path: string): void => {
  const database = new DatabaseSync(path);
  const named = new Set<string>();
  const note = (text: string) => {
    for (const [hash] of text.matchAll(/[0-9a-f]{64}/g)) {
      if (named.has(hash)) continue;
      named.add(hash);
      for (const { content } of database
        .prepare("SELECT CAST(content AS TEXT) AS content FROM orchestration_blobs WHERE hash = ?")
        .all(hash)) {
        note(String(content));
      }
    }
  };
  for (const { payload } of database
    .prepare("SELECT payload_json AS payload FROM orchestration_events")
    .all()) {
    note(String(payload));
  }
  database
    .prepare("DELETE FROM orchestration_blobs WHERE hash NOT IN (SELECT value FROM json_each(?))")
    .run(JSON.stringify([...named]));
  database.close();
};

const appendRaw = (path: string, name: string, payload: Uint8Array): void => {
  const database = new DatabaseSync(path);
  database
    .prepare(
      `INSERT INTO orchestration_events SELECT max(sequence) + 1, ?, 'thread', ?, 1, 'thread.odd', 1, max(occurred_at),
         NULL, NULL, NULL, 'client', CAST(? AS TEXT), '{}' FROM orchestration_events`,
    )
    .run(name, name, payload);
  database.close();
};

const rawPayloads = (path: string): ReadonlyArray<string> => {
  const database = new DatabaseSync(path, { readOnly: true });
  const rows = database
    .prepare(
      "SELECT typeof(payload_json) || ' ' || hex(payload_json) AS raw FROM orchestration_events ORDER BY sequence",
    )
    .all()
    .map(({ raw }) => String(raw));
  database.close();
  return rows;
};
