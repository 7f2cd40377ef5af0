import { join } from "node:path";
import { assert, describe, it } from "@effect/vitest";
import { EventStore } from "@heddle/event-store/EventStore";
import { writerLayer } from "@heddle/event-store/SqliteDatabase";
import type { Projector } from "@heddle/projections/Projector";
import { PROJECTORS } from "@heddle/projections/Projectors";
import { Queries } from "@heddle/projections/Queries";
import { Runner } from "@heddle/projections/Runner";
import { breaksAt, tableOfBreaks } from "@heddle/projections/testing/Breaking";
import { rowsOf } from "@heddle/projections/testing/support";
import { Deferred, Effect, Fiber, Layer } from "effect";
import { Engine } from "../src/Engine.ts";
import { engineLayer } from "../src/EngineLayer.ts";
import { createProject, createThread, freshEngine, rename, send, temporaryFolder } from "./support.ts";

describe("what runs exclusively", () => {
  it.live("sees all that was answered, and commands wait for its end", () =>
    Effect.gen(function* () {
      const engine = yield* Engine;
      const store = yield* EventStore;
      yield* send(createProject("p1"));
      const [begun, gate] = [yield* Deferred.make<number>(), yield* Deferred.make<void>()];
      const held = yield* Effect.forkChild(
        engine.exclusively(
          Effect.gen(function* () {
            yield* Deferred.succeed(begun, yield* store.head);
            yield* Deferred.await(gate);
            return yield* store.head;
          }),
        ),
      );
      assert.strictEqual(yield* Deferred.await(begun), 1);
      const waiting = yield* Effect.forkChild(send(createThread("t1")));
      yield* Effect.yieldNow;
      yield* Deferred.succeed(gate, undefined);
      assert.strictEqual(yield* Fiber.join(held), 1, "nothing was written meanwhile");
      assert.strictEqual((yield* Fiber.join(waiting)).sequence, 2);
    }).pipe(Effect.provide(freshEngine)),
  );

  it.live("has its turn among commands that never end, and hands its failure to who asked", () =>
    Effect.gen(function* () {
      const engine = yield* Engine;
      yield* send(createProject("p1"));
      yield* send(createThread("t1"));
      let turns = 0;
      const busy = yield* Effect.forkChild(
        Effect.forever(Effect.suspend(() => send(rename("t1", `title ${turns++}`)))),
      );
      for (let index = 0; index < 5; index += 1) {
        assert.strictEqual(yield* Effect.flip(engine.exclusively(Effect.fail("mine"))), "mine");
      }
      yield* Fiber.interrupt(busy);
      yield* send(rename("t1", "after it all"));
    }).pipe(Effect.provide(freshEngine)),
  );
});

describe("a start with a projector that has a long way to go", () => {
  const FAR = 10_500;

  const database = Effect.gen(function* () {
    const file = join(yield* temporaryFolder, "heddle.db");
    yield* Effect.provide(tableOfBreaks, Layer.fresh(writerLayer(file)));
    const server = (projector: Projector) =>
      Layer.fresh(engineLayer(file, [...PROJECTORS, projector], { fill: "elsewhere" }));
    // It fails at the third event, and the log goes on without it.
    yield* Effect.gen(function* () {
      yield* send(createProject("p1"));
      yield* send(createThread("t1"));
      yield* Effect.forEach(
        Array.from({ length: FAR }, (_, index) => index),
        (index) => send(rename("t1", `title ${index}`)),
        { concurrency: 200, discard: true },
      );
    }).pipe(Effect.provide(server(breaksAt(3))));
    return server;
  });

  const breaks = Effect.map(
    Effect.flatMap(Runner, ({ status }) => status),
    (all) => all.find(({ projector }) => projector === "breaks"),
  );

  it.live("serves at once, and takes it to the head meanwhile", () =>
    Effect.gen(function* () {
      const server = yield* database;
      yield* Effect.gen(function* () {
        const { snapshotSequence } = yield* (yield* Queries).snapshot;
        assert.isBelow(snapshotSequence, FAR, "the snapshot says how far it is");
        assert.deepInclude(yield* breaks, { state: "behind" });
        const { sequence } = yield* send(rename("t1", "served"));
        while ((yield* breaks)?.state !== "live") yield* Effect.yieldNow;
        assert.deepInclude(yield* breaks, { lastAppliedSequence: sequence, fault: null });
        const rows = yield* rowsOf("breaks");
        assert.lengthOf(rows, sequence, "each event once");
      }).pipe(Effect.provide(server(breaksAt(-1))));
    }).pipe(Effect.scoped),
  );

  it.live("leaves one of a new version to a rebuild, with its old rows, and serves", () =>
    Effect.gen(function* () {
      const server = yield* database;
      yield* Effect.gen(function* () {
        assert.deepInclude(yield* breaks, { state: "filling", lastAppliedSequence: 2, fault: null });
        yield* send(rename("t1", "served"));
        yield* (yield* Engine).catchUpProjections;
        assert.deepInclude(yield* breaks, { state: "filling", lastAppliedSequence: 2 });
        assert.lengthOf(yield* rowsOf("breaks"), 2);
      }).pipe(Effect.provide(server({ ...breaksAt(-1), version: 2 })));
    }).pipe(Effect.scoped),
  );
});
