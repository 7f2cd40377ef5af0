import { join } from "node:path";
import { assert, describe, it } from "@effect/vitest";
import { Deferred, Effect } from "effect";
import {
  atRest,
  beginThread,
  eventsOf,
  eventsOfType,
  eventually,
  pass,
  promptAgent,
  runTurn,
  serverLayer,
  threadOf,
  turnsEnded,
  World,
} from "./agents.ts";
import { AT, send, startTurn, temporaryFolder } from "./support.ts";

const onServer = <A, E, R>(test: (world: World) => Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const world = new World();
    const folder = yield* temporaryFolder;
    return yield* test(world).pipe(Effect.provide(serverLayer(join(folder, "heddle.db"), world)));
  }).pipe(Effect.scoped);

const interrupt = send({ type: "thread.turn.interrupt", commandId: "i1", threadId: "t1", createdAt: AT });
const stop = send({ type: "thread.session.stop", commandId: "stop", threadId: "t1", createdAt: AT });
const statuses = Effect.map(eventsOfType("thread.turn-completed"), (ended) =>
  ended.map(({ payload }) => payload.status),
);

describe("an interrupt", () => {
  it.effect(
    "of an agent that does not heed it ends the turn, what it asked and the session in one commit",
    () =>
      onServer((world) =>
        Effect.gen(function* () {
          yield* beginThread;
          world.manners.obeys = false;
          const agent = yield* promptAgent(world, "m1");
          agent.say({
            type: "approval.requested",
            requestKey: "k",
            kind: "edit",
            title: "May I?",
            payload: null,
          });
          yield* eventually(Effect.map(threadOf(), ({ pendingApprovals }) => pendingApprovals.length === 1));
          yield* interrupt;
          yield* eventually(Effect.sync(() => agent.interrupts === 1));
          yield* pass(4900, 100);
          assert.isTrue(agent.alive, "it is asked first");
          yield* pass(200, 100);
          yield* turnsEnded(1);
          assert.isFalse(agent.alive);
          const [completed] = yield* eventsOfType("thread.turn-completed");
          const together = (yield* eventsOf()).filter(({ commandId }) => commandId === completed?.commandId);
          assert.deepStrictEqual(
            together.map(({ eventType }) => eventType),
            ["thread.approval-resolved", "thread.turn-completed", "thread.session-set"],
          );
          assert.deepInclude((yield* threadOf()).session, { status: "interrupted", activeTurnId: null });
        }),
      ),
  );

  it.effect("is not answered twice: an agent that ends its turn after the deadline is too late", () =>
    onServer((world) =>
      Effect.gen(function* () {
        yield* beginThread;
        world.manners.obeys = false;
        const agent = yield* promptAgent(world, "m1");
        yield* interrupt;
        yield* atRest;
        yield* pass(5000);
        yield* turnsEnded(1);
        agent.complete();
        yield* atRest;
        assert.deepStrictEqual(yield* statuses, ["interrupted"]);
        const next = yield* promptAgent(world, "m2");
        assert.notStrictEqual(next, agent);
      }),
    ),
  );

  it.effect("waits for the server's own work at the turn's end, and not for the agent, which goes on", () =>
    onServer((world) =>
      Effect.gen(function* () {
        yield* beginThread;
        const agent = yield* promptAgent(world, "m1");
        const captured = yield* Deferred.make<void>();
        world.checkpoint = Deferred.await(captured);
        yield* interrupt;
        yield* atRest;
        yield* pass(10_000);
        assert.deepStrictEqual(yield* statuses, []);
        yield* Deferred.succeed(captured, undefined);
        yield* turnsEnded(1);
        assert.deepStrictEqual(yield* statuses, ["interrupted"]);
        assert.isTrue(agent.alive);
        assert.strictEqual((yield* threadOf()).session?.status, "ready");
      }),
    ),
  );

  it.effect(
    "while the agent starts ends the turn at once and the start with it: the next prompt does not wait",
    () =>
      onServer((world) =>
        Effect.gen(function* () {
          yield* beginThread;
          world.manners.comesUp = false;
          yield* send(startTurn("t1", "m1"));
          yield* eventually(Effect.sync(() => world.agents.length === 1));
          yield* interrupt;
          const [ended] = yield* turnsEnded(1);
          assert.strictEqual(ended?.payload.status, "interrupted");
          yield* eventually(Effect.map(threadOf(), ({ session }) => session?.status === "stopped"));
          assert.isFalse(world.agents[0]?.alive);
          world.manners.comesUp = true;
          const next = yield* promptAgent(world, "m2");
          assert.strictEqual(next, world.agents[1]);
        }),
      ),
  );

  it.effect("of a session that has said nothing yet ends it as well", () =>
    onServer((world) =>
      Effect.gen(function* () {
        yield* beginThread;
        world.manners.silent = true;
        yield* send(startTurn("t1", "m1"));
        yield* eventually(Effect.sync(() => world.agents.length === 1));
        yield* interrupt;
        yield* eventually(Effect.map(threadOf(), ({ session }) => session?.status === "stopped"));
        assert.isFalse(world.agent.alive);
      }),
    ),
  );
});

describe("a stop", () => {
  it.effect("while an approval is open ends the turn, the request and the session in one commit", () =>
    onServer((world) =>
      Effect.gen(function* () {
        yield* beginThread;
        const agent = yield* promptAgent(world, "m1");
        agent.say({
          type: "approval.requested",
          requestKey: "k",
          kind: "edit",
          title: "May I?",
          payload: null,
        });
        yield* eventually(Effect.map(threadOf(), ({ pendingApprovals }) => pendingApprovals.length === 1));
        yield* stop;
        yield* turnsEnded(1);
        const [completed] = yield* eventsOfType("thread.turn-completed");
        const together = (yield* eventsOf()).filter(({ commandId }) => commandId === completed?.commandId);
        assert.deepStrictEqual(
          together.map(({ eventType }) => eventType),
          ["thread.approval-resolved", "thread.turn-completed", "thread.session-set"],
        );
        assert.isFalse(agent.alive);
        assert.strictEqual((yield* threadOf()).session?.status, "stopped");
      }),
    ),
  );

  it.effect("during an interrupt that is not heeded withdraws what waits: nothing begins any more", () =>
    onServer((world) =>
      Effect.gen(function* () {
        yield* beginThread;
        world.manners.obeys = false;
        const agent = yield* promptAgent(world, "m1");
        yield* send(startTurn("t1", "m2", "later", { dispatchMode: "queue" }));
        yield* interrupt;
        yield* eventually(Effect.sync(() => agent.interrupts === 1));
        yield* stop;
        yield* pass(10_000);
        yield* turnsEnded(2);
        assert.deepStrictEqual(yield* statuses, ["interrupted", "interrupted"]);
        yield* eventually(Effect.sync(() => world.agents.every(({ alive }) => !alive)));
        const { session, queuedTurns } = yield* threadOf();
        assert.deepStrictEqual([session?.status, queuedTurns], ["stopped", []]);
        const prompts = world.agents.flatMap((each) => each.prompts);
        assert.deepStrictEqual(
          prompts.map(({ text }) => text),
          ["hello"],
        );
      }),
    ),
  );

  it.effect("leaves a prompt alone that is sent right behind it: another session takes it", () =>
    onServer((world) =>
      Effect.gen(function* () {
        yield* beginThread;
        yield* runTurn(world, "m1", "done");
        yield* stop;
        yield* send(startTurn("t1", "m2", "again"));
        yield* eventually(
          Effect.sync(() => world.agents.at(-1)?.prompts.length === 1 && world.agents.length > 1),
        );
        const next = world.agents.at(-1);
        assert.include(next?.prompts[0]?.text, "again");
        next?.complete();
        yield* turnsEnded(2);
        assert.deepStrictEqual(yield* statuses, ["completed", "completed"]);
        assert.strictEqual((yield* threadOf()).session?.status, "ready");
      }),
    ),
  );
});
