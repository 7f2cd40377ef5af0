/** How threads are opened and turns begin and end, also with a codex that is overloaded, silent, late or gone. */
import { assert, describe, it } from "@effect/vitest";
import { ProviderThreadId } from "@heddle/contracts/Ids";
import { Clock, Duration, Effect, Fiber } from "effect";
import { TestClock } from "effect/testing";
import { CodexRefused, waitingOutOverload } from "../../src/codex/Overload.ts";
import { isRunning, prompt, start } from "../support.ts";
import type { Line } from "./recording.ts";
import { echoOf, fromCodex, isEcho, oneTurn, playing, script, THREAD, TURN } from "./support.ts";

const OVERLOADED = -32001;

const interrupted = (id: number): ReadonlyArray<Line> => [
  script.hears("turn/interrupt", id),
  script.answers(id, {}),
  script.ends("interrupted"),
];

describe("a thread of codex's", () => {
  it.live("is opened with the person's model and options, and without leave to write", () =>
    Effect.gen(function* () {
      const agent = yield* playing([
        script.hears("initialize", 1),
        script.answers(1, {}),
        script.hears("thread/start", 2),
        script.echoes,
        script.answers(2, { thread: { id: THREAD } }),
        script.exits,
      ]);
      const model = { provider: "codex", model: "large", options: { model_verbosity: "low" } };
      const { session, seen, cwd } = yield* start({ ...agent, model, runtimeMode: "full-access" });
      assert.deepStrictEqual(echoOf(yield* seen.next(isEcho)), {
        cwd,
        model: "large",
        config: { model_verbosity: "low" },
        approvalPolicy: "untrusted",
        sandbox: "read-only",
      });
      assert.deepInclude(seen.all("session.started")[0], {
        providerThreadId: ProviderThreadId.make(THREAD),
        capabilities: { steer: true, resume: true, fork: true },
        resumed: false,
      });
      assert.deepStrictEqual(session.resumeCursor, { threadId: THREAD });
    }).pipe(Effect.scoped),
  );

  it.live("is gone on with, without its history; what codex cannot go on with is followed by a new one", () =>
    Effect.gen(function* () {
      const opening = [
        script.hears("initialize", 1),
        script.answers(1, {}),
        script.hears("thread/resume", 2),
      ];
      const resume = { threadId: "earlier" };
      const knowing = yield* playing([
        ...opening,
        script.echoes,
        script.answers(2, { thread: { id: "earlier" } }),
        script.exits,
      ]);
      const first = yield* start({ ...knowing, resume });
      assert.isTrue((yield* first.seen.nextOf("session.started")).resumed);
      assert.deepInclude(echoOf(yield* first.seen.next(isEcho)), {
        threadId: "earlier",
        excludeTurns: true,
      });

      const forgetful = yield* playing([
        ...opening,
        script.refuses(2, -32600, "no rollout found"),
        script.hears("thread/start", 3),
        script.answers(3, { thread: { id: THREAD } }),
        script.exits,
      ]);
      const second = yield* start({ ...forgetful, resume });
      assert.isFalse((yield* second.seen.nextOf("session.started")).resumed);
      assert.match((yield* second.seen.next(fromCodex)).summary, /could not go on.*no rollout found/);
      assert.deepStrictEqual(second.session.resumeCursor, { threadId: THREAD });
    }).pipe(Effect.scoped),
  );

  it.live(
    "of another is gone on with in a copy, without its history; what codex cannot copy, in a new one",
    () =>
      Effect.gen(function* () {
        const opening = [
          script.hears("initialize", 1),
          script.answers(1, {}),
          script.hears("thread/fork", 2),
        ];
        const source = { resume: { threadId: "another" }, fork: true } as const;
        const copying = yield* playing([
          ...opening,
          script.echoes,
          script.answers(2, { thread: { id: "copy" } }),
          script.exits,
        ]);
        const first = yield* start({ ...copying, ...source });
        assert.isTrue((yield* first.seen.nextOf("session.started")).resumed);
        assert.deepInclude(echoOf(yield* first.seen.next(isEcho)), {
          threadId: "another",
          excludeTurns: true,
          cwd: first.cwd,
          sandbox: "read-only",
        });
        assert.deepStrictEqual(first.session.resumeCursor, { threadId: "copy" });

        const forgetful = yield* playing([
          ...opening,
          script.refuses(2, -32600, "no rollout found"),
          script.hears("thread/start", 3),
          script.answers(3, { thread: { id: THREAD } }),
          script.exits,
        ]);
        const second = yield* start({ ...forgetful, ...source });
        assert.isFalse((yield* second.seen.nextOf("session.started")).resumed);
        assert.match((yield* second.seen.next(fromCodex)).summary, /copy of the other thread: no rollout/);
        assert.deepStrictEqual(second.session.resumeCursor, { threadId: THREAD });
      }).pipe(Effect.scoped),
  );

  it.live("that it refuses to open is an error that says why", () =>
    Effect.gen(function* () {
      const agent = yield* playing([
        script.hears("initialize", 1),
        script.answers(1, {}),
        script.hears("thread/start", 2),
        script.refuses(2, -32600, "failed to load configuration"),
      ]);
      const error = yield* Effect.flip(start(agent));
      assert.deepInclude(error, { operation: "start" });
      assert.match(error.message, /codex would not open a thread: failed to load configuration/);
    }).pipe(Effect.scoped),
  );
});

describe("a turn of codex's", () => {
  const promptId = "6f1e2f3a-93c8-4d2c-8f6e-0f6b2a4b7c11";

  it.live("names its prompts to codex by their ids, and by ids of its own where they have none", () =>
    Effect.gen(function* () {
      const agent = yield* playing([
        ...script.opens(),
        ...script.hearsTurn(10),
        script.hears("turn/steer", 11),
        script.echoes,
        script.answers(11, { turnId: TURN }),
        script.ends(),
        ...script.hearsTurn(12, "turn-2"),
        script.ends("completed", {}, "turn-2"),
        script.exits,
      ]);
      const { session, seen } = yield* start(agent);
      const idHeard = Effect.map(seen.next(isEcho), (echo) => echoOf(echo).clientUserMessageId as unknown);
      yield* session.prompt({ promptId, text: "one", attachments: [] });
      assert.strictEqual(yield* idHeard, promptId);
      yield* session.steer({ promptId: `${promptId}-2`, text: "and this", attachments: [] });
      assert.strictEqual(yield* idHeard, `${promptId}-2`);
      yield* seen.nextOf("turn.completed");
      yield* session.prompt({ text: "two", attachments: [] });
      assert.match(String(yield* idHeard), /^[0-9a-f]{8}-/);
    }).pipe(Effect.scoped),
  );

  const settings = {
    config: { sandbox_workspace_write: { writable_roots: ["/own"], network_access: true } },
  };

  it.live(
    "has the mode's permissions, with what the person's own settings add, when they are new to codex",
    () =>
      Effect.gen(function* () {
        const agent = yield* playing([
          script.hears("initialize", 1),
          script.answers(1, {}),
          script.hears("config/read", 3),
          script.answers(3, settings),
          script.hears("thread/start", 2),
          script.answers(2, { thread: { id: THREAD } }),
          ...[10, 11, 12].flatMap((id) => [
            script.hears("turn/start", id),
            script.echoes,
            script.answers(id, { turn: { id: `turn-${id}` } }),
            script.ends("completed", {}, `turn-${id}`),
          ]),
          script.exits,
        ]);
        const { session, seen } = yield* start({ ...agent, runtimeMode: "auto-accept-edits" });
        const model = { provider: "codex", model: "other" };
        yield* session.prompt({ text: "one", attachments: [], effort: "high", model });
        const first = echoOf(yield* seen.next(isEcho));
        assert.deepInclude(first, {
          threadId: THREAD,
          input: [{ type: "text", text: "one", text_elements: [] }],
          model: "other",
          effort: "high",
          approvalPolicy: "untrusted",
          sandboxPolicy: {
            type: "workspaceWrite",
            writableRoots: ["/own"],
            networkAccess: true,
            excludeTmpdirEnvVar: false,
            excludeSlashTmp: false,
          },
        });
        yield* seen.nextOf("turn.completed");
        yield* prompt(session, "two");
        const second = echoOf(yield* seen.next(isEcho));
        assert.notProperty(second, "approvalPolicy");
        assert.notProperty(second, "model");
        assert.notStrictEqual(second.clientUserMessageId, first.clientUserMessageId);
        yield* seen.nextOf("turn.completed");
        yield* session.setRuntimeMode("full-access");
        yield* prompt(session, "three");
        assert.deepInclude(echoOf(yield* seen.next(isEcho)), {
          approvalPolicy: "never",
          sandboxPolicy: { type: "dangerFullAccess" },
        });
      }).pipe(Effect.scoped),
  );

  it.live("is one at a time", () =>
    Effect.gen(function* () {
      const { session } = yield* start(yield* playing([...script.opens(), ...script.begins()]));
      yield* prompt(session, "one");
      assert.match((yield* Effect.flip(prompt(session, "two"))).message, /still at work/);
    }).pipe(Effect.scoped),
  );

  it.live("keeps full access until it ends, which is said", () =>
    Effect.gen(function* () {
      const { session, seen } = yield* start(yield* playing([...script.opens(), ...script.begins()]));
      yield* prompt(session, "one");
      yield* session.setRuntimeMode("approval-required");
      assert.match((yield* seen.next(fromCodex)).summary, /keeps full access until it ends/);
    }).pipe(Effect.scoped),
  );

  it.live("is asked for again, as the same, while codex is overloaded", () =>
    Effect.gen(function* () {
      const overloaded = (id: number): ReadonlyArray<Line> => [
        script.hears("turn/start", id),
        script.echoes,
        script.refuses(id, OVERLOADED, "Server overloaded; retry later."),
      ];
      const agent = yield* playing([
        ...script.opens(),
        ...overloaded(10),
        ...overloaded(11),
        script.hears("turn/start", 12),
        script.echoes,
        script.answers(12, { turn: { id: TURN } }),
        script.ends(),
        script.exits,
      ]);
      const { seen, turn } = yield* start(agent);
      assert.strictEqual((yield* turn("go")).status, "completed");
      const asked = seen.all("notice").filter(isEcho).map(echoOf);
      assert.lengthOf(asked, 3);
      assert.lengthOf(new Set(asked.map(({ clientUserMessageId }) => clientUserMessageId)), 1);
      assert.lengthOf(seen.all("turn.started"), 1);
    }).pipe(Effect.scoped),
  );

  it.live("that codex refuses is an error, and the next one works", () =>
    Effect.gen(function* () {
      const agent = yield* playing([
        ...script.opens(),
        script.hears("turn/start", 10),
        script.refuses(10, -32600, "no"),
        ...script.begins(11),
        script.ends(),
        script.exits,
      ]);
      const { session, seen, turn } = yield* start(agent);
      assert.match((yield* Effect.flip(prompt(session, "go"))).message, /codex refused the prompt: no/);
      assert.deepStrictEqual(seen.all("turn.completed"), []);
      assert.strictEqual((yield* turn("again")).status, "completed");
    }).pipe(Effect.scoped),
  );

  it.live("that fails says why; for want of a login, what to do", () =>
    Effect.gen(function* () {
      const failed = (error: object, id: string): ReadonlyArray<Line> => [
        script.hears("turn/start", 10),
        script.answers(10, { turn: { id } }),
        script.ends("failed", { error }, id),
      ];
      const agent = yield* playing([
        ...script.opens(),
        ...failed({ message: "It broke", additionalDetails: "in two" }, "a"),
        ...failed({ message: "401", codexErrorInfo: { httpConnectionFailed: { httpStatusCode: 401 } } }, "b"),
        ...failed({ message: "Who are you?", codexErrorInfo: "unauthorized" }, "c"),
        script.exits,
      ]);
      const agents = { codex: { ...agent.agents.codex, login: "codex login" } };
      const { turn } = yield* start({ ...agent, agents });
      assert.deepInclude(yield* turn("go"), { status: "error", reason: "It broke: in two" });
      assert.match((yield* turn("go")).reason ?? "", /^401\. codex wants a login\..* Heddle: codex login\./);
      assert.match((yield* turn("go")).reason ?? "", /^Who are you\?\. codex wants a login/);
    }).pipe(Effect.scoped),
  );

  it.live("that is interrupted before codex answered is ended once it has", () =>
    Effect.gen(function* () {
      const agent = yield* playing([
        ...script.opens(),
        script.hears("turn/start", 10),
        script.tells("turn/started", { turn: { id: TURN, status: "inProgress" } }),
        script.asks(0, "item/commandExecution/requestApproval", { itemId: "c", command: "ls" }),
        script.hearsAnswerTo(0),
        script.answers(10, { turn: { id: TURN } }),
        ...interrupted(20),
        script.exits,
      ]);
      const { session, seen } = yield* start({ ...agent, runtimeMode: "approval-required" });
      const asking = yield* Effect.forkDetach(prompt(session, "go"));
      yield* seen.nextOf("approval.requested");
      yield* session.interrupt;
      yield* Fiber.await(asking);
      assert.strictEqual((yield* seen.nextOf("turn.completed")).status, "interrupted");
    }).pipe(Effect.scoped),
  );

  it.live("that nobody waited for any longer is interrupted when it begins after all", () =>
    Effect.gen(function* () {
      const agent = yield* playing([
        ...script.opens(),
        script.hears("turn/start", 10),
        script.hears("turn/start", 11),
        script.answers(10, { turn: { id: "late" } }),
        script.hears("turn/interrupt", 20),
        script.echoes,
        script.answers(20, {}),
        script.ends("interrupted", {}, "late"),
        script.answers(11, { turn: { id: TURN } }),
        script.ends(),
        script.exits,
      ]);
      const { session, seen, turn } = yield* start({ ...agent, deadlines: { handOver: "300 millis" } });
      assert.match((yield* Effect.flip(prompt(session, "go"))).message, /did not answer in time/);
      assert.strictEqual((yield* turn("again")).status, "completed");
      assert.deepStrictEqual(seen.all("notice").filter(isEcho).map(echoOf)[0], {
        threadId: THREAD,
        turnId: "late",
      });
      assert.lengthOf(seen.all("turn.completed"), 1);
    }).pipe(Effect.scoped),
  );

  it.live("that codex neither interrupts nor ends goes with its process, in time", () =>
    Effect.gen(function* () {
      const stubborn = [...script.opens(), ...script.begins(), script.begun({ type: "sleep", id: "s" })];
      const { session, seen } = yield* Effect.scoped(
        Effect.gen(function* () {
          const agent = yield* playing([...stubborn, script.hears("never")]);
          const started = yield* start({ ...agent, deadlines: { closing: "200 millis" } });
          yield* prompt(started.session, "go");
          yield* started.seen.nextOf("tool.updated");
          yield* started.session.interrupt;
          return started;
        }),
      );
      const events = yield* seen.ended;
      assert.deepStrictEqual(
        events.slice(-2).map(({ type }) => type),
        ["tool.updated", "session.exited"],
      );
      assert.isFalse(isRunning(session.pid));
    }),
  );

  it.live("that codex begins by itself is told, but is no turn of the thread", () =>
    Effect.gen(function* () {
      const agent = yield* playing([
        ...script.opens(),
        script.tells("turn/started", { turn: { id: "own", status: "inProgress" } }),
        script.says("m", "by the way"),
        script.ends("completed", {}, "own"),
        ...script.begins(),
        script.ends(),
        script.exits,
      ]);
      const { seen, turn } = yield* start(agent);
      yield* seen.nextOf("message.completed");
      yield* turn("go");
      assert.lengthOf(seen.all("turn.started"), 1);
      assert.lengthOf(seen.all("turn.completed"), 1);
    }).pipe(Effect.scoped),
  );
});

describe("a steering prompt", () => {
  const steering = { text: "rather so", attachments: [] };

  it.live("goes to the turn that runs, and to no other", () =>
    Effect.gen(function* () {
      const agent = yield* oneTurn(
        script.hears("turn/steer", 20),
        script.echoes,
        script.answers(20, { turnId: TURN }),
        script.hears("turn/steer", 21),
        script.refuses(21, -32600, "expected another turn"),
      );
      const { session, seen } = yield* start(agent);
      assert.match((yield* Effect.flip(session.steer(steering))).message, /no running turn/);
      yield* prompt(session, "go");
      yield* session.steer(steering);
      assert.deepInclude(echoOf(yield* seen.next(isEcho)), { expectedTurnId: TURN });
      const refused = yield* Effect.flip(session.steer(steering));
      assert.deepInclude(refused, { operation: "steer" });
      assert.match(refused.message, /expected another turn/);
    }).pipe(Effect.scoped),
  );
});

describe("an overloaded codex", () => {
  const refused = (code: number) => new CodexRefused({ method: "turn/start", code, reason: "busy" });

  it.effect(
    "is asked again after waits that double, each a little earlier or later, seven times in all",
    () =>
      Effect.gen(function* () {
        const times: Array<number> = [];
        const asking = Effect.gen(function* () {
          times.push(yield* Clock.currentTimeMillis);
          return yield* refused(OVERLOADED);
        });
        const fiber = yield* Effect.forkChild(Effect.flip(waitingOutOverload(asking)));
        yield* TestClock.adjust(Duration.minutes(1));
        assert.strictEqual((yield* Fiber.join(fiber))._tag, "CodexRefused");
        const waits = times.slice(1).map((time, index) => time - (times[index] ?? 0));
        assert.lengthOf(waits, 6);
        for (const [index, wait] of waits.entries()) {
          const expected = 200 * 2 ** index;
          assert.isAtLeast(wait, 0.8 * expected - 1);
          assert.isAtMost(wait, 1.2 * expected + 1);
        }
      }),
  );

  it.effect("is told from one that refuses", () =>
    Effect.gen(function* () {
      let asked = 0;
      const asking = Effect.suspend(() => {
        asked += 1;
        return Effect.fail(refused(-32600));
      });
      yield* Effect.flip(waitingOutOverload(asking));
      assert.strictEqual(asked, 1);
    }),
  );
});
