import { join } from "node:path";
import { assert, describe, it } from "@effect/vitest";
import { ProviderSessionId } from "@heddle/contracts/Ids";
import { SessionRuntime } from "@heddle/event-store/SessionRuntime";
import { Effect } from "effect";
import {
  beginThread,
  eventsOfType,
  eventually,
  promptAgent,
  runTurn,
  serverLayer,
  t1,
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

const HISTORY = /^<earlier-conversation>\n[\s\S]*\n<\/earlier-conversation>\n\n/;

/** What the thread says of agents that started afresh. */
const freshness = (threadId: string = t1) =>
  Effect.map(eventsOfType("thread.activity-appended", threadId), (events) =>
    events.flatMap(({ payload }) => (payload.kind === "session.fresh" ? [payload.summary] : [])),
  );

const dies = (world: World) =>
  Effect.gen(function* () {
    world.agent.die();
    yield* eventually(Effect.map(threadOf(), ({ session }) => session?.status === "error"));
  });

const fork = (threadId: string, turnCount: number) =>
  send({
    type: "thread.fork",
    commandId: `fork-${threadId}`,
    threadId,
    sourceThreadId: "t1",
    turnCount,
    title: "A fork",
    createdAt: AT,
  });

const revertTo = (turnCount: number) =>
  Effect.gen(function* () {
    yield* send({
      type: "thread.checkpoint.revert",
      commandId: "revert",
      threadId: "t1",
      turnCount,
      createdAt: AT,
    });
    yield* eventually(Effect.map(eventsOfType("thread.reverted"), ({ length }) => length === 1));
  });

describe("a session that starts afresh", () => {
  it.effect("in a new thread is given its prompt and nothing else", () =>
    onServer((world) =>
      Effect.gen(function* () {
        yield* beginThread;
        const agent = yield* promptAgent(world, "m1", "hello");
        assert.strictEqual(agent.prompts[0]?.text, "hello");
        assert.deepStrictEqual(yield* freshness(), []);
      }),
    ),
  );

  it.effect(
    "since the agent could not resume is given the history with its first prompt, and the thread says so",
    () =>
      onServer((world) =>
        Effect.gen(function* () {
          yield* beginThread;
          yield* runTurn(world, "m1", "a reply");
          yield* dies(world);
          world.manners.resumes = false;
          const agent = yield* promptAgent(world, "m2", "and now?");
          assert.strictEqual(agent.input.resume, "cursor of agent-1");
          assert.match(agent.prompts[0]?.text ?? "", HISTORY);
          assert.match(
            agent.prompts[0]?.text ?? "",
            /Person:\nprompt m1\n\nAgent:\na reply\n[^]*\n\nand now\?$/,
          );
          assert.strictEqual(
            agent.prompts[0]?.text.split("and now?").length,
            2,
            "the prompt itself is no history",
          );
          assert.match(
            (yield* freshness())[0] ?? "",
            /could not go on in its earlier session.*the thread's history/,
          );
          agent.complete();
          yield* turnsEnded(2);
          const again = yield* promptAgent(world, "m3", "more");
          assert.strictEqual(again, agent);
          assert.strictEqual(agent.prompts[1]?.text, "more", "once is enough");
          assert.strictEqual((yield* freshness()).length, 1);
          const sent = yield* eventsOfType("thread.message-sent");
          assert.notInclude(
            JSON.stringify(sent),
            "earlier-conversation",
            "the thread's own messages are as they were",
          );
        }),
      ),
  );

  it.effect("of another agent is given the history of the one before it", () =>
    onServer((world) =>
      Effect.gen(function* () {
        yield* beginThread;
        yield* runTurn(world, "m1", "a reply");
        yield* send(startTurn("t1", "m2", "you now", { model: "other" }));
        yield* eventually(Effect.sync(() => world.agents.length === 2 && world.agent.prompts.length === 1));
        assert.isUndefined(world.agent.input.resume);
        assert.match(world.agent.prompts[0]?.text ?? "", /Agent:\na reply\n/);
        assert.isFalse(world.agents[0]?.alive);
      }),
    ),
  );

  it.effect("after a revert is given what stands, and nothing of what was reverted", () =>
    onServer((world) =>
      Effect.gen(function* () {
        yield* beginThread;
        yield* runTurn(world, "m1", "kept");
        yield* runTurn(world, "m2", "undone");
        yield* revertTo(1);
        const agent = yield* promptAgent(world, "m3", "another way");
        assert.isUndefined(agent.input.resume);
        assert.include(agent.prompts[0]?.text, "kept");
        assert.notInclude(agent.prompts[0]?.text, "undone");
        assert.notInclude(agent.prompts[0]?.text, "prompt m2");
      }),
    ),
  );

  it.effect("and was told nothing before a crash is not resumed: the next one is told", () =>
    Effect.gen(function* () {
      const file = join(yield* temporaryFolder, "heddle.db");
      const world = new World();
      yield* Effect.gen(function* () {
        yield* beginThread;
        yield* runTurn(world, "m1", "a reply");
        yield* dies(world);
        world.manners.resumes = false;
        world.manners.refuses = new Set(["prompt"]);
        yield* send(startTurn("t1", "m2"));
        yield* turnsEnded(2);
      }).pipe(Effect.provide(serverLayer(file, world)), Effect.scoped);
      const after = new World();
      yield* Effect.gen(function* () {
        const agent = yield* promptAgent(after, "m3");
        assert.isUndefined(agent.input.resume);
        assert.match(agent.prompts[0]?.text ?? "", /Agent:\na reply\n/);
      }).pipe(Effect.provide(serverLayer(file, after)), Effect.scoped);
    }),
  );
});

describe("a fork", () => {
  it.effect("of a thread's newest turn goes on in a copy of its session, and then in its own", () =>
    onServer((world) =>
      Effect.gen(function* () {
        yield* beginThread;
        yield* runTurn(world, "m1", "a reply");
        yield* fork("t2", 1);
        const agent = yield* promptAgent(world, "m2", "from here", "t2");
        assert.deepInclude(agent.input, { resume: "cursor of agent-1", fork: true });
        assert.strictEqual(agent.prompts[0]?.text, "from here", "it has the source's memory");
        assert.deepStrictEqual(yield* freshness("t2"), []);
        agent.die();
        yield* eventually(Effect.map(threadOf("t2"), ({ session }) => session?.status === "error"));
        const next = yield* promptAgent(world, "m3", "on", "t2");
        assert.strictEqual(next.input.resume, "cursor of agent-2");
        assert.isUndefined(next.input.fork);
      }),
    ),
  );

  it.effect("is given the history where its agent cannot copy a session", () =>
    onServer((world) =>
      Effect.gen(function* () {
        yield* beginThread;
        yield* runTurn(world, "m1", "a reply");
        yield* fork("t2", 1);
        world.manners.resumes = false;
        const agent = yield* promptAgent(world, "m2", "from here", "t2");
        assert.match(agent.prompts[0]?.text ?? "", /Agent:\na reply\n[^]*from here$/);
        assert.strictEqual((yield* freshness("t2")).length, 1);
      }),
    ),
  );

  it.effect("of an earlier turn is given the history up to there: the session knows more", () =>
    onServer((world) =>
      Effect.gen(function* () {
        yield* beginThread;
        yield* runTurn(world, "m1", "first");
        yield* runTurn(world, "m2", "second");
        yield* fork("t2", 1);
        const agent = yield* promptAgent(world, "m3", "from here", "t2");
        assert.isUndefined(agent.input.resume);
        assert.include(agent.prompts[0]?.text, "first");
        assert.notInclude(agent.prompts[0]?.text, "second");
      }),
    ),
  );

  it.effect("whose source has had a turn since is given the history", () =>
    onServer((world) =>
      Effect.gen(function* () {
        yield* beginThread;
        yield* runTurn(world, "m1", "first");
        yield* fork("t2", 1);
        yield* runTurn(world, "m2", "second");
        const agent = yield* promptAgent(world, "m3", "from here", "t2");
        assert.isUndefined(agent.input.resume);
        assert.notInclude(agent.prompts[0]?.text, "second");
      }),
    ),
  );

  it.effect("whose source took its turn back and has had another instead is given the history", () =>
    onServer((world) =>
      Effect.gen(function* () {
        yield* beginThread;
        yield* runTurn(world, "m1", "first");
        yield* runTurn(world, "m2", "as it was");
        yield* fork("t2", 2);
        yield* revertTo(1);
        yield* runTurn(world, "m3", "as it is now");
        const agent = yield* promptAgent(world, "m4", "from here", "t2");
        assert.isUndefined(agent.input.resume);
        assert.include(agent.prompts[0]?.text, "as it was");
        assert.notInclude(agent.prompts[0]?.text, "as it is now");
      }),
    ),
  );

  it.effect("never takes its source's session for its own, whatever name it goes by at first", () =>
    onServer((world) =>
      Effect.gen(function* () {
        world.manners.cursor = () => "one name for all";
        yield* beginThread;
        yield* runTurn(world, "m1", "a reply");
        yield* fork("t2", 1);
        const agent = yield* promptAgent(world, "m2", "from here", "t2");
        const cursors = yield* Effect.flatMap(SessionRuntime, (runtime) => runtime.alive);
        assert.deepStrictEqual(
          cursors.map(({ providerSessionId, resumeCursor }) => [providerSessionId, resumeCursor]),
          [
            [ProviderSessionId.make("agent-1"), "one name for all"],
            [ProviderSessionId.make(agent.name), null],
          ],
        );
      }),
    ),
  );
});

describe("a prompt", () => {
  const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
  const promptIds = onServer((world) =>
    Effect.gen(function* () {
      yield* beginThread;
      const agent = yield* promptAgent(world, "m1");
      yield* send(startTurn("t1", "m2", "also", { dispatchMode: "steer" }));
      yield* eventually(Effect.sync(() => agent.steered.length === 1));
      return [...agent.prompts, ...agent.steered].map(({ promptId = "" }) => promptId);
    }),
  );

  it.effect("has an id of its own, a UUID that is the same each time that it is handed over", () =>
    Effect.gen(function* () {
      const first = yield* promptIds;
      for (const promptId of first) assert.match(promptId, UUID);
      assert.strictEqual(new Set(first).size, 2);
      assert.deepStrictEqual(yield* promptIds, first);
    }),
  );
});
