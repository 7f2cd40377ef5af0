import { assert, describe, it } from "@effect/vitest";
import type { EventEnvelope, EventType } from "@heddle/contracts/Events";
import { CheckpointRef, CommandId, MessageId, ProviderItemId, ThreadId } from "@heddle/contracts/Ids";
import type { ServerCommand } from "@heddle/domain/ServerCommand";
import { turnIdFor } from "@heddle/domain/Thread";
import { Effects } from "@heddle/event-store/Effects";
import { EventStore } from "@heddle/event-store/EventStore";
import { Effect } from "effect";
import { Engine } from "../src/Engine.ts";
import { createProject, createThread, freshEngine, send, startTurn } from "./support.ts";

const t1 = ThreadId.make("t1");

const log = Effect.flatMap(EventStore, (store) =>
  Effect.map(store.readAll({ fromSequenceExclusive: 0, limit: 1000 }), ({ events }) => events),
);
const lastOf = (type: EventType) =>
  Effect.flatMap(log, (events) => {
    const found = events.findLast((event) => event.eventType === type);
    return found ? Effect.succeed(found) : Effect.die(`no ${type}`);
  });

type Body = ServerCommand extends infer Command
  ? Command extends ServerCommand
    ? Omit<Command, "commandId" | "threadId">
    : never
  : never;

/** The server records something because of an event, as its worker and an agent's ingest do. */
const record = (cause: EventEnvelope, commandId: string, body: Body) =>
  Effect.flatMap(Engine, (engine) =>
    engine.dispatch(
      { ...body, threadId: t1, commandId: CommandId.make(commandId) },
      {
        actor: "provider",
        causationEventId: cause.eventId,
        correlationId: cause.correlationId,
        metadata: { providerItemId: ProviderItemId.make(`item of ${commandId}`) },
      },
    ),
  );

/** The agent does the turn that was asked for last: words, an activity, the end, a checkpoint. */
const work = Effect.fnUntraced(function* (prompt: string, turnCount: number) {
  const turnId = turnIdFor(CommandId.make(`start-${prompt}`));
  const asked = yield* lastOf("thread.turn-start-requested");
  yield* record(asked, `begin-${prompt}`, { type: "thread.turn.begin", turnId });
  const started = yield* lastOf("thread.turn-started");
  yield* record(started, `words-${prompt}`, {
    type: "thread.message.assistant.complete",
    turnId,
    messageId: MessageId.make(`reply-to-${prompt}`),
    offset: 0,
    text: "Done.",
  });
  yield* record(started, `end-${prompt}`, {
    type: "thread.turn.complete",
    turnId,
    status: "completed",
    reason: null,
  });
  yield* record(started, `diff-${prompt}`, {
    type: "thread.turn.diff.complete",
    turnId,
    turnCount,
    checkpointRef: CheckpointRef.make("refs/1"),
    status: "ready",
    files: [],
    assistantMessageId: null,
  });
});

/** From an event to the root of its chain, by what caused each. */
const walk = (events: ReadonlyArray<EventEnvelope>, from: EventEnvelope): ReadonlyArray<EventEnvelope> => {
  const cause = events.find((event) => event.eventId === from.causationEventId);
  if (cause === undefined) {
    assert.isNull(from.causationEventId, "the cause is in the log");
    return [from];
  }
  assert.isBelow(cause.sequence, from.sequence, "a cause comes before what it causes");
  return [from, ...walk(events, cause)];
};

const types = (chain: ReadonlyArray<EventEnvelope>) =>
  chain.map(({ eventType, commandId }) => `${eventType} by ${commandId}`);

describe("the chain from a prompt", () => {
  it.live("can be walked back from the last event of its turn", () =>
    Effect.gen(function* () {
      yield* send(createProject("p1"));
      yield* send(createThread("t1"));
      yield* send(startTurn("t1", "m1"));
      yield* work("m1", 1);
      const events = yield* log;
      const last = yield* lastOf("thread.turn-diff-completed");
      assert.deepStrictEqual(types(walk(events, last)), [
        "thread.turn-diff-completed by diff-m1",
        "thread.turn-started by begin-m1",
        "thread.turn-start-requested by start-m1",
        "thread.message-sent by start-m1",
      ]);
    }).pipe(Effect.provide(freshEngine)),
  );

  it.live("is one for all that came of it: its command is the correlation of each", () =>
    Effect.gen(function* () {
      yield* send(createProject("p1"));
      yield* send(createThread("t1"));
      yield* send(startTurn("t1", "m1"));
      yield* work("m1", 1);
      const chains = Map.groupBy(yield* log, (event) => event.correlationId);
      assert.deepStrictEqual(
        [...chains].map(([correlation, events]) => [correlation, events.length]),
        [
          ["create-p1", 1],
          ["create-t1", 1],
          ["start-m1", 8],
        ],
      );
    }).pipe(Effect.provide(freshEngine)),
  );

  it.live("that waited begins at its own command, not at the turn whose end it waited for", () =>
    Effect.gen(function* () {
      yield* send(createProject("p1"));
      yield* send(createThread("t1"));
      yield* send(startTurn("t1", "m1"));
      const asked = yield* lastOf("thread.turn-start-requested");
      yield* record(asked, "begin-m1-early", {
        type: "thread.turn.begin",
        turnId: turnIdFor(CommandId.make("start-m1")),
      });
      const started = yield* lastOf("thread.turn-started");
      yield* send({ ...startTurn("t1", "m2"), dispatchMode: "queue" } as ReturnType<typeof startTurn>);
      yield* record(started, "end-m1", {
        type: "thread.turn.complete",
        turnId: turnIdFor(CommandId.make("start-m1")),
        status: "completed",
        reason: null,
      });
      yield* work("m2", 2);
      const events = yield* log;
      const last = yield* lastOf("thread.turn-diff-completed");
      assert.deepStrictEqual(types(walk(events, last)), [
        "thread.turn-diff-completed by diff-m2",
        "thread.turn-started by begin-m2",
        // Recorded by the command that ended the first turn, and due to the prompt.
        "thread.turn-start-requested by end-m1",
        "thread.turn-queued by start-m2",
      ]);
      for (const event of walk(events, last)) assert.strictEqual(event.correlationId, "start-m2");
      const prompt = events.find(
        (event) => event.eventType === "thread.message-sent" && event.payload.messageId === "m2",
      );
      assert.strictEqual<unknown>(prompt?.commandId, "end-m1");
      assert.strictEqual<unknown>(prompt?.causationEventId, "start-m2#1");
      assert.strictEqual(prompt?.correlationId, "start-m2");
      const ended = events.find((event) => event.eventType === "thread.turn-completed");
      assert.strictEqual(ended?.correlationId, "start-m1");
    }).pipe(Effect.provide(freshEngine)),
  );

  it.live("goes on to the effects: each is due to its event, under the same correlation", () =>
    Effect.gen(function* () {
      yield* send(createProject("p1"));
      yield* send(createThread("t1"));
      yield* send(startTurn("t1", "m1"));
      const asked = yield* lastOf("thread.turn-start-requested");
      assert.strictEqual<unknown>(asked.causationEventId, "start-m1#1");
      assert.strictEqual(asked.correlationId, "start-m1");
      const effects = yield* Effects;
      const [effect] = yield* effects.claim({ owner: "test", leaseMillis: 1000, limit: 10 });
      assert.deepInclude(
        { ...effect },
        {
          kind: "turn.start",
          eventId: asked.eventId,
          eventSequence: asked.sequence,
          correlationId: "start-m1",
        },
      );
    }).pipe(Effect.provide(freshEngine)),
  );

  it.live("says who acted, and keeps an agent's ids in the metadata alone", () =>
    Effect.gen(function* () {
      yield* send(createProject("p1"));
      yield* send(createThread("t1"));
      yield* send(startTurn("t1", "m1"));
      yield* work("m1", 1);
      for (const event of yield* log) {
        const byAgent = /^(begin|words|end|diff)-/.test(event.commandId ?? "");
        assert.strictEqual(event.actorKind, byAgent ? "provider" : "client");
        assert.strictEqual(event.metadata.providerItemId, byAgent ? `item of ${event.commandId}` : undefined);
        assert.notInclude(event.streamId, "item");
      }
    }).pipe(Effect.provide(freshEngine)),
  );
});
