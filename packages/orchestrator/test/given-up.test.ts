import { join } from "node:path";
import { assert, describe, it } from "@effect/vitest";
import { Deferred, Effect } from "effect";
import {
  atRest,
  beginThread,
  eventsOfType,
  eventually,
  pass,
  promptAgent,
  serverLayer,
  t1,
  type TestAgent,
  threadOf,
  turnsEnded,
  World,
} from "./agents.ts";
import { openEffects } from "./database-files.ts";
import { AT, send, startTurn, temporaryFolder } from "./support.ts";

const onServer = <A, E, R>(test: (world: World) => Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const world = new World();
    const folder = yield* temporaryFolder;
    return yield* test(world).pipe(Effect.provide(serverLayer(join(folder, "heddle.db"), world)));
  }).pipe(Effect.scoped);

/** The five tries of an effect, with what is waited between them. */
const fiveTries = pass(10_000, 500);

/** What the thread says of effects that were given up. */
const dead = Effect.map(eventsOfType("thread.activity-appended"), (events) =>
  events.flatMap(({ payload }) => (payload.kind === "effect.dead" ? [payload.summary] : [])),
);
const activities = Effect.map(eventsOfType("thread.activity-appended"), (events) =>
  events.map(({ payload }) => payload.kind),
);
const asks = (agent: TestAgent) =>
  Effect.gen(function* () {
    agent.say({
      type: "approval.requested",
      requestKey: "key",
      kind: "execute",
      title: "May I?",
      payload: null,
    });
    const [asked] = yield* eventually(
      Effect.map(eventsOfType("thread.approval-requested"), (events) => events.length > 0 && events),
    );
    return asked?.payload.requestId ?? "";
  });

const accept = (requestId: string, commandId = "accept") =>
  send({
    type: "thread.approval.respond",
    commandId,
    threadId: "t1",
    requestId,
    decision: "accept",
    createdAt: AT,
  });

describe("an effect that fails five times is given up, the thread says so, and what waited for it is settled:", () => {
  it.effect("a turn that cannot start ends with the error", () =>
    onServer((world) =>
      Effect.gen(function* () {
        yield* beginThread;
        world.checkpoint = Effect.die(new Error("git is broken."));
        yield* send(startTurn("t1", "m1"));
        yield* atRest;
        yield* fiveTries;
        const [ended] = yield* turnsEnded(1);
        assert.deepInclude(ended?.payload, { status: "error", reason: "git is broken." });
        assert.deepStrictEqual(yield* dead, ["Gave up on turn.start after 5 attempts"]);
        assert.deepStrictEqual(yield* openEffects, []);
        world.checkpoint = Effect.void;
        yield* promptAgent(world, "m2");
      }),
    ),
  );

  it.effect("a turn that cannot be interrupted is ended with its process", () =>
    onServer((world) =>
      Effect.gen(function* () {
        yield* beginThread;
        const agent = yield* promptAgent(world, "m1");
        const requestId = yield* asks(agent);
        world.manners.breaks = new Set(["interrupt"]);
        yield* send({ type: "thread.turn.interrupt", commandId: "i1", threadId: "t1", createdAt: AT });
        yield* atRest;
        yield* fiveTries;
        const [ended] = yield* turnsEnded(1);
        assert.strictEqual(ended?.payload.status, "interrupted");
        assert.isFalse(agent.alive);
        const [resolved] = yield* eventsOfType("thread.approval-resolved");
        assert.deepStrictEqual(
          [resolved?.payload.requestId as string, resolved?.payload.outcome],
          [requestId, "expired"],
        );
        assert.deepInclude((yield* threadOf()).session, { status: "interrupted", activeTurnId: null });
        assert.deepStrictEqual(yield* dead, ["Gave up on turn.interrupt after 5 attempts"]);
        yield* promptAgent(world, "m2");
      }),
    ),
  );

  it.effect("an answer that does not reach the agent is asked for again", () =>
    onServer((world) =>
      Effect.gen(function* () {
        yield* beginThread;
        const agent = yield* promptAgent(world, "m1");
        const requestId = yield* asks(agent);
        world.manners.breaks = new Set(["respond"]);
        yield* accept(requestId);
        yield* atRest;
        yield* fiveTries;
        yield* eventually(Effect.map(dead, ({ length }) => length === 1));
        assert.include(yield* activities, "answer.refused");
        assert.deepStrictEqual(
          (yield* threadOf()).pendingApprovals.map((request) => request.requestId),
          [requestId],
        );
        world.manners.breaks = new Set();
        yield* accept(requestId, "once-more");
        yield* eventually(Effect.sync(() => agent.answers.length === 1));
      }),
    ),
  );

  it.effect("an answer for an agent that died meanwhile finds its request expired", () =>
    onServer((world) =>
      Effect.gen(function* () {
        yield* beginThread;
        const agent = yield* promptAgent(world, "m1");
        const requestId = yield* asks(agent);
        world.manners.breaks = new Set(["respond"]);
        yield* accept(requestId);
        yield* atRest;
        agent.die();
        yield* turnsEnded(1);
        yield* fiveTries;
        const resolved = yield* eventsOfType("thread.approval-resolved");
        assert.deepStrictEqual(
          resolved.map(({ payload }) => payload.outcome),
          ["expired"],
        );
        assert.deepStrictEqual((yield* threadOf()).pendingApprovals, []);
        assert.deepStrictEqual(yield* openEffects, []);
      }),
    ),
  );

  it.effect("a prompt that cannot be given to a running turn is said to be lost, and the turn goes on", () =>
    onServer((world) =>
      Effect.gen(function* () {
        yield* beginThread;
        const agent = yield* promptAgent(world, "m1");
        world.manners.refuses = new Set(["steer"]);
        yield* send(startTurn("t1", "m2", "also", { dispatchMode: "steer" }));
        yield* atRest;
        yield* fiveTries;
        yield* eventually(Effect.map(dead, ({ length }) => length === 1));
        assert.include(yield* activities, "steer.failed");
        agent.complete();
        const [ended] = yield* turnsEnded(1);
        assert.strictEqual(ended?.payload.status, "completed");
      }),
    ),
  );

  it.effect(
    "an agent that does not take another mode is ended: it would do what nobody allows any more",
    () =>
      onServer((world) =>
        Effect.gen(function* () {
          yield* beginThread;
          const agent = yield* promptAgent(world, "m1");
          world.manners.refuses = new Set(["set-mode"]);
          yield* send({
            type: "thread.runtime-mode.set",
            commandId: "mode",
            threadId: "t1",
            runtimeMode: "full-access",
          });
          yield* atRest;
          yield* fiveTries;
          const [ended] = yield* turnsEnded(1);
          assert.match(ended?.payload.reason ?? "", /did not take the mode full-access/);
          assert.isFalse(agent.alive);
          const next = yield* promptAgent(world, "m2");
          assert.strictEqual(next.input.runtimeMode, "full-access");
        }),
      ),
  );
});

describe("a mode that is set while the agent starts", () => {
  it.effect("holds for it as well", () =>
    onServer((world) =>
      Effect.gen(function* () {
        yield* beginThread;
        const ready = yield* Deferred.make<void>();
        world.handshake = Deferred.await(ready);
        yield* send(startTurn("t1", "m1"));
        yield* eventually(Effect.sync(() => world.agents.length === 1));
        yield* send({
          type: "thread.runtime-mode.set",
          commandId: "mode",
          threadId: "t1",
          runtimeMode: "full-access",
        });
        yield* atRest;
        const { agent } = world;
        assert.strictEqual(agent.input.runtimeMode, "approval-required");
        yield* Deferred.succeed(ready, undefined);
        yield* eventually(Effect.sync(() => agent.prompts.length === 1));
        assert.include(agent.modes, "full-access");
        assert.strictEqual((yield* threadOf(t1)).runtimeMode, "full-access");
      }),
    ),
  );
});
