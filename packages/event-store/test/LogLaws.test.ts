import { assert, describe, it } from "@effect/vitest";
import { CommandRejected } from "@heddle/contracts/Errors";
import { CommandId, EventId } from "@heddle/contracts/Ids";
import { Effect } from "effect";
import { SqlClient } from "effect/sql";
import { blobOfText, refTo } from "../src/Blob.ts";
import { Blobs } from "../src/Blobs.ts";
import { Effects } from "../src/Effects.ts";
import { checkLog, hashLog, type LawName } from "../src/LogLaws.ts";
import { type Receipt, Receipts } from "../src/Receipts.ts";
import { archived, append, AT, freshStore } from "./support.ts";

const ACCEPTED = 6;

/** Events 1 to 6 of two streams, each of its own command, with receipts, an effect, a cursor and a rejection. */
const soundLog = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient;
  const receipts = yield* Receipts;
  const effects = yield* Effects;
  const streams = ["t1", "t1", "t2", "t1", "t2", "t2"];
  const events = streams.map((streamId, index) => {
    const streamVersion = streams.slice(0, index + 1).filter((id) => id === streamId).length;
    const eventId = `command-${index + 1}#1`;
    return archived({ sequence: index + 1, streamId, streamVersion, eventId });
  });
  yield* append(...events);
  const receipt = (sequence: number, more: Partial<Receipt> = {}): Receipt => ({
    commandId: CommandId.make(`command-${sequence}`),
    aggregateKind: "thread",
    aggregateId: streams[sequence - 1] ?? "t1",
    acceptedAt: AT,
    resultSequence: sequence,
    error: null,
    fingerprint: "",
    ...more,
  });
  const commandId = CommandId.make("refused");
  const error = new CommandRejected({
    commandId,
    commandType: "thread.archive",
    code: "thread-not-found",
    message: "No.",
  });
  yield* receipts.insert([
    ...streams.map((_, index) => receipt(index + 1)),
    receipt(ACCEPTED, { commandId, error }),
  ]);
  yield* effects.insert([
    {
      eventSequence: 2,
      eventId: EventId.make("command-2#1"),
      correlationId: null,
      kind: "turn.start",
      lane: "t1",
      payload: {},
      dueAt: 0,
    },
  ]);
  yield* sql`INSERT INTO projection_state ${sql.insert({ projector: "threads", version: 1, last_applied_sequence: 6, fault: null, updated_at: AT })}`;
});

/** What each law says once a statement has broken it, and nothing else. */
const BROKEN: ReadonlyArray<readonly [LawName, break_: ReadonlyArray<string>, id: string]> = [
  ["sequences-are-dense", ["UPDATE orchestration_events SET sequence = 7 WHERE sequence = 6"], "command-6#1"],
  [
    "stream-versions-are-dense",
    ["UPDATE orchestration_events SET stream_version = 5 WHERE sequence = 6"],
    "t2",
  ],
  [
    "streams-follow-the-log",
    [
      "UPDATE orchestration_events SET stream_version = 9 WHERE sequence = 2",
      "UPDATE orchestration_events SET stream_version = 2 WHERE sequence = 4",
      "UPDATE orchestration_events SET stream_version = 3 WHERE sequence = 2",
    ],
    "t1",
  ],
  [
    "events-name-their-command",
    ["UPDATE orchestration_events SET event_id = 'command-3#2' WHERE sequence = 3"],
    "command-3#2",
  ],
  [
    "events-have-a-receipt",
    ["DELETE FROM orchestration_command_receipts WHERE command_id = 'command-4'"],
    "command-4#1",
  ],
  [
    "receipts-point-at-their-command",
    ["UPDATE orchestration_command_receipts SET result_sequence = 4 WHERE command_id = 'command-1'"],
    "command-1",
  ],
  [
    "receipts-point-at-their-command",
    ["UPDATE orchestration_command_receipts SET result_sequence = 8 WHERE command_id = 'command-1'"],
    "command-1",
  ],
  [
    "receipts-point-at-their-command",
    ["UPDATE orchestration_command_receipts SET aggregate_id = 't2' WHERE command_id = 'command-1'"],
    "command-1",
  ],
  [
    "rejections-leave-no-events",
    ["UPDATE orchestration_command_receipts SET result_sequence = 7 WHERE command_id = 'refused'"],
    "refused",
  ],
  [
    "rejections-leave-no-events",
    [
      "UPDATE orchestration_command_receipts SET status = 'rejected', error = '{}' WHERE command_id = 'command-5'",
    ],
    "command-5",
  ],
  ["effects-point-at-their-event", ["UPDATE orchestration_effects SET event_sequence = 3"], "1"],
  ["effects-point-at-their-event", ["UPDATE orchestration_effects SET event_sequence = 30"], "1"],
  ["cursors-stay-within-the-log", ["UPDATE projection_state SET last_applied_sequence = 7"], "threads"],
  [
    "quarantine-is-of-the-log",
    ["INSERT INTO orchestration_quarantine VALUES (7, 'thread', 't9', 'thread.archived', 1, '', '')"],
    "t9",
  ],
  [
    "events-decode",
    ["UPDATE orchestration_events SET payload_json = '{}' WHERE sequence = 5"],
    "command-5#1",
  ],
  [
    "events-decode",
    ["UPDATE orchestration_events SET event_type = 'thread.forgotten' WHERE sequence = 5"],
    "command-5#1",
  ],
];

/** Thread t2 of the sound log is pruned: its events 3, 5 and 6, and what points at them. */
const prunedThread = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient;
  yield* soundLog;
  yield* sql`DELETE FROM orchestration_events WHERE stream_id = 't2'`;
  yield* sql`DELETE FROM orchestration_command_receipts WHERE aggregate_id = 't2'`;
  yield* sql`INSERT INTO orchestration_pruned VALUES ('t2', 3, 6, 3, 'old.jsonl', NULL, 'done', ${AT})`;
});

const DIGEST = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

describe("the laws of the log", () => {
  it.effect("hold of an empty log and of a sound one", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient;
      assert.deepStrictEqual(yield* checkLog(sql), []);
      yield* soundLog;
      assert.deepStrictEqual(yield* checkLog(sql), []);
    }).pipe(Effect.provide(freshStore)),
  );

  it.effect.each(BROKEN)("say which is broken, and where: %s by %s", ([law, statements, id]) =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient;
      yield* soundLog;
      for (const statement of statements) yield* sql.unsafe(statement);
      const violations = (yield* checkLog(sql)).filter((violation) => violation.law === law);
      assert.deepStrictEqual(
        violations.map((violation) => violation.id),
        [id],
      );
      assert.isNotEmpty(violations[0]?.message);
    }).pipe(Effect.provide(freshStore)),
  );

  it.effect("take an event that cannot be read for known where it is in quarantine", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient;
      yield* soundLog;
      yield* sql`UPDATE orchestration_events SET payload_json = '{}' WHERE sequence IN (3, 5)`;
      const quarantined = {
        sequence: 3,
        aggregate_kind: "thread",
        stream_id: "t2",
        event_type: "thread.archived",
        event_version: 1,
        reason: "It has no thread.",
        found_at: AT,
      };
      yield* sql`INSERT INTO orchestration_quarantine ${sql.insert(quarantined)}`;
      const violations = yield* checkLog(sql);
      assert.deepStrictEqual(
        violations.map(({ law, sequence }) => [law, sequence]),
        [["events-decode", 5]],
      );
    }).pipe(Effect.provide(freshStore)),
  );

  it.effect("see an event id twice where the table's own guard is missing", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient;
      yield* soundLog;
      yield* sql`CREATE TABLE copy AS SELECT * FROM orchestration_events`;
      yield* sql`DROP TABLE orchestration_events`;
      yield* sql`ALTER TABLE copy RENAME TO orchestration_events`;
      yield* sql`UPDATE orchestration_events SET event_id = 'command-1#1' WHERE sequence = 2`;
      const laws = (yield* checkLog(sql)).map(({ law }) => law);
      assert.include(laws, "event-ids-are-unique");
    }).pipe(Effect.provide(freshStore)),
  );

  it.effect("list a bounded number of places for each law", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient;
      yield* soundLog;
      yield* sql`DELETE FROM orchestration_command_receipts`;
      yield* sql`UPDATE orchestration_events SET payload_json = '{}'`;
      const laws = (yield* checkLog(sql, { limitPerLaw: 2 })).map(({ law }) => law);
      assert.deepStrictEqual(laws, [
        "events-have-a-receipt",
        "events-have-a-receipt",
        "events-decode",
        "events-decode",
      ]);
    }).pipe(Effect.provide(freshStore)),
  );
});

describe("the laws of a log that was pruned", () => {
  it.effect("hold with the holes that are recorded, also at its end", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient;
      yield* prunedThread;
      assert.deepStrictEqual(yield* checkLog(sql), []);
    }).pipe(Effect.provide(freshStore)),
  );

  it.effect("hold while a thread is on its way out, its last events first", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient;
      yield* soundLog;
      yield* sql`INSERT INTO orchestration_pruned VALUES ('t2', 3, 6, 3, NULL, NULL, 'pruning', ${AT})`;
      assert.deepStrictEqual(yield* checkLog(sql), []);
      yield* sql`DELETE FROM orchestration_events WHERE sequence = 6`;
      yield* sql`DELETE FROM orchestration_command_receipts WHERE command_id = 'command-3'`;
      assert.deepStrictEqual(yield* checkLog(sql), []);
    }).pipe(Effect.provide(freshStore)),
  );

  it.effect.each<readonly [LawName, statement: string, id: string]>([
    ["sequences-are-dense", "DELETE FROM orchestration_events WHERE sequence = 2", "command-4#1"],
    ["pruned-agrees-with-the-log", "DELETE FROM orchestration_events WHERE sequence = 4", "3-6"],
    ["pruned-agrees-with-the-log", "UPDATE orchestration_pruned SET event_count = 4", "3-6"],
    [
      "pruned-threads-are-gone",
      "INSERT INTO orchestration_pruned VALUES ('t1', 1, 4, 3, NULL, NULL, 'done', '')",
      "t1",
    ],
    [
      "receipts-point-at-their-command",
      "UPDATE orchestration_command_receipts SET aggregate_id = 't2' WHERE command_id = 'command-4'",
      "command-4",
    ],
  ])("say which is broken, and where: %s by %s", ([law, statement, id]) =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient;
      yield* prunedThread;
      yield* sql.unsafe(statement);
      const violations = (yield* checkLog(sql)).filter((violation) => violation.law === law);
      assert.include(
        violations.map((violation) => violation.id),
        id,
      );
      assert.isNotEmpty(violations[0]?.message);
    }).pipe(Effect.provide(freshStore)),
  );

  it.effect("ask for no receipt of an event from before receipts were pruned, and for those after", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient;
      yield* soundLog;
      yield* sql`UPDATE orchestration_events SET occurred_at = '2026-03-01T00:00:00.000Z' WHERE sequence > 4`;
      yield* sql`DELETE FROM orchestration_command_receipts WHERE command_id IN ('command-1', 'command-5')`;
      yield* sql`INSERT INTO orchestration_pruned_receipts VALUES ('2026-02-10T00:00:00.000Z', ${AT})`;
      const violations = yield* checkLog(sql);
      assert.deepStrictEqual(
        violations.map(({ law, sequence }) => [law, sequence]),
        [["events-have-a-receipt", 5]],
      );
    }).pipe(Effect.provide(freshStore)),
  );
});

describe("the laws of blobs", () => {
  const whole = blobOfText("x".repeat(20_000));
  /** Event 7 refers to a blob in its detail, and event 8 to one as an attachment. */
  const withBlobs = Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient;
    yield* soundLog;
    yield* (yield* Blobs).insert([whole]);
    const detail = { output: [refTo(whole, "x")], other: { $$blob: DIGEST } };
    yield* sql`UPDATE orchestration_events SET event_type = 'thread.activity-appended',
      payload_json = ${JSON.stringify({ threadId: "t1", turnId: null, tone: "tool", kind: "k", summary: "s", detail, createdAt: AT })}
      WHERE sequence = 4`;
    const attachments = [{ name: "a", mimeType: "b", bytes: 20_000, blob: whole.hash }];
    yield* sql`UPDATE orchestration_events SET event_type = 'thread.message-sent',
      payload_json = ${JSON.stringify({ threadId: "t2", messageId: "m", turnId: null, role: "user", text: "", offset: 0, streaming: false, attachments, createdAt: AT })}
      WHERE sequence = 6`;
  });
  const violationsAfter = (statement: string) =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient;
      yield* withBlobs;
      yield* sql.unsafe(statement);
      return (yield* checkLog(sql)).map(({ law, sequence, id }) => [law, sequence, id]);
    }).pipe(Effect.provide(freshStore));

  it.effect("hold where each reference has its blob, and take no agent's word for a reference", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* violationsAfter("SELECT 1"), []);
    }),
  );

  it.effect("name every event that refers to a blob which is not there", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* violationsAfter("DELETE FROM orchestration_blobs"), [
        ["references-have-their-blob", 4, whole.hash],
        ["references-have-their-blob", 6, whole.hash],
      ]);
    }),
  );

  it.effect.each(["content = x'00' || substr(content, 2)", "size = 1"])(
    "name the blob that is not what it was stored as: %s",
    (change) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* violationsAfter(`UPDATE orchestration_blobs SET ${change}`), [
          ["blobs-have-their-hash", null, whole.hash],
        ]);
      }),
  );
});

describe("the hash of a log", () => {
  const hashAfter = (...statements: ReadonlyArray<string>) =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient;
      yield* soundLog;
      for (const statement of statements) yield* sql.unsafe(statement);
      return yield* hashLog(sql);
    }).pipe(Effect.provide(freshStore));

  it.effect("is the same for the same log, and another where one column of one event differs", () =>
    Effect.gen(function* () {
      const hash = yield* hashAfter();
      assert.strictEqual(yield* hashAfter(), hash);
      assert.strictEqual(yield* hashAfter("DELETE FROM projection_state"), hash);
      assert.notStrictEqual(
        yield* hashAfter("UPDATE orchestration_events SET occurred_at = '' WHERE sequence = 3"),
        hash,
      );
      assert.notStrictEqual(yield* hashAfter("DELETE FROM orchestration_events WHERE sequence = 6"), hash);
    }),
  );
});
