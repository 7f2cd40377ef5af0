import { join } from "node:path";
import { assert, describe, it } from "@effect/vitest";
import { busyWorld } from "@heddle/domain/testing/Steps";
import { EventStore } from "@heddle/event-store/EventStore";
import { migrate } from "@heddle/event-store/Migrations";
import { writerLayer } from "@heddle/event-store/SqliteDatabase";
import { temporaryFolder } from "@heddle/event-store/testing/support";
import { Effect } from "effect";
import { SqlClient } from "effect/sql";
import { verifyProjections } from "../src/Verify.ts";
import { freshProjections, restart, store } from "./support.ts";

/** The differences of a read model of many events, after a statement has been at it. */
const differencesAfter = (statement?: string) =>
  Effect.gen(function* () {
    yield* store(busyWorld(1000).log);
    yield* restart();
    const sql = yield* SqlClient.SqlClient;
    const log = yield* EventStore;
    if (statement !== undefined) yield* sql.unsafe(statement);
    const scratchFile = join(yield* temporaryFolder, "scratch.db");
    return yield* Effect.gen(function* () {
      yield* migrate();
      return yield* verifyProjections({
        stored: sql,
        scratch: yield* SqlClient.SqlClient,
        scratchFile,
        readPage: (fromSequenceExclusive) => log.readAll({ fromSequenceExclusive, limit: 7 }),
      });
    }).pipe(Effect.provide(writerLayer(scratchFile)));
  }).pipe(Effect.provide(freshProjections), Effect.scoped);

describe("verifying the read model", () => {
  it.live("finds nothing in one that the log gives", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* differencesAfter(), []);
    }),
  );

  it.live("finds a row that differs in one column, as it is and as it should be", () =>
    Effect.gen(function* () {
      const differences = yield* differencesAfter(
        `UPDATE projection_projects SET title = 'Another' WHERE rowid = 1`,
      );
      assert.deepStrictEqual(
        differences.map(({ table, side }) => [table, side]),
        [
          ["projection_projects", "stored"],
          ["projection_projects", "rebuilt"],
        ],
      );
      const [stored, rebuilt] = differences;
      assert.strictEqual(stored?.row["title"], "Another");
      assert.deepStrictEqual({ ...stored?.row, title: "" }, { ...rebuilt?.row, title: "" });
    }),
  );

  it.live("finds rows that are missing, and a cursor that is behind", () =>
    Effect.gen(function* () {
      const missing = yield* differencesAfter(
        `DELETE FROM projection_thread_turns
          WHERE rowid = (SELECT min(rowid) FROM projection_thread_turns)`,
      );
      assert.deepStrictEqual(
        missing.map(({ table, side }) => [table, side]),
        [["projection_thread_turns", "rebuilt"]],
      );
      const behind = yield* differencesAfter(
        "UPDATE projection_state SET last_applied_sequence = 1 WHERE projector = 'threads'",
      );
      assert.deepStrictEqual(
        behind.map(({ table, side }) => [table, side]),
        [
          ["projection_state", "stored"],
          ["projection_state", "rebuilt"],
        ],
      );
    }),
  );
});
