import { assert, describe, it } from "@effect/vitest";
import type { ClientCommandInput } from "@heddle/contracts/Commands";
import { EventStore } from "@heddle/event-store/EventStore";
import { Queries } from "@heddle/projections/Queries";
import { Effect } from "effect";
import { createProject, createThread, freshEngine, send, startTurn } from "./support.ts";

describe("a command", () => {
  it.live("gives its events, and a read sees them as soon as it is answered", () =>
    Effect.gen(function* () {
      yield* send(createProject("p1"));
      yield* send(createThread("t1"));
      const { sequence } = yield* send(startTurn("t1", "m1"));
      const store = yield* EventStore;
      const { events } = yield* store.readAll({ fromSequenceExclusive: 0, limit: 100 });
      assert.deepStrictEqual(
        events.map((event) => event.eventType),
        ["project.created", "thread.created", "thread.message-sent", "thread.turn-start-requested"],
      );
      const queries = yield* Queries;
      const snapshot = yield* queries.snapshot;
      assert.strictEqual(sequence, 4);
      assert.strictEqual(snapshot.snapshotSequence, 4);
      assert.strictEqual(snapshot.threads[0]?.messages[0]?.text, "hello");
    }).pipe(Effect.provide(freshEngine), Effect.scoped),
  );

  it.live("may not use a message id that waits in another thread's queue", () =>
    Effect.gen(function* () {
      yield* send(createProject("p1"));
      yield* send(createThread("t1"));
      yield* send(createThread("t2"));
      yield* send(startTurn("t1", "m1"));
      yield* send({ ...startTurn("t1", "m2"), dispatchMode: "queue" } as ClientCommandInput);
      const refused = yield* Effect.flip(
        send({ ...startTurn("t2", "m2"), commandId: "other" } as ClientCommandInput),
      );
      assert.strictEqual("code" in refused && refused.code, "message-exists");
    }).pipe(Effect.provide(freshEngine), Effect.scoped),
  );
});
