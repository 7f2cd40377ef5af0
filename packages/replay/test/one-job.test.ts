import { assert, describe, it } from "@effect/vitest";
import { Deferred, Effect, Fiber, Stream } from "effect";
import { OneJob } from "../src/OneJob.ts";

const layered = Effect.provide(OneJob.layer);

describe("jobs on the database", () => {
  it.effect("run one at a time: the second is told which one runs, and since when", () =>
    Effect.gen(function* () {
      const jobs = yield* OneJob;
      const [begun, gate] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()];
      const first = yield* Effect.forkChild(
        jobs.run("A rebuild", Effect.andThen(Deferred.succeed(begun, undefined), Deferred.await(gate))),
      );
      yield* Deferred.await(begun);
      const refused = yield* Effect.flip(jobs.run("A prune", Effect.void));
      assert.deepInclude(
        { ...refused },
        {
          _tag: "MaintenanceBusy",
          job: "A rebuild",
          startedAt: "1970-01-01T00:00:00.000Z",
        },
      );
      yield* Deferred.succeed(gate, undefined);
      yield* Fiber.join(first);
      assert.strictEqual(yield* jobs.run("A prune", Effect.succeed("done")), "done");
    }).pipe(layered),
  );

  it.effect("make room when they fail, and when the stream that they are is no longer read", () =>
    Effect.gen(function* () {
      const jobs = yield* OneJob;
      yield* Effect.flip(jobs.run("A vacuum", Effect.fail("disk")));
      const taken = yield* Stream.runCollect(
        Stream.take(jobs.stream("A rebuild", Stream.concat(Stream.make(1), Stream.never)), 1),
      );
      assert.deepStrictEqual(taken, [1]);
      assert.strictEqual(yield* jobs.run("A prune", Effect.succeed("done")), "done");
    }).pipe(layered),
  );
});
