import { assert, describe, it } from "@effect/vitest";
import type { Attachment } from "@heddle/contracts/Model";
import { CommandId, ThreadId } from "@heddle/contracts/Ids";
import { Blobs } from "@heddle/event-store/Blobs";
import { EventStore } from "@heddle/event-store/EventStore";
import { Queries } from "@heddle/projections/Queries";
import { Effect } from "effect";
import { SqlClient } from "effect/sql";
import { Engine } from "../src/Engine.ts";
import { AT, createProject, createThread, freshEngine, send, startTurn } from "./support.ts";

const t1 = ThreadId.make("t1");
const LONG = "What was said. ".repeat(10_000);
const photo: Attachment = {
  name: "photo.png",
  mimeType: "image/png",
  data: Buffer.alloc(50_000, 7).toString("base64"),
};

const aThread = Effect.andThen(send(createProject("p1")), send(createThread("t1")));

const prompt = (messageId: string, text: string, dispatchMode: "start" | "queue" = "start") =>
  send({
    type: "thread.turn.start",
    commandId: `start-${messageId}`,
    threadId: "t1",
    message: { messageId, role: "user", text, attachments: [photo] },
    dispatchMode,
    createdAt: AT,
  });

/** An agent's tool shows something. */
const show = (commandId: string, output: string) =>
  Effect.flatMap(Engine, (engine) =>
    engine.dispatch(
      {
        type: "thread.activity.append",
        commandId: CommandId.make(commandId),
        threadId: t1,
        turnId: null,
        tone: "tool",
        kind: "tool.completed",
        summary: "Looked",
        detail: { itemId: "call-1", content: { output } },
      },
      { actor: "provider", causationEventId: null, correlationId: null, metadata: {} },
    ),
  );

const count = (what: string) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient;
    const [row] = yield* sql<{ count: number }>`SELECT count(*) AS count FROM ${sql(what)}`;
    return row?.count ?? -1;
  });

const largestEvent = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient;
  const [row] = yield* sql<{ most: number }>`
    SELECT max(octet_length(payload_json)) AS most FROM orchestration_events`;
  return row?.most ?? -1;
});

describe("content that is too large for an event", () => {
  it.effect("is stored once, whatever refers to it: two tools' outputs, two prompts, two images", () =>
    Effect.gen(function* () {
      yield* aThread;
      yield* show("shown-1", LONG);
      yield* show("shown-2", LONG);
      yield* prompt("m1", LONG);
      yield* prompt("m2", LONG, "queue");
      assert.strictEqual(yield* count("orchestration_blobs"), 2);
      assert.isBelow(yield* largestEvent, 8 * 1024);
    }).pipe(Effect.provide(freshEngine)),
  );

  it.effect("leaves nothing behind where its command is refused", () =>
    Effect.gen(function* () {
      yield* aThread;
      yield* prompt("m1", "hello");
      const before = yield* count("orchestration_blobs");
      assert.strictEqual((yield* Effect.flip(prompt("m2", LONG)))._tag, "CommandRejected");
      assert.strictEqual(yield* count("orchestration_blobs"), before);
    }).pipe(Effect.provide(freshEngine)),
  );

  it.effect("makes no other command of the one that brought it: sent again, it is the same", () =>
    Effect.gen(function* () {
      yield* aThread;
      const first = yield* prompt("m1", LONG);
      assert.deepStrictEqual(yield* prompt("m1", LONG), first);
      assert.strictEqual((yield* Effect.flip(prompt("m1", `${LONG}!`)))._tag, "CommandIdConflict");
    }).pipe(Effect.provide(freshEngine)),
  );

  it.effect("goes with its prompt through the queue: the message refers to it when the turn begins", () =>
    Effect.gen(function* () {
      yield* aThread;
      yield* send(startTurn("t1", "m1"));
      yield* prompt("m2", LONG, "queue");
      yield* send({
        type: "thread.turn.interrupt",
        commandId: "interrupt",
        threadId: "t1",
        turnId: "turn:start-m1",
        createdAt: AT,
      });
      const store = yield* EventStore;
      const blobs = yield* Blobs;
      const { events } = yield* store.readAll({ fromSequenceExclusive: 0, limit: 100 });
      const said = events.findLast(({ eventType }) => eventType === "thread.message-sent");
      assert(said?.eventType === "thread.message-sent");
      assert.strictEqual(said.payload.messageId, "m2");
      assert.isBelow(said.payload.text.length, 5000);
      assert.strictEqual(yield* blobs.textOf(said.payload), LONG);
      const [image] = said.payload.attachments;
      assert.strictEqual(image && (yield* blobs.dataOf(image)), photo.data);
      const asked = events.findLast(({ eventType }) => eventType === "thread.turn-start-requested");
      assert.doesNotHaveAnyKeys(asked?.payload, ["fullText", "text", "attachments"]);
    }).pipe(Effect.provide(freshEngine)),
  );

  it.effect(
    "is referred to by what readers get, which stays small: a page of a thread, the list of threads",
    () =>
      Effect.gen(function* () {
        yield* aThread;
        yield* prompt("m1", LONG);
        for (let index = 0; index < 100; index += 1) yield* show(`shown-${index}`, `${index} ${LONG}`);
        yield* prompt("m2", LONG, "queue");
        const queries = yield* Queries;
        const page = yield* queries.threadSnapshot({ threadId: t1, limit: 200 });
        assert.isNull(page.olderCursor);
        assert.lengthOf(page.thread.activities, 100);
        assert.isBelow(Buffer.byteLength(JSON.stringify(page)), 300 * 1024);
        const [message] = page.thread.messages;
        const [queued] = page.thread.queuedTurns;
        assert.strictEqual(message?.fullText?.bytes, LONG.length);
        assert.deepStrictEqual(queued?.fullText, message?.fullText);
      }).pipe(Effect.provide(freshEngine)),
  );
});
