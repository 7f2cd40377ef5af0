import { join } from "node:path";
import { assert, describe, it } from "@effect/vitest";
import { ProviderItemId } from "@heddle/contracts/Ids";
import { Effect } from "effect";
import {
  atRest,
  beginThread,
  eventsOfType,
  eventually,
  pass,
  promptAgent,
  say,
  serverLayer,
  type TestAgent,
  threadOf,
  turnsEnded,
  World,
} from "./agents.ts";
import { send, temporaryFolder, AT } from "./support.ts";

const MINUTE = 60_000;
const times = { stallAfter: "1 minute", idleAfter: "1 hour" } as const;

const onServer = <A, E, R>(test: (world: World) => Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const world = new World();
    const folder = yield* temporaryFolder;
    return yield* test(world).pipe(Effect.provide(serverLayer(join(folder, "heddle.db"), world, times)));
  }).pipe(Effect.scoped);

const stalled = Effect.map(threadOf(), ({ session }) => session?.stalled ?? null);

const tool = (itemId: string, title: string, status: "running" | "completed" = "running") =>
  ({
    type: "tool.updated",
    itemId: ProviderItemId.make(itemId),
    status,
    kind: "execute",
    title,
    payload: null,
  }) as const;

const asks = (agent: TestAgent) =>
  agent.say({
    type: "approval.requested",
    requestKey: "key",
    kind: "execute",
    title: "Run rm -rf build?",
    payload: null,
  });

describe("a turn of which nothing is heard", () => {
  it.effect("is shown as stalled after a time, with when it was heard last, and goes on all the same", () =>
    onServer((world) =>
      Effect.gen(function* () {
        yield* beginThread;
        const agent = yield* promptAgent(world, "m1");
        yield* pass(50_000);
        say(agent, "i1", "still here");
        yield* atRest;
        yield* pass(50_000);
        assert.isNull(yield* stalled, "it was heard in between");
        yield* pass(30_000);
        assert.deepStrictEqual(yield* stalled, {
          since: new Date(50_000).toISOString(),
          waitsFor: "the agent",
        });
        yield* pass(10 * MINUTE);
        assert.isTrue(agent.alive);
        assert.strictEqual((yield* threadOf()).session?.status, "running");
      }),
    ),
  );

  it.effect("is said to be stalled once, and no more from the agent's next word on", () =>
    onServer((world) =>
      Effect.gen(function* () {
        yield* beginThread;
        const agent = yield* promptAgent(world, "m1");
        yield* pass(5 * MINUTE);
        const said = yield* eventsOfType("thread.session-set");
        assert.strictEqual(said.filter(({ payload }) => payload.session.stalled).length, 1);
        say(agent, "i1", "back again");
        yield* eventually(Effect.map(stalled, (state) => state === null));
        yield* pass(2 * MINUTE);
        assert.isNotNull(yield* stalled, "it may stall again");
        agent.complete();
        yield* turnsEnded(1);
        assert.isNull(yield* stalled);
      }),
    ),
  );

  it.effect("says which tool it waits for: the one that runs longest", () =>
    onServer((world) =>
      Effect.gen(function* () {
        yield* beginThread;
        const agent = yield* promptAgent(world, "m1");
        agent.say(
          tool("a", "ls"),
          tool("b", "pnpm test"),
          tool("c", "pnpm build"),
          tool("a", "ls", "completed"),
        );
        yield* atRest;
        yield* pass(2 * MINUTE);
        assert.strictEqual((yield* stalled)?.waitsFor, "the tool: pnpm test");
      }),
    ),
  );

  it.effect("says that it waits for a person, where it does, and not any more once they answered", () =>
    onServer((world) =>
      Effect.gen(function* () {
        yield* beginThread;
        const agent = yield* promptAgent(world, "m1");
        agent.say(tool("a", "rm"));
        asks(agent);
        yield* atRest;
        yield* pass(2 * MINUTE);
        assert.strictEqual((yield* stalled)?.waitsFor, "your answer to: Run rm -rf build?");
        const [asked] = yield* eventsOfType("thread.approval-requested");
        yield* send({
          type: "thread.approval.respond",
          commandId: "answer",
          threadId: "t1",
          requestId: asked?.payload.requestId ?? "",
          decision: "accept",
          createdAt: AT,
        });
        yield* eventually(Effect.sync(() => agent.answers.length === 1));
        yield* eventually(Effect.map(stalled, (state) => state === null));
        yield* pass(2 * MINUTE);
        assert.strictEqual((yield* stalled)?.waitsFor, "the tool: rm");
      }),
    ),
  );

  it.effect("is not what a session without a turn is", () =>
    onServer((world) =>
      Effect.gen(function* () {
        yield* beginThread;
        const agent = yield* promptAgent(world, "m1");
        agent.complete();
        yield* turnsEnded(1);
        yield* pass(5 * MINUTE);
        assert.isNull(yield* stalled);
      }),
    ),
  );
});

describe("after a restart", () => {
  it.effect("nothing claims to be stalled", () =>
    Effect.gen(function* () {
      const file = join(yield* temporaryFolder, "heddle.db");
      const world = new World();
      yield* Effect.gen(function* () {
        yield* beginThread;
        yield* promptAgent(world, "m1");
        yield* pass(2 * MINUTE);
        assert.isNotNull(yield* stalled);
      }).pipe(Effect.provide(serverLayer(file, world, times)), Effect.scoped);
      yield* Effect.gen(function* () {
        assert.isNull(yield* stalled);
        assert.strictEqual((yield* threadOf()).session?.status, "interrupted");
      }).pipe(Effect.provide(serverLayer(file, new World(), times)), Effect.scoped);
    }),
  );
});
