import { join } from "node:path";
import { assert, describe, it } from "@effect/vitest";
import { EventStore } from "@heddle/event-store/EventStore";
import { Effect, Fiber } from "effect";
import { CommandQueue } from "../src/CommandQueue.ts";
import { engineLayer } from "../src/EngineLayer.ts";
import { createProject, createThread, send, temporaryFolder } from "./support.ts";

const ALL = { person: 10, agent: 10 };

describe("what waits for the writer", () => {
  it.effect("is taken with people's first, each in their order", () =>
    Effect.gen(function* () {
      const queue = new CommandQueue<string>(10);
      for (const item of ["a1", "a2"]) assert.isTrue(queue.offer(item, "agent"));
      for (const item of ["p1", "p2"]) assert.isTrue(queue.offer(item, "person"));
      assert.deepStrictEqual(yield* queue.take({ person: 2, agent: 1 }), ["p1", "p2", "a1"]);
      assert.deepStrictEqual(yield* queue.take({ person: 2, agent: 1 }), ["a2"]);
    }),
  );

  it.effect("is taken with no more of an agent's flood than a person can wait for", () =>
    Effect.gen(function* () {
      const queue = new CommandQueue<string>(10);
      for (const item of ["a1", "a2", "a3", "a4"]) queue.offer(item, "agent");
      assert.deepStrictEqual(yield* queue.take({ person: 10, agent: 3 }), ["a1", "a2", "a3"]);
      queue.offer("stop", "person");
      assert.deepStrictEqual(yield* queue.take({ person: 10, agent: 3 }), ["stop", "a4"]);
    }),
  );

  it.effect("is bounded: a person is refused at once, an agent waits for room", () =>
    Effect.gen(function* () {
      const queue = new CommandQueue<string>(1);
      assert.isTrue(queue.offer("p1", "person"));
      assert.isFalse(queue.offer("p2", "person"));
      assert.isTrue(queue.offer("a1", "agent"));
      const waiting = yield* Effect.forkChild(queue.offerWhenRoom("a2", "agent"), { startImmediately: true });
      assert.deepStrictEqual(yield* queue.take(ALL), ["p1", "a1"]);
      assert.isTrue(yield* Fiber.join(waiting));
      assert.deepStrictEqual(yield* queue.take(ALL), ["a2"]);
    }),
  );

  it.effect("is still taken when the queue has closed, and then there is no more", () =>
    Effect.gen(function* () {
      const queue = new CommandQueue<string>(10);
      queue.offer("p1", "person");
      queue.close();
      assert.isFalse(queue.offer("p2", "person"));
      assert.deepStrictEqual(yield* queue.take(ALL), ["p1"]);
      assert.deepStrictEqual(yield* queue.take(ALL), []);
    }),
  );

  it.live("is written and answered before a stop", () =>
    Effect.gen(function* () {
      const filename = join(yield* temporaryFolder, "heddle.db");
      const answers = yield* Effect.gen(function* () {
        yield* send(createProject("p1"));
        // The layer closes behind this, with all of them under way.
        return yield* Effect.forEach(
          Array.from({ length: 1000 }, (_, index) => createThread(`t${index}`)),
          (command) => Effect.forkDetach(send(command), { startImmediately: true }),
        );
      }).pipe(Effect.provide(engineLayer(filename)));
      const sequences = yield* Effect.forEach(answers, (fiber) => Fiber.join(fiber));
      const head = yield* Effect.provide(
        Effect.flatMap(EventStore, (store) => store.head),
        engineLayer(filename),
      );
      assert.strictEqual(sequences.length, 1000);
      assert.strictEqual(head, 1001);
    }).pipe(Effect.scoped),
  );
});
