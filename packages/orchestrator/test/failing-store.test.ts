import { join } from "node:path";
import { assert, describe, it } from "@effect/vitest";
import { Deferred, Effect } from "effect";
import { SqlClient } from "effect/sql";
import {
  atRest,
  beginThread,
  eventsOfType,
  eventually,
  pass,
  promptAgent,
  serverLayer,
  threadOf,
  turnsEnded,
  World,
} from "./agents.ts";
import { allSettled } from "./database-files.ts";
import { interceptStatements, SQLITE_FULL } from "./faulty-sqlite.ts";
import { AT, createThread, rename, send, startTurn, temporaryFolder } from "./support.ts";

const onServer = <A, E, R>(test: (world: World) => Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const world = new World();
    const folder = yield* temporaryFolder;
    return yield* test(world).pipe(Effect.provide(serverLayer(join(folder, "heddle.db"), world)));
  }).pipe(Effect.scoped);

/** No event is stored while this holds. */
const noEventsWhile = (fails: () => boolean) =>
  Effect.acquireRelease(
    Effect.sync(() =>
      interceptStatements((statement) =>
        statement.includes("INSERT INTO orchestration_events") && fails()
          ? { errcode: SQLITE_FULL, carriedOut: false }
          : undefined,
      ),
    ),
    (restore) => Effect.sync(restore),
  );

const statuses = Effect.map(eventsOfType("thread.turn-completed"), (ended) =>
  ended.map(({ payload }) => payload.status),
);

describe("a disk that is full", () => {
  it.effect.each([
    { how: "for a moment", millis: 100 },
    { how: "for longer than an effect is tried", millis: 20_000 },
  ])("$how when an agent has its answer: the answer stands, and is given once", ({ millis }) =>
    onServer((world) =>
      Effect.gen(function* () {
        yield* beginThread;
        const agent = yield* promptAgent(world, "m1");
        agent.say({
          type: "approval.requested",
          requestKey: "key",
          kind: "edit",
          title: "May I?",
          payload: null,
        });
        const { requestId } = yield* eventually(
          Effect.map(threadOf(), ({ pendingApprovals }) => pendingApprovals[0]),
        );
        let full = true;
        yield* noEventsWhile(() => full && agent.answers.length > 0);
        yield* send({
          type: "thread.approval.respond",
          commandId: "accept",
          threadId: "t1",
          requestId,
          decision: "accept",
          createdAt: AT,
        });
        yield* eventually(Effect.sync(() => agent.answers.length === 1));
        yield* atRest;
        yield* pass(millis, 100);
        full = false;
        yield* pass(5000, 500);
        const resolved = yield* eventually(
          Effect.map(eventsOfType("thread.approval-resolved"), (events) => events.length > 0 && events),
        );
        assert.deepStrictEqual(
          resolved.map(({ payload }) => payload.outcome),
          ["accept"],
        );
        assert.lengthOf(yield* eventsOfType("thread.approval-requested"), 1);
        assert.deepStrictEqual(agent.answers, ["key accept"]);
        agent.complete();
        yield* turnsEnded(1);
        assert.deepStrictEqual(yield* statuses, ["completed"]);
      }),
    ),
  );

  it.effect(
    "for minutes when a session ends: the turn ends when there is room, and its interrupt with it",
    () =>
      onServer((world) =>
        Effect.gen(function* () {
          yield* beginThread;
          const agent = yield* promptAgent(world, "m1");
          const captured = yield* Deferred.make<void>();
          world.checkpoint = Deferred.await(captured);
          yield* send({ type: "thread.turn.interrupt", commandId: "i1", threadId: "t1", createdAt: AT });
          yield* eventually(Effect.sync(() => agent.interrupts === 1));
          let full = true;
          let stored = 0;
          // The files that the turn changed are the last to find room.
          yield* noEventsWhile(() => full && ++stored > 1);
          yield* Deferred.succeed(captured, undefined);
          yield* atRest;
          yield* pass(630_000, 30_000);
          full = false;
          yield* pass(5000);
          yield* turnsEnded(1);
          yield* allSettled;
          assert.strictEqual((yield* threadOf()).session?.activeTurnId, null);
          world.checkpoint = Effect.void;
          yield* promptAgent(world, "m2");
        }),
      ),
  );
});

describe("a disk that is full while a start is interrupted", () => {
  it.effect("leaves no session that starts for ever", () =>
    onServer((world) =>
      Effect.gen(function* () {
        yield* beginThread;
        world.manners.comesUp = false;
        yield* send(startTurn("t1", "m1"));
        yield* eventually(Effect.sync(() => world.agents.length === 1));
        yield* eventually(Effect.map(threadOf(), ({ session }) => session?.status === "starting"));
        let full = true;
        yield* noEventsWhile(() => full && !world.agent.alive);
        yield* send({ type: "thread.turn.interrupt", commandId: "i1", threadId: "t1", createdAt: AT });
        yield* atRest;
        yield* pass(10_000, 500);
        assert.isFalse(world.agent.alive);
        assert.strictEqual((yield* threadOf()).session?.status, "starting");
        full = false;
        yield* pass(5000, 500);
        yield* allSettled;
        assert.strictEqual((yield* threadOf()).session?.status, "stopped");
      }),
    ),
  );
});

describe("an effect of a thread that cannot be read any more", () => {
  it.effect("is given up like any other, and does not wait for it for ever", () =>
    onServer((world) =>
      Effect.gen(function* () {
        yield* beginThread;
        yield* send(createThread("t2"));
        const ready = yield* Deferred.make<void>();
        world.checkpoint = Deferred.await(ready);
        yield* send(startTurn("t1", "m1"));
        yield* eventually(Effect.sync(() => world.agents.length === 1));
        const sql = yield* SqlClient.SqlClient;
        yield* sql`UPDATE orchestration_events SET payload_json = '{}' WHERE stream_id = 't1'`;
        // A failed transaction empties the cache.
        yield* noEventsWhile(() => true).pipe(
          Effect.andThen(Effect.flip(send(rename("t2", "other")))),
          Effect.scoped,
        );
        yield* Deferred.succeed(ready, undefined);
        yield* atRest;
        yield* pass(10_000, 500);
        yield* allSettled;
      }),
    ),
  );
});

describe("an effect in which something was interrupted", () => {
  it.effect("is tried again like any other, and does not hold its lane up", () =>
    onServer((world) =>
      Effect.gen(function* () {
        yield* beginThread;
        let tries = 0;
        world.checkpoint = Effect.suspend(() => {
          tries += 1;
          return tries === 1 ? Effect.interrupt : Effect.void;
        });
        const prompted = promptAgent(world, "m1");
        const [agent] = yield* Effect.all([prompted, pass(2000, 500)], { concurrency: "unbounded" });
        agent.complete();
        yield* turnsEnded(1);
        assert.deepStrictEqual(yield* statuses, ["completed"]);
        yield* allSettled;
      }),
    ),
  );
});
