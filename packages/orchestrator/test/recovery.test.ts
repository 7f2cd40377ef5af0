import { join } from "node:path";
import { assert, describe, it } from "@effect/vitest";
import { SessionRuntime } from "@heddle/event-store/SessionRuntime";
import { Queries } from "@heddle/projections/Queries";
import { EndMarked, OWNER_MARK } from "@heddle/providers/shared/ProcessTree";
import { Effect, Layer } from "effect";
import { recover } from "../src/Recovery.ts";
import {
  atRest,
  beginThread,
  eventsOfType,
  eventually,
  promptAgent,
  runTurn,
  serverLayer,
  storeLayer,
  type TestAgent,
  threadOf,
  turnsEnded,
  World,
} from "./agents.ts";
import { allSettled, crashImage } from "./database-files.ts";
import { AT, send, startTurn, temporaryFolder } from "./support.ts";

const asksForApproval = (agent: TestAgent) =>
  agent.say({ type: "approval.requested", requestKey: "a", kind: "edit", title: "May I?", payload: null });
const asksAQuestion = (agent: TestAgent) =>
  agent.say({
    type: "user-input.requested",
    requestKey: "q",
    questions: [{ id: "q", prompt: "Which?", options: [] }],
  });
const asked = eventually(Effect.map(threadOf(), ({ pendingApprovals }) => pendingApprovals.length === 1));

interface Crash {
  /** What happens before the crash. */
  readonly before: (
    world: World,
  ) => Effect.Effect<unknown, unknown, Layer.Success<ReturnType<typeof serverLayer>>>;
  /** The session's state after the start-up check, before anything is served or carried out. */
  readonly session: string;
  /** How turns have ended by then. */
  readonly ended: ReadonlyArray<string>;
  /** What is taken up again by itself: the prompts that agents of the next run are given. */
  readonly resumed: ReadonlyArray<string>;
}

const CRASHES: Readonly<Record<string, Crash>> = {
  "while an agent starts: its turn has not begun, and begins": {
    before: (world) =>
      Effect.gen(function* () {
        world.manners.comesUp = false;
        yield* send(startTurn("t1", "m1", "first"));
        yield* eventually(Effect.map(threadOf(), ({ session }) => session?.status === "starting"));
      }),
    session: "stopped",
    ended: [],
    resumed: ["first"],
  },
  "between two turns": {
    before: (world) => runTurn(world, "m1", "done"),
    session: "stopped",
    ended: ["completed"],
    resumed: [],
  },
  "in a turn: it was interrupted": {
    before: (world) => promptAgent(world, "m1"),
    session: "interrupted",
    ended: ["interrupted"],
    resumed: [],
  },
  "while an approval is open: it expires": {
    before: (world) => Effect.andThen(Effect.map(promptAgent(world, "m1"), asksForApproval), asked),
    session: "interrupted",
    ended: ["interrupted"],
    resumed: [],
  },
  "while a question is open: it expires": {
    before: (world) => Effect.andThen(Effect.map(promptAgent(world, "m1"), asksAQuestion), asked),
    session: "interrupted",
    ended: ["interrupted"],
    resumed: [],
  },
  "while a question outside of turns is open: it expires": {
    before: (world) => Effect.andThen(Effect.map(runTurn(world, "m1", "done"), asksAQuestion), asked),
    session: "stopped",
    ended: ["completed"],
    resumed: [],
  },
  "while a prompt waits behind a turn: it is next": {
    before: (world) =>
      Effect.andThen(
        promptAgent(world, "m1"),
        send(startTurn("t1", "m2", "second", { dispatchMode: "queue" })),
      ),
    session: "interrupted",
    ended: ["interrupted"],
    resumed: ["second"],
  },
  "while a turn that was asked for has not begun: it begins": {
    before: (world) =>
      Effect.gen(function* () {
        yield* runTurn(world, "m1", "done");
        world.checkpoint = Effect.never;
        yield* send(startTurn("t1", "m2", "second"));
        yield* atRest;
      }),
    session: "stopped",
    ended: ["completed"],
    resumed: ["second"],
  },
  "while an interrupt is being carried out: the turn is over, and so is the interrupt": {
    before: (world) =>
      Effect.gen(function* () {
        world.manners.obeys = false;
        const agent = yield* promptAgent(world, "m1");
        yield* send({ type: "thread.turn.interrupt", commandId: "i1", threadId: "t1", createdAt: AT });
        yield* eventually(Effect.sync(() => agent.interrupts === 1));
      }),
    session: "interrupted",
    ended: ["interrupted"],
    resumed: [],
  },
};

const turnsAndSession = Effect.gen(function* () {
  const ended = yield* eventsOfType("thread.turn-completed");
  const { session } = yield* threadOf();
  return { session: session?.status as string, ended: ended.map(({ payload }) => payload.status as string) };
});

const nothingClaimsToLive = Effect.gen(function* () {
  assert.deepStrictEqual(yield* Effect.flatMap(Queries, (queries) => queries.unsettledThreads), []);
  assert.deepStrictEqual(yield* Effect.flatMap(SessionRuntime, (runtime) => runtime.alive), []);
  const { session, pendingApprovals } = yield* threadOf();
  assert.deepStrictEqual([session?.activeTurnId, session?.stalled, pendingApprovals], [null, null, []]);
});

describe("after a crash of the server", () => {
  it.effect.each(Object.entries(CRASHES))("%s", ([, { before, session, ended, resumed }]) =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder;
      const files = ["before", "checked", "served"].map((name) => join(folder, `${name}.db`));
      const [file = "", checked = "", served = ""] = files;
      const world = new World();
      yield* Effect.andThen(
        beginThread,
        Effect.flatMap(before(world), () =>
          Effect.sync(() => {
            crashImage(file, checked);
            crashImage(file, served);
          }),
        ),
      ).pipe(Effect.provide(serverLayer(file, world)), Effect.scoped);

      // The start-up check alone.
      yield* Effect.gen(function* () {
        yield* recover();
        yield* nothingClaimsToLive;
        assert.deepStrictEqual(yield* turnsAndSession, { session, ended: [...ended] });
        yield* recover();
        assert.deepStrictEqual(
          yield* turnsAndSession,
          { session, ended: [...ended] },
          "once more changes nothing",
        );
      }).pipe(Effect.provide(storeLayer(checked)), Effect.scoped);

      // The whole server: what waited goes on, and the next prompt works.
      const after = new World();
      yield* Effect.gen(function* () {
        for (const [index, text] of resumed.entries()) {
          yield* eventually(
            Effect.sync(() => after.agents.flatMap(({ prompts }) => prompts).length === index + 1),
          );
          assert.isTrue(after.agent.prompts.at(-1)?.text.endsWith(text));
          after.agent.complete();
          yield* turnsEnded(ended.length + index + 1);
        }
        const agent = yield* runTurn(after, "m-next", "works");
        assert.strictEqual(agent.prompts.length, resumed.length + 1, "nothing was begun twice");
        yield* allSettled;
        assert.strictEqual((yield* threadOf()).session?.status, "ready");
      }).pipe(Effect.provide(serverLayer(served, after)), Effect.scoped);
    }),
  );

  it.effect("whatever an agent of this data directory left behind is ended, known or not", () =>
    Effect.gen(function* () {
      const file = join(yield* temporaryFolder, "heddle.db");
      const crashed = `${file}.crashed`;
      const world = new World();
      yield* Effect.gen(function* () {
        yield* beginThread;
        yield* promptAgent(world, "m1");
        crashImage(file, crashed);
      }).pipe(Effect.provide(serverLayer(file, world)), Effect.scoped);
      const ended: Array<string> = [];
      const sweep = Layer.succeed(EndMarked, ({ name, value }) =>
        Effect.sync(() => {
          ended.push(name === OWNER_MARK ? `all of ${value}` : value);
          return 1;
        }),
      );
      yield* recover({ owner: "this folder" }).pipe(
        Effect.provide(Layer.merge(storeLayer(crashed), sweep)),
        Effect.scoped,
      );
      assert.deepStrictEqual(ended, ["all of this folder", "agent-1"]);
    }),
  );
});
