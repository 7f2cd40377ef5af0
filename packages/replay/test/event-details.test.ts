import { createHash } from "node:crypto";
import { assert, describe, it } from "@effect/vitest";
import { CommandId, EventId } from "@heddle/contracts/Ids";
import { Blobs } from "@heddle/event-store/Blobs";
import { Effects } from "@heddle/event-store/Effects";
import { Receipts } from "@heddle/event-store/Receipts";
import { Effect } from "effect";
import { SqlClient } from "effect/sql";
import { eventDetails } from "../src/inspect/EventDetails.ts";
import { freshStore, logged } from "./inspection-support.ts";

const details = (input: { readonly sequence: number } | { readonly eventId: string }) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) => eventDetails(sql)(input));

const content = Buffer.from("a long prompt");
const hash = createHash("sha256").update(content).digest("hex");
const absent = "0".repeat(64);

describe("one event, by its sequence or its id,", () => {
  it.effect("comes with its command's receipt, what it asked for, and the blobs that it refers to", () =>
    Effect.gen(function* () {
      const [event] = yield* logged({
        type: "thread.message-sent",
        command: "c1",
        payload: {
          fullText: { $blob: hash, bytes: content.length, preview: "a lo" },
          attachments: [{ name: "a.png", mimeType: "image/png", bytes: 7, blob: absent }],
        },
      });
      const sql = yield* SqlClient.SqlClient;
      yield* sql.withTransaction(
        Effect.all([
          (yield* Blobs).insert([{ hash, content }]),
          (yield* Receipts).insert([
            {
              commandId: CommandId.make("c1"),
              aggregateKind: "thread",
              aggregateId: "t1",
              acceptedAt: "2026-02-03T04:05:06.000Z",
              resultSequence: 1,
              error: null,
              fingerprint: "f",
            },
          ]),
          (yield* Effects).insert([
            {
              eventSequence: 1,
              eventId: EventId.make("c1#1"),
              correlationId: "c1",
              kind: "turn.start",
              lane: "thread/t1",
              payload: { threadId: "t1" },
              dueAt: 0,
            },
          ]),
        ]),
      );
      const given = yield* details({ sequence: 1 });
      assert.deepStrictEqual(given.event, event);
      assert.deepInclude(given.receipt, { status: "accepted", resultSequence: 1, error: null });
      assert.deepStrictEqual(
        given.effects.map(({ kind, status, attempts, dueAt, payload }) => ({
          kind,
          status,
          attempts,
          dueAt,
          payload,
        })),
        [
          {
            kind: "turn.start",
            status: "pending",
            attempts: 0,
            dueAt: "1970-01-01T00:00:00.000Z",
            payload: { threadId: "t1" },
          },
        ],
      );
      assert.deepStrictEqual(given.blobs, [
        { hash, bytes: content.length, stored: true },
        { hash: absent, bytes: 7, stored: false },
      ]);
      assert.deepStrictEqual(yield* details({ eventId: "c1#1" }), given);
    }).pipe(Effect.provide(freshStore)),
  );

  it.effect(
    "that cannot be read comes as it is stored, with the reason, and no more of it than is bounded",
    () =>
      Effect.gen(function* () {
        yield* logged({ type: "thread.archived" });
        const sql = yield* SqlClient.SqlClient;
        const damaged = `{"threadId": ${"x".repeat(70_000)}`;
        yield* sql`UPDATE orchestration_events SET payload_json = ${damaged} WHERE sequence = 1`;
        const { event, unreadable } = yield* details({ sequence: 1 });
        assert.isNull(event);
        assert.include(unreadable?.reason, "JSON");
        assert.strictEqual(unreadable?.payloadText, damaged.slice(0, 65_536));
        assert.strictEqual(unreadable?.charactersLeftOut, damaged.length - 65_536);
        assert.deepInclude(unreadable, { eventType: "thread.archived", streamId: "t1", metadataText: "{}" });
      }).pipe(Effect.provide(freshStore)),
  );

  it.effect("that is not there fails with NotFound, which says so of one that was pruned", () =>
    Effect.gen(function* () {
      yield* logged({ type: "thread.archived" }, { type: "thread.archived", streamId: "t2" });
      const sql = yield* SqlClient.SqlClient;
      const missing = yield* Effect.flip(details({ sequence: 9 }));
      assert.deepInclude(missing, { _tag: "NotFound", kind: "event", id: "9" });
      assert.include(missing.message, "the log ends at 2");
      assert.deepInclude(yield* Effect.flip(details({ eventId: "no#1" })), {
        message: "There is no event no#1.",
      });
      yield* sql`DELETE FROM orchestration_events WHERE sequence = 1`;
      yield* sql`INSERT INTO orchestration_pruned
        (thread_id, first_sequence, last_sequence, event_count, archive, checkpoints_in, state, pruned_at)
        VALUES ('t1', 1, 1, 1, 'old.jsonl', NULL, 'done', '2026-03-01T00:00:00.000Z')`;
      const pruned = yield* Effect.flip(details({ sequence: 1 }));
      assert.include(
        pruned.message,
        "pruned with thread t1 at 2026-03-01T00:00:00.000Z. Its archive is old.jsonl.",
      );
    }).pipe(Effect.provide(freshStore)),
  );

  it.effect("of a command whose receipt was pruned has none", () =>
    Effect.gen(function* () {
      yield* logged({ type: "thread.archived" });
      assert.isNull((yield* details({ sequence: 1 })).receipt);
    }).pipe(Effect.provide(freshStore)),
  );
});
