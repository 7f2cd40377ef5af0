import { assert, describe, it } from "@effect/vitest";
import { ThreadId } from "@heddle/contracts/Ids";
import { Effect } from "effect";
import { SqlClient } from "effect/sql";
import { DiffBlobs } from "../src/DiffBlobs.ts";
import { freshStore } from "./support.ts";

const range = (fromTurnCount: number, toTurnCount: number, threadId = "t1") => ({
  threadId: ThreadId.make(threadId),
  fromTurnCount,
  toTurnCount,
});

describe("a diff", () => {
  it.effect("is kept for its very range", () =>
    Effect.gen(function* () {
      const blobs = yield* DiffBlobs;
      yield* blobs.put(range(0, 1), "diff of turn 1\n+é\0");
      yield* blobs.put(range(0, 2), "diff of both");
      yield* blobs.put(range(0, 1, "t2"), "");
      assert.strictEqual(yield* blobs.find(range(0, 1)), "diff of turn 1\n+é\0");
      assert.strictEqual(yield* blobs.find(range(0, 2)), "diff of both");
      assert.strictEqual(yield* blobs.find(range(0, 1, "t2")), "", "an empty diff is a diff");
      assert.isUndefined(yield* blobs.find(range(1, 2)));
      assert.isUndefined(yield* blobs.find(range(0, 1, "t3")));
    }).pipe(Effect.provide(freshStore)),
  );

  it.effect("takes the place of an earlier one of the same range", () =>
    Effect.gen(function* () {
      const blobs = yield* DiffBlobs;
      yield* blobs.put(range(0, 1), "first");
      yield* blobs.put(range(0, 1), "second");
      assert.strictEqual(yield* blobs.find(range(0, 1)), "second");
      const sql = yield* SqlClient.SqlClient;
      assert.lengthOf(yield* sql`SELECT * FROM checkpoint_diff_blobs`, 1);
    }).pipe(Effect.provide(freshStore)),
  );

  it.effect("goes when a revert makes it void: every range that ends behind the revert", () =>
    Effect.gen(function* () {
      const blobs = yield* DiffBlobs;
      const ranges = [range(0, 1), range(0, 2), range(1, 2), range(0, 3), range(1, 3), range(2, 3)];
      for (const one of [...ranges, range(2, 3, "t2")]) yield* blobs.put(one, "diff");
      yield* blobs.dropAfter(ThreadId.make("t1"), 2);
      const left = yield* Effect.filter(ranges, (one) =>
        Effect.map(blobs.find(one), (diff) => diff !== undefined),
      );
      assert.deepStrictEqual(left, [range(0, 1), range(0, 2), range(1, 2)]);
      assert.strictEqual(yield* blobs.find(range(2, 3, "t2")), "diff");
    }).pipe(Effect.provide(freshStore)),
  );
});
