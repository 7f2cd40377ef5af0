import { join } from "node:path";
import { assert, describe, it } from "@effect/vitest";
import { Deferred, Effect } from "effect";
import {
  atRest,
  beginThread,
  eventually,
  pass,
  promptAgent,
  runTurn,
  serverLayer,
  threadOf,
  turnsEnded,
  World,
} from "./agents.ts";
import { send, startTurn, temporaryFolder } from "./support.ts";

const MINUTE = 60_000;
const times = { stallAfter: "1 hour", idleAfter: "10 minutes" } as const;

const onServer = <A, E, R>(test: (world: World) => Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const world = new World();
    const folder = yield* temporaryFolder;
    return yield* test(world).pipe(Effect.provide(serverLayer(join(folder, "heddle.db"), world, times)));
  }).pipe(Effect.scoped);

describe("an idle session", () => {
  it.effect("is closed after a time, and the next turn goes on in it", () =>
    onServer((world) =>
      Effect.gen(function* () {
        yield* beginThread;
        const first = yield* runTurn(world, "m1", "done");
        yield* pass(9 * MINUTE, MINUTE);
        assert.isTrue(first.alive);
        yield* pass(4 * MINUTE, MINUTE);
        assert.isFalse(first.alive);
        const { session } = yield* eventually(
          Effect.map(threadOf(), (thread) => thread.session?.status === "stopped" && thread),
        );
        assert.isNull(session?.lastError);
        const second = yield* promptAgent(world, "m2", "go on");
        assert.strictEqual(second.input.resume, "cursor of agent-1");
        assert.strictEqual(second.prompts[0]?.text, "go on", "it remembers");
      }),
    ),
  );

  it.effect("is none while a turn runs, however long", () =>
    onServer((world) =>
      Effect.gen(function* () {
        yield* beginThread;
        const agent = yield* promptAgent(world, "m1");
        yield* pass(60 * MINUTE, MINUTE);
        assert.isTrue(agent.alive);
        agent.complete();
        yield* turnsEnded(1);
        yield* pass(9 * MINUTE, MINUTE);
        assert.isTrue(agent.alive, "the time counts from the turn's end");
      }),
    ),
  );

  it.effect("is none while a request of its is open", () =>
    onServer((world) =>
      Effect.gen(function* () {
        yield* beginThread;
        const agent = yield* runTurn(world, "m1", "done");
        agent.say({
          type: "user-input.requested",
          requestKey: "key",
          questions: [{ id: "q", prompt: "Which?", options: [] }],
        });
        yield* atRest;
        yield* pass(60 * MINUTE, MINUTE);
        assert.isTrue(agent.alive);
      }),
    ),
  );

  it.effect("is none while its next turn is about to begin, however long that takes", () =>
    onServer((world) =>
      Effect.gen(function* () {
        yield* beginThread;
        const agent = yield* runTurn(world, "m1", "done");
        yield* pass(599_000, MINUTE);
        const captured = yield* Deferred.make<void>();
        world.checkpoint = Deferred.await(captured);
        yield* send(startTurn("t1", "m2"));
        yield* atRest;
        // Less than git is waited for.
        yield* pass(15_000);
        assert.isTrue(agent.alive);
        yield* Deferred.succeed(captured, undefined);
        world.checkpoint = Effect.void;
        yield* eventually(Effect.sync(() => agent.prompts.length === 2));
      }),
    ),
  );

  it.effect("that is closed at the moment of the next prompt never takes its turn with it", () =>
    onServer((world) =>
      Effect.gen(function* () {
        yield* beginThread;
        yield* runTurn(world, "m0", "done");
        for (let round = 1; round <= 10; round += 1) {
          yield* pass(9 * MINUTE, MINUTE);
          // Both in the same moment, in either order.
          const prompt = send(startTurn("t1", `m${round}`));
          yield* Effect.all([pass(4 * MINUTE, MINUTE), prompt], { concurrency: "unbounded" });
          yield* eventually(Effect.map(threadOf(), ({ session }) => session?.activeTurnId !== null));
          yield* atRest;
          world.agent.complete();
          const ended = yield* turnsEnded(round + 1);
          assert.deepStrictEqual([...new Set(ended.map(({ payload }) => payload.status))], ["completed"]);
        }
      }),
    ),
  );
});
