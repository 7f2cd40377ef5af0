import { join } from "node:path";
import { assert, describe, it } from "@effect/vitest";
import { CommandId } from "@heddle/contracts/Ids";
import { blobOfText, refTo } from "@heddle/event-store/Blob";
import { Blobs } from "@heddle/event-store/Blobs";
import { encodeEvent } from "@heddle/event-store/EventCodec";
import { EventStore } from "@heddle/event-store/EventStore";
import { migrate } from "@heddle/event-store/Migrations";
import { writerLayer } from "@heddle/event-store/SqliteDatabase";
import { AT, envelope, temporaryFolder } from "@heddle/event-store/testing/support";
import { Effect, Layer } from "effect";
import { SqlClient } from "effect/sql";
import { unreferencedBlobs } from "../src/retention/BlobMarks.ts";
import { sweepBlobs } from "../src/retention/PruneBlobs.ts";

const store = Layer.unwrap(
  Effect.map(temporaryFolder, (folder) => {
    const migrated = Layer.effect(
      SqlClient.SqlClient,
      Effect.andThen(
        migrate(),
        Effect.map(SqlClient.SqlClient, (sql) => sql),
      ),
    ).pipe(Layer.provide(writerLayer(join(folder, "heddle.db"))));
    return Layer.mergeAll(EventStore.layer, Blobs.layer).pipe(Layer.provideMerge(migrated));
  }),
);

const blob = (letter: string) => blobOfText(letter.repeat(20_000));
const [used, unused, named, again] = [blob("a"), blob("b"), blob("c"), blob("d")];
/** A list that is itself a blob, and refers to one. */
const inner = blob("e");
const outer = blobOfText(JSON.stringify([refTo(inner, "e")]));

/** An event whose detail refers to blobs. */
const said = (sequence: number, detail: ReadonlyArray<ReturnType<typeof refTo>>) =>
  encodeEvent(
    envelope(
      "thread.activity-appended",
      { threadId: "t1", turnId: null, tone: "tool", kind: "k", summary: "s", detail, createdAt: AT },
      { sequence, eventId: `${CommandId.make(`c${sequence}`)}#1` },
    ),
  );

const append = Effect.fnUntraced(function* (
  sequence: number,
  detail: ReadonlyArray<ReturnType<typeof refTo>>,
  blobs: ReadonlyArray<ReturnType<typeof blobOfText>> = [],
) {
  const sql = yield* SqlClient.SqlClient;
  const events = yield* EventStore;
  const kept = yield* Blobs;
  yield* sql.withTransaction(Effect.andThen(kept.insert(blobs), events.append([said(sequence, detail)])));
});

const given = Effect.gen(function* () {
  const kept = yield* Blobs;
  yield* kept.insert([unused, named, again, inner, outer]);
  yield* append(1, [refTo(used, "a")], [used]);
});

const left = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient;
  const rows = yield* sql<{ hash: string }>`SELECT hash FROM orchestration_blobs ORDER BY hash`;
  return rows.map(({ hash }) => hash);
});

const hashesOf = (...blobs: ReadonlyArray<{ readonly hash: string }>) =>
  blobs.map(({ hash }) => hash).toSorted();

const meter = { at: () => Effect.void };
const alone = <A, E, R>(use: Effect.Effect<A, E, R>) => use;

describe("blobs that nothing refers to", () => {
  it.live("are found, and go; one that a blob refers to stays with it", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient;
      yield* given;
      yield* append(2, [{ ...refTo(outer, "["), json: true }]);
      const found = yield* unreferencedBlobs(sql, []);
      assert.deepStrictEqual(
        found.blobs.map(({ hash }) => hash),
        hashesOf(unused, named, again),
      );
      const swept = yield* sweepBlobs({ exclusively: alone }, found, meter);
      assert.deepStrictEqual(swept, { rows: 3, bytes: 60_000 });
      assert.deepStrictEqual(yield* left, hashesOf(used, inner, outer));
    }).pipe(Effect.provide(store)),
  );

  it.live("are also those of threads that are about to go", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient;
      yield* given;
      const found = yield* unreferencedBlobs(sql, ["t1"]);
      assert.include(
        found.blobs.map(({ hash }) => hash),
        used.hash,
      );
    }).pipe(Effect.provide(store)),
  );

  it.live("stay where an event names them after they were found, or brings the same content", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient;
      yield* given;
      const found = yield* unreferencedBlobs(sql, []);
      // One names what is there, as an import does; one brings it, and the table has it already.
      yield* append(2, [refTo(named, "c")]);
      yield* append(3, [refTo(again, "d")], [again]);
      yield* append(4, [{ ...refTo(outer, "["), json: true }]);
      yield* sweepBlobs({ exclusively: alone }, found, meter);
      assert.deepStrictEqual(yield* left, hashesOf(used, named, again, inner, outer));
    }).pipe(Effect.provide(store)),
  );

  it.live("stay also where that happens between the last look and the moment in which they would go", () =>
    Effect.gen(function* () {
      yield* given;
      const found = yield* unreferencedBlobs(yield* SqlClient.SqlClient, []);
      let raced = false;
      /** A group of commands comes before the sweep has its turn. */
      const behindAnother = <A, E, R>(use: Effect.Effect<A, E, R>) =>
        Effect.suspend(() => {
          if (raced) return use;
          raced = true;
          return Effect.andThen(
            append(2, [refTo(named, "c")]).pipe(Effect.provide(services), Effect.orDie),
            use,
          );
        });
      const services = yield* Effect.context<SqlClient.SqlClient | EventStore | Blobs>();
      yield* sweepBlobs({ exclusively: behindAnother }, found, meter);
      assert.deepStrictEqual(yield* left, hashesOf(used, named));
    }).pipe(Effect.provide(store)),
  );
});
