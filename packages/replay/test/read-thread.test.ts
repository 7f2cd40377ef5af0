import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import { join } from "node:path";
import type { Worker } from "node:worker_threads";
import { assert, describe, it } from "@effect/vitest";
import { migratedLayer } from "@heddle/event-store/SqliteDatabase";
import { temporaryFolder } from "@heddle/event-store/testing/support";
import { Context, Effect, Layer } from "effect";
import { TestClock } from "effect/testing";
import { ReadThread } from "../src/ReadThread.ts";

/** The threads that are started from now on, as node tells of them. */
const threadsStarted = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => {
      const started: Array<Worker> = [];
      const onThread = (message: unknown) => {
        started.push((message as { readonly worker: Worker }).worker);
      };
      subscribe("worker_threads", onThread);
      return { started, onThread };
    }),
    ({ onThread }) => Effect.sync(() => unsubscribe("worker_threads", onThread)),
  ),
  ({ started }) => started,
);

describe("the reading thread", () => {
  it.effect("is started by the first call, and ends when nobody has called for a while", () =>
    Effect.gen(function* () {
      const filename = join(yield* temporaryFolder, "heddle.db");
      yield* Layer.build(migratedLayer(filename));
      const started = yield* threadsStarted;

      const thread = Context.get(yield* Layer.build(ReadThread.layer(filename)), ReadThread);
      assert.lengthOf(started, 0);

      const { events } = yield* thread.use((reads) => reads.getLogStats());
      assert.strictEqual(events, 0);
      yield* thread.use((reads) => reads.getLogStats());
      assert.lengthOf(started, 1);

      const ended = started.map((worker) => once(worker, "exit"));
      yield* TestClock.adjust("30 seconds");
      yield* Effect.promise(() => Promise.all(ended));

      yield* thread.use((reads) => reads.getLogStats());
      assert.lengthOf(started, 2);
    }),
  );
});
