import { join } from "node:path";
import { assert, describe, it } from "@effect/vitest";
import type { ClientCommandInput } from "@heddle/contracts/Commands";
import { CommandIdConflict, CommandRejected, InternalError } from "@heddle/contracts/Errors";
import { CommandId, ThreadId } from "@heddle/contracts/Ids";
import { EventStore } from "@heddle/event-store/EventStore";
import { Receipts } from "@heddle/event-store/Receipts";
import { Effect, Layer } from "effect";
import { Engine } from "../src/Engine.ts";
import { engineLayer } from "../src/EngineLayer.ts";
import { type AnyCommand, fromClient } from "../src/GroupWriter.ts";
import { AT, createProject, createThread, freshEngine, send, startTurn, temporaryFolder } from "./support.ts";

const head = Effect.flatMap(EventStore, (store) => store.head);
const receiptOf = (commandId: string) =>
  Effect.flatMap(Receipts, (receipts) =>
    Effect.map(receipts.find([CommandId.make(commandId)]), (found) => found.get(CommandId.make(commandId))),
  );

/** Sends all at once, so that the writer finds them together; gives each one's sequence, or its error's name. */
const together = (commands: ReadonlyArray<ClientCommandInput>) =>
  Effect.forEach(
    commands,
    (each) =>
      Effect.match(send(each), { onSuccess: ({ sequence }) => sequence, onFailure: ({ name }) => name }),
    { concurrency: "unbounded" },
  );

const times = <A>(count: number, value: A): Array<A> => Array.from({ length: count }, () => value);

/** Options that a person set, in the order in which their keys came. */
const options = (value: Record<string, string>): ClientCommandInput => ({
  type: "project.meta.update",
  commandId: "options",
  projectId: "p1",
  defaultModel: { provider: "demo", options: value },
});

describe("a command that is sent again", () => {
  it.live("ten times at once, gives one event, and the same answer to each", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual<unknown>(yield* together(times(10, createProject("p1"))), times(10, 1));
      assert.strictEqual(yield* head, 1);
    }).pipe(Effect.provide(freshEngine)),
  );

  it.live("later, gives the first answer, whatever has happened since", () =>
    Effect.gen(function* () {
      yield* send(createProject("p1"));
      yield* send(createThread("t1"));
      const first = yield* send(startTurn("t1", "m1"));
      yield* send({ type: "thread.delete", commandId: "delete", threadId: "t1" });
      const length = yield* head;
      assert.deepStrictEqual(yield* send(startTurn("t1", "m1")), first);
      assert.strictEqual(yield* head, length);
    }).pipe(Effect.provide(freshEngine)),
  );

  it.live("after a restart, gives the first answer", () =>
    Effect.gen(function* () {
      const file = join(yield* temporaryFolder, "heddle.db");
      const server = Layer.fresh(engineLayer(file));
      const first = yield* Effect.provide(
        Effect.andThen(send(createProject("p1")), send(createThread("t1"))),
        server,
      );
      const [again, rejected] = yield* Effect.gen(function* () {
        const answer = yield* send(createThread("t1"));
        return [answer, yield* Effect.flip(send(createThread("t1", "p1", "another")))] as const;
      }).pipe(Effect.provide(server));
      assert.deepStrictEqual(again, first);
      assert.deepInclude({ ...rejected }, { _tag: "CommandRejected", code: "thread-exists" });
    }).pipe(Effect.scoped),
  );

  it.live(
    "is the same in whatever order its keys stand, and whether its model is a string or an object",
    () =>
      Effect.gen(function* () {
        yield* send(createProject("p1"));
        const base = {
          type: "thread.create",
          commandId: "c",
          threadId: "t1",
          projectId: "p1",
          title: "T",
        } as const;
        const rest = { branch: null, worktreePath: null, createdAt: AT } as const;
        const forms: ReadonlyArray<ClientCommandInput> = [
          { ...base, model: "codex/gpt-5", ...rest },
          { ...rest, model: { model: "gpt-5", provider: "codex" }, ...base },
          {
            createdAt: AT,
            model: { provider: "codex", model: "gpt-5" },
            worktreePath: null,
            branch: null,
            ...base,
          },
        ];
        assert.deepStrictEqual<unknown>(yield* together(forms), times(3, 2));
        const first = yield* send(options({ a: "1", b: "2" }));
        assert.deepStrictEqual(yield* send(options({ b: "2", a: "1" })), first);
      }).pipe(Effect.provide(freshEngine)),
  );
});

describe("a command id that was used for another command", () => {
  const others: ReadonlyArray<readonly [what: string, other: ClientCommandInput]> = [
    ["with another title", { ...createProject("p1"), title: "Another" } as ClientCommandInput],
    ["for another project", createProject("p2", "create-p1")],
    ["with one field more", { ...createProject("p1"), defaultModel: null } as ClientCommandInput],
    ["of another type", { type: "project.delete", commandId: "create-p1", projectId: "p1" }],
  ];

  it.live.each(others)("%s, is a conflict, later and at once; nothing is written", ([, other]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* together([createProject("p1"), other]), [1, "CommandIdConflict"]);
      const receipt = yield* receiptOf("create-p1");
      const conflict = yield* Effect.flip(send(other));
      assert.instanceOf(conflict, CommandIdConflict);
      assert.strictEqual(conflict.commandId, "create-p1");
      assert.strictEqual(yield* head, 1);
      assert.deepStrictEqual(yield* receiptOf("create-p1"), receipt);
      // The first body goes on to get the first answer.
      assert.deepStrictEqual(yield* send(createProject("p1")), { sequence: 1 });
    }).pipe(Effect.provide(freshEngine)),
  );
});

describe("a command that was refused", () => {
  it.live("is refused again with the same words, also when it would be taken by now", () =>
    Effect.gen(function* () {
      const first = yield* Effect.flip(send(createThread("t1")));
      assert.instanceOf(first, CommandRejected);
      assert.strictEqual(first.code, "project-not-found");
      yield* send(createProject("p1"));
      assert.deepStrictEqual(yield* Effect.flip(send(createThread("t1"))), first);
      assert.strictEqual(yield* head, 1);
      // A new id is a new question.
      assert.deepStrictEqual(yield* send(createThread("t1", "p1", "again")), { sequence: 2 });
    }).pipe(Effect.provide(freshEngine)),
  );

  it.live("leaves a receipt that says where the log stood", () =>
    Effect.gen(function* () {
      yield* send(createProject("p1"));
      const error = yield* Effect.flip(send(createProject("p1", "again")));
      const receipt = yield* receiptOf("again");
      assert.deepInclude({ ...receipt }, { resultSequence: 1, aggregateKind: "project", aggregateId: "p1" });
      assert.instanceOf(error, CommandRejected);
      assert.deepStrictEqual<unknown>(receipt?.error, error);
    }).pipe(Effect.provide(freshEngine)),
  );

  it.live("disturbs none of those that the writer finds with it", () =>
    Effect.gen(function* () {
      const answers = yield* together([
        createProject("p1"),
        createProject("p1", "again"),
        createThread("t1"),
        createThread("t2", "nowhere"),
        { ...createProject("p1"), title: "Another" } as ClientCommandInput,
        startTurn("t1", "m1"),
      ]);
      assert.deepStrictEqual(answers, [1, "CommandRejected", 2, "CommandRejected", "CommandIdConflict", 4]);
      assert.strictEqual(yield* head, 4);
    }).pipe(Effect.provide(freshEngine)),
  );
});

describe("a decision that fails on a bug", () => {
  /** What no schema lets in: a bug of the server is its only way. */
  const impossible: AnyCommand = {
    type: "thread.activity.append",
    commandId: CommandId.make("impossible"),
    threadId: ThreadId.make("t1"),
    turnId: null,
    tone: "info",
    kind: "notice",
    summary: "Not JSON",
    detail: Number.NaN,
  };
  const possible: AnyCommand = { ...impossible, detail: 1 };

  it.live("fails that command alone, leaves no receipt, and the id is free for a sound one", () =>
    Effect.gen(function* () {
      const engine = yield* Engine;
      yield* send(createProject("p1"));
      yield* send(createThread("t1"));
      const [error, neighbour] = yield* Effect.all(
        [Effect.flip(engine.dispatch(impossible, fromClient)), send(createThread("t2"))],
        { concurrency: "unbounded" },
      );
      assert.instanceOf(error, InternalError);
      assert.include(error.message, "impossible");
      assert.deepStrictEqual(neighbour, { sequence: 3 });
      assert.isUndefined(yield* receiptOf("impossible"));
      assert.deepStrictEqual(yield* engine.dispatch(possible, fromClient), { sequence: 4 });
    }).pipe(Effect.provide(freshEngine)),
  );
});
