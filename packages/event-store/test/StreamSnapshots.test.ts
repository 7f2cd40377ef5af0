import { assert, describe, it } from "@effect/vitest";
import { Effect } from "effect";
import { StreamSnapshots } from "../src/StreamSnapshots.ts";
import { freshStore } from "./support.ts";

const snapshot = {
  aggregateKind: "thread",
  streamId: "t1",
  streamVersion: 500,
  foldVersion: 1,
  stateJson: `{"status":"deleted"}`,
} as const;
const stream = { aggregateKind: "thread", streamId: "t1", foldVersion: 1 } as const;

describe("the snapshot of a stream's fold", () => {
  it.effect("is found by its stream, and a later one takes its place", () =>
    Effect.gen(function* () {
      const snapshots = yield* StreamSnapshots;
      assert.isUndefined(yield* snapshots.find(stream));
      yield* snapshots.put([snapshot, { ...snapshot, streamId: "t2", streamVersion: 7 }]);
      yield* snapshots.put([{ ...snapshot, streamVersion: 1000 }]);
      assert.deepStrictEqual(yield* snapshots.find(stream), {
        streamVersion: 1000,
        stateJson: snapshot.stateJson,
      });
      assert.isUndefined(yield* snapshots.find({ ...stream, aggregateKind: "project" }));
    }).pipe(Effect.provide(freshStore)),
  );

  it.effect("of another fold is none", () =>
    Effect.gen(function* () {
      const snapshots = yield* StreamSnapshots;
      yield* snapshots.put([snapshot]);
      assert.isUndefined(yield* snapshots.find({ ...stream, foldVersion: 2 }));
    }).pipe(Effect.provide(freshStore)),
  );
});
