import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { assert, beforeEach, describe, it } from "@effect/vitest";
import { Effect, Exit, Result } from "effect";
import { ArchiveFileError } from "../src/archive/ArchiveErrors.ts";
import { lineReader, openArchive, writeArchiveFile } from "../src/archive/ArchiveFile.ts";
import { findMark, setMark } from "../src/archive/ImportMark.ts";
import type { ImportError } from "../src/archive/Import.ts";
import { LogMaker } from "./archive-log.ts";
import {
  bringUpToDate,
  contentsOf,
  dryRunFrom,
  exportTo,
  importFrom,
  linesOf,
  temporaryFolder,
} from "./archive-support.ts";

let folder: string;
let database: string;
let archive: string;
let lines: ReadonlyArray<string>;

beforeEach(async () => {
  folder = temporaryFolder();
  database = join(folder, "heddle.db");
  archive = join(folder, "a.jsonl");
  await Effect.runPromise(bringUpToDate(database));
  const maker = new LogMaker(database, 7);
  maker.run(80);
  maker.close();
  await Effect.runPromise(Effect.andThen(bringUpToDate(database), exportTo(database, archive)));
  lines = linesOf(archive);
});

/** An archive of these lines, with a manifest that fits them where `sealed`. */
const written = (changed: ReadonlyArray<string>, sealed = false): string => {
  const path = join(folder, "changed.jsonl");
  const text = `${changed.join("\n")}\n`;
  if (!sealed) {
    writeFileSync(path, text);
    return path;
  }
  const counts = { ...JSON.parse(lines.at(-1) ?? "").counts };
  for (const kind of Object.keys(counts)) {
    counts[kind] = changed.filter((line) => line.startsWith(`{"kind":"${kind}"`)).length;
  }
  const sequences = changed
    .filter((line) => line.startsWith('{"kind":"event"'))
    .map((line) => JSON.parse(line).row.sequence);
  const manifest = {
    kind: "manifest",
    counts,
    firstSequence: sequences[0] ?? null,
    lastSequence: sequences.at(-1) ?? null,
    headSequence: JSON.parse(lines.at(-1) ?? "").headSequence,
    sha256: createHash("sha256").update(text).digest("hex"),
  };
  writeFileSync(path, `${text}${JSON.stringify(manifest)}\n`);
  return path;
};

const failureOf = (import_: Effect.Effect<unknown, ImportError>) =>
  Effect.map(Effect.result(import_), (result) =>
    Result.isFailure(result) ? result.failure : assert.fail("It was imported."),
  );

const elsewhere = () => join(folder, "new", "heddle.db");

/** The place of the first line of a kind. */
const firstOf = (kind: string): number => lines.findIndex((line) => line.startsWith(`{"kind":"${kind}"`));

const withLine = (index: number, line: string): ReadonlyArray<string> => lines.with(index, line);

describe("an archive that is not as it was written is refused with the line that is at fault, and nothing is changed:", () => {
  const cases: ReadonlyArray<
    readonly [what: string, make: () => string, line: () => number, problem: RegExp]
  > = [
    ["a line that is no JSON", () => written(withLine(5, `${lines[5]}}`)), () => 6, /JSON|Unexpected/],
    [
      "bytes that are no text",
      () => {
        const path = written(lines);
        const bytes = readFileSync(path);
        bytes[bytes.indexOf("\n") + 20] = 0xff;
        writeFileSync(path, bytes);
        return path;
      },
      () => 2,
      /encoded data was not valid/,
    ],
    [
      "a kind of line that there is not",
      () => written(withLine(5, '{"kind":"constructor"}')),
      () => 6,
      /no kind of line.*constructor/,
    ],
    [
      "a column that there is not",
      () => written(withLine(1, (lines[1] ?? "").replace('"row":{', '"row":{"extra":1,'))),
      () => 2,
      /extra/,
    ],
    [
      "a column of another type",
      () => written(withLine(1, (lines[1] ?? "").replace(/"sequence":\d+/, '"sequence":"1"'))),
      () => 2,
      /sequence/,
    ],
    [
      "another word in a payload",
      () => written(withLine(1, (lines[1] ?? "").replace("/tmp", "/etc"))),
      () => lines.length,
      /hash to/,
    ],
    ["a line that is gone", () => written(lines.toSpliced(3, 1)), () => lines.length - 1, /hash to/],
    [
      "events out of order",
      () => written([lines[0] ?? "", ...lines.slice(4, 12), ...lines.slice(1, 4)], true),
      () => 10,
      /out of order/,
    ],
    [
      "rows of one kind among those of another",
      () => written([...lines.slice(0, -1), lines[firstOf("event")] ?? ""], true),
      () => lines.length,
      /cannot stand here/,
    ],
    [
      "a blob that is not what its hash says",
      () =>
        written(
          withLine(
            firstOf("blob"),
            (lines[firstOf("blob")] ?? "").replace(/"base64":".{4}/, '"base64":"AAAA'),
          ),
        ),
      () => firstOf("blob") + 1,
      /content of blob [0-9a-f]{64} has the hash/,
    ],
    [
      "counts that are not those of the lines",
      () => written(withLine(lines.length - 1, (lines.at(-1) ?? "").replace(/"event":\d+/, '"event":1'))),
      () => lines.length,
      /names 1 lines of kind event/,
    ],
    ["no manifest", () => written(lines.slice(0, -1)), () => lines.length, /no manifest/],
    [
      "an end in the middle of a line",
      () => {
        const path = written(lines);
        writeFileSync(path, readFileSync(path).subarray(0, 5000));
        return path;
      },
      () => readFileSync(archive).subarray(0, 5000).toString("latin1").split("\n").length,
      /middle of a line/,
    ],
    [
      "lines behind the manifest",
      () => written([...lines, lines[1] ?? ""]),
      () => lines.length + 1,
      /behind the manifest/,
    ],
    ["no header", () => written(lines.slice(1)), () => 1, /does not begin/],
    ["a second header", () => written([lines[0] ?? "", ...lines]), () => 2, /second header/],
    [
      "nothing in it",
      () => (writeFileSync(join(folder, "changed.jsonl"), ""), join(folder, "changed.jsonl")),
      () => 1,
      /empty/,
    ],
  ];
  it.live.each(cases)("%s", ([, make, line, problem]) =>
    Effect.gen(function* () {
      const error = yield* failureOf(importFrom(elsewhere(), make()));
      assert.strictEqual(error._tag, "ArchiveDamaged", error.message);
      if (error._tag !== "ArchiveDamaged") return;
      assert.match(error.problem, problem);
      assert.strictEqual(error.line, line());
      assert.isFalse(existsSync(elsewhere()));
    }),
  );

  it.live("a line that is longer than can be", () =>
    Effect.gen(function* () {
      const file = yield* openArchive(archive);
      const reader = lineReader(file, archive, { offset: 0, number: 1 }, 50);
      const drained = Effect.gen(function* () {
        while ((yield* reader.next).length > 0);
      });
      writeFileSync(archive, `{}\n${"x".repeat(3_000_000)}`);
      const error = yield* Effect.flip(drained);
      assert.deepInclude(error, { _tag: "ArchiveDamaged", line: 2 });
    }).pipe(Effect.scoped),
  );

  it.live("rows that no database takes: what was committed before them stays", () =>
    Effect.gen(function* () {
      const second = lines.findIndex((line, index) => index > 1 && line.startsWith('{"kind":"event"'));
      const row = JSON.parse(lines[second] ?? "").row;
      const doubled = JSON.stringify({
        kind: "event",
        row: { ...row, event_id: JSON.parse(lines[1] ?? "").row.event_id },
      });
      yield* Effect.promise(() => import("node:fs/promises").then(({ mkdir }) => mkdir(join(folder, "new"))));
      const error = yield* failureOf(
        importFrom(elsewhere(), written(withLine(second, doubled).slice(0, -1), true)),
      );
      assert.deepInclude(error, { _tag: "ArchiveDamaged" });
      assert.match(error.message, /UNIQUE/);
      assert.isDefined(yield* findMark(elsewhere()));
    }),
  );
});

describe("an import", () => {
  it.live("refuses an archive of a later version, whatever else stands in it", () =>
    Effect.gen(function* () {
      const path = written(withLine(0, '{"kind":"heddle-archive","version":2,"compression":"zstd"}'));
      const error = yield* failureOf(importFrom(elsewhere(), path));
      assert.deepInclude(error, { _tag: "ArchiveTooNew", version: 2, known: 1 });
    }),
  );

  it.live("refuses an archive of pruned threads", () =>
    Effect.gen(function* () {
      const header = JSON.stringify({ ...JSON.parse(lines[0] ?? ""), threads: ["t1"] });
      const error = yield* failureOf(importFrom(elsewhere(), written(withLine(0, header))));
      assert.deepInclude(error, { _tag: "ArchiveOfThreads", threads: 1 });
    }),
  );

  it.live("refuses one that begins behind the end of the database, and says which is missing", () =>
    Effect.gen(function* () {
      const later = join(folder, "later.jsonl");
      yield* exportTo(database, later, 20);
      const error = yield* failureOf(importFrom(elsewhere(), later));
      assert.deepInclude(error, { _tag: "ArchiveGap", fromSequenceExclusive: 20, headSequence: 0 });
      assert.match(error.message, /from event 1 to event 20/);
      assert.isFalse(existsSync(elsewhere()));
    }),
  );

  it.live("refuses one of another log, names the first event that differs, and changes nothing", () =>
    Effect.gen(function* () {
      const other = join(folder, "other.db");
      yield* importFrom(other, archive);
      const change = new DatabaseSync(other);
      change.exec("UPDATE orchestration_events SET occurred_at = '2020-01-01' WHERE sequence IN (9, 12)");
      change.close();
      const before = contentsOf(other);
      const error = yield* failureOf(importFrom(other, archive));
      assert.deepInclude(error, { _tag: "ArchiveConflict", sequence: 9 });
      assert.match(error.message, /occurred_at/);
      assert.deepStrictEqual(contentsOf(other), before);
      // One that only goes on from there says which event it goes on from.
      const later = join(folder, "later.jsonl");
      yield* exportTo(database, later, 12);
      change.open();
      change.exec("UPDATE orchestration_events SET event_id = 'another' WHERE sequence = 12");
      change.close();
      assert.deepInclude(yield* failureOf(importFrom(other, later)), {
        _tag: "ArchiveConflict",
        sequence: 12,
      });
    }),
  );

  it.live(
    "refuses one that lacks an event of the database, or has one more, unless its thread was pruned",
    () =>
      Effect.gen(function* () {
        const other = join(folder, "other.db");
        yield* importFrom(other, archive);
        const change = new DatabaseSync(other);
        change.exec("DELETE FROM orchestration_events WHERE sequence = 11");
        change.close();
        assert.deepInclude(yield* failureOf(importFrom(other, archive)), {
          _tag: "ArchiveConflict",
          sequence: 11,
        });
        const holed = join(folder, "holed.jsonl");
        yield* exportTo(other, holed);
        assert.deepInclude(yield* failureOf(importFrom(database, holed)), {
          _tag: "ArchiveConflict",
          sequence: 11,
        });
      }),
  );

  it.live("of an archive that is older than the database leaves that as it is", () =>
    Effect.gen(function* () {
      const maker = new DatabaseSync(database);
      maker.exec(`INSERT INTO orchestration_events SELECT sequence + 1, 'new', 'thread', 'new', 1, event_type, 1,
        occurred_at, NULL, NULL, NULL, 'client', payload_json, '{}' FROM orchestration_events ORDER BY sequence DESC LIMIT 1`);
      maker.exec("UPDATE orchestration_effects SET status = 'done', lease_owner = NULL, outcome = 'later'");
      maker.exec("DELETE FROM checkpoint_diff_blobs");
      maker.close();
      yield* bringUpToDate(database);
      const before = contentsOf(database);
      yield* importFrom(database, archive);
      assert.deepStrictEqual(contentsOf(database), before);
    }),
  );

  it.live("does not give an effect back that the database is done with", () =>
    Effect.gen(function* () {
      const change = new DatabaseSync(database);
      change.exec(
        "UPDATE orchestration_effects SET status = 'done', lease_owner = NULL, updated_at = '2030-01-01T00:00:00.000Z'",
      );
      change.close();
      const before = contentsOf(database);
      yield* importFrom(database, archive);
      assert.isAbove(before["orchestration_effects"]?.length ?? 0, 0);
      assert.deepStrictEqual(contentsOf(database), before);
    }),
  );

  it.live("can be tried first, which changes nothing and says what would come in", () =>
    Effect.gen(function* () {
      const { archives, headSequence } = yield* dryRunFrom(elsewhere(), archive);
      const manifest = JSON.parse(lines.at(-1) ?? "");
      assert.deepStrictEqual(
        [archives[0]?.eventsAdded, headSequence],
        [manifest.counts.event, manifest.headSequence],
      );
      assert.isFalse(existsSync(elsewhere()));
      const before = contentsOf(database);
      assert.strictEqual((yield* dryRunFrom(database, archive)).archives[0]?.eventsAdded, 0);
      assert.deepStrictEqual(contentsOf(database), before);
    }),
  );

  it.live("that did not come to its end is marked as such until it is run again", () =>
    Effect.gen(function* () {
      const other = join(folder, "other.db");
      yield* importFrom(other, archive);
      yield* setMark(other, { archive, sha256: JSON.parse(lines.at(-1) ?? "").sha256, headBefore: 0 });
      const change = new DatabaseSync(other);
      // As a kill in the middle leaves it.
      change.exec("DELETE FROM orchestration_events WHERE sequence > 30");
      change.exec("DELETE FROM orchestration_command_receipts WHERE result_sequence > 30");
      change.exec("DELETE FROM orchestration_effects; DELETE FROM provider_session_runtime");
      change.exec("DELETE FROM orchestration_quarantine");
      for (const table of Object.keys(contentsOf(other))) {
        if (table.startsWith("projection_")) change.exec(`DELETE FROM ${table}`);
      }
      change.close();
      yield* importFrom(other, archive);
      assert.isUndefined(yield* findMark(other));
      const [found, expected] = [contentsOf(other), contentsOf(database)];
      for (const table of Object.keys(expected)) assert.deepStrictEqual(found[table], expected[table], table);
    }),
  );
});

describe("a file of an archive", () => {
  it.live("is not there until it is whole, and nothing is left of one that failed", () =>
    Effect.gen(function* () {
      const path = join(folder, "b.jsonl");
      const failed = yield* Effect.exit(
        writeArchiveFile(path, { replace: false }, (sink) =>
          Effect.gen(function* () {
            yield* sink(Buffer.from("half"));
            assert.isFalse(existsSync(path));
            assert.isTrue(existsSync(`${path}.partial`));
            return yield* new ArchiveFileError({ path, operation: "write", cause: new Error("disk full") });
          }),
        ),
      );
      assert.isTrue(Exit.isFailure(failed));
      assert.deepStrictEqual(
        readdirSync(folder).filter((name) => name.startsWith("b.")),
        [],
      );
    }),
  );

  it.live("is not replaced unless that is asked for", () =>
    Effect.gen(function* () {
      const before = readFileSync(archive);
      const nothing = () => Effect.void;
      const error = yield* Effect.flip(writeArchiveFile(archive, { replace: false }, nothing));
      assert.strictEqual(error._tag, "ArchiveFileExists");
      assert.deepStrictEqual(readFileSync(archive), before);
      yield* writeArchiveFile(archive, { replace: true }, nothing);
      assert.strictEqual(readFileSync(archive).length, 0);
    }),
  );
});
