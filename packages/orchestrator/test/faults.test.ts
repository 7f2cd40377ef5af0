import { assert, describe, it } from "@effect/vitest";
import { EventStore } from "@heddle/event-store/EventStore";
import { Queries } from "@heddle/projections/Queries";
import { Effect, Exit } from "effect";
import { SqlClient } from "effect/sql";
import { Engine } from "../src/Engine.ts";
import { injectFault, SQLITE_FULL, SQLITE_IOERR } from "./faulty-sqlite.ts";
import { createProject, createThread, freshEngine, send, startTurn } from "./support.ts";

describe("a statement that fails", () => {
  for (const [name, errcode, carriedOut] of [
    ["with an I/O error", SQLITE_IOERR, false],
    ["with a full disk", SQLITE_FULL, false],
    ["although it was carried out", SQLITE_IOERR, true],
  ] as const) {
    it.live(`${name}, at any point of the write path, leaves nothing half-written and nothing twice`, () =>
      Effect.gen(function* () {
        yield* send(createProject("p1"));
        const store = yield* EventStore;
        const queries = yield* Queries;
        let failed = 0;
        // Until a fault comes behind the last statement, and so never strikes.
        for (let failing = 1; ; failing += 1) {
          const threadId = `t${failing}`;
          yield* send(createThread(threadId));
          const before = yield* store.head;
          const command = startTurn(threadId, `m${failing}`);
          const { exit, statements } = yield* Effect.gen(function* () {
            const fault = yield* injectFault({ at: failing, errcode, carriedOut });
            return { exit: yield* Effect.exit(send(command)), statements: fault.count() };
          }).pipe(Effect.scoped);
          if (Exit.isFailure(exit)) {
            failed += 1;
            const error = yield* Effect.flip(exit);
            assert.strictEqual(error._tag, "StoreUnavailable");
            const after = yield* store.head;
            assert.isTrue(after === before || (carriedOut && after === before + 2));
          }
          // The same command again: once in the log, whether or not the first had come through.
          const { sequence } = yield* send(command);
          assert.strictEqual(sequence, before + 2);
          const snapshot = yield* queries.snapshot;
          assert.strictEqual(snapshot.snapshotSequence, before + 2);
          const thread = snapshot.threads.find((each) => each.threadId === threadId);
          assert.strictEqual(thread?.messages.length, 1);
          if (statements < failing) break;
        }
        assert.isAtLeast(failed, 10);
      }).pipe(Effect.provide(freshEngine), Effect.scoped),
    );
  }

  it.live("in one command of a group leaves its neighbours alone", () =>
    Effect.gen(function* () {
      yield* send(createProject("p1"));
      for (let index = 0; index < 10; index += 1) yield* send(createThread(`t${index}`));
      const sql = yield* SqlClient.SqlClient;
      // A stream that cannot be read any more: decisions on its thread cannot be made, once it is out of the cache.
      yield* sql`UPDATE orchestration_events SET payload_json = '{}' WHERE stream_id = 't3'`;
      // A failed transaction empties the cache.
      yield* injectFault({ at: 2, errcode: SQLITE_IOERR, carriedOut: false }).pipe(
        Effect.andThen(Effect.flip(send(startTurn("t0", "forget")))),
        Effect.scoped,
      );
      const exits = yield* Effect.forEach(
        Array.from({ length: 9 }, (_, index) => index),
        (index) => Effect.exit(send(startTurn(`t${index}`, `m${index}`))),
        { concurrency: "unbounded" },
      );
      assert.deepStrictEqual(
        exits.map((exit) => Exit.isSuccess(exit)),
        exits.map((_, index) => index !== 3),
      );
    }).pipe(Effect.provide(freshEngine), Effect.scoped),
  );

  it.live("is survived when the disk really is full", () =>
    Effect.gen(function* () {
      yield* send(createProject("p1"));
      yield* send(createThread("t1"));
      const sql = yield* SqlClient.SqlClient;
      const [pages] = yield* sql<{ page_count: number }>`PRAGMA page_count`;
      yield* sql.unsafe(`PRAGMA max_page_count = ${pages?.page_count ?? 0}`);
      const words = "x".repeat(1_000_000);
      const error = yield* Effect.flip(send(startTurn("t1", "m1", words)));
      assert.strictEqual(error._tag, "StoreUnavailable");
      const engine = yield* Engine;
      assert.strictEqual(engine.failure(), error);
      yield* sql.unsafe("PRAGMA max_page_count = 1000000");
      const { sequence } = yield* send(startTurn("t1", "m1", words));
      assert.strictEqual(sequence, 4);
      assert.isNull(engine.failure());
    }).pipe(Effect.provide(freshEngine), Effect.scoped),
  );
});
