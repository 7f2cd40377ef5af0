import { assert, describe, it } from "@effect/vitest";
import type { EventEnvelope, NewEvent } from "@heddle/contracts/Events";
import type { TurnId } from "@heddle/contracts/Ids";
import {
  approvalRequested,
  approvalResolved,
  aThread,
  done,
  event,
  NOW,
  running,
  threadCreated,
  turnOf,
} from "@heddle/domain/testing/support";
import { Effect } from "effect";
import { commit, freshProjections, logOf, readModel, rowsOf, segment } from "./support.ts";

/** A turn with a row in every table. */
const turn = (name: string, turnCount: number): ReadonlyArray<NewEvent> => [
  ...running(name, turnCount),
  segment("Hello", 0, false, name),
  event("thread.activity-appended", {
    threadId: "t1",
    turnId: turnOf(name),
    tone: "info",
    kind: "plan",
    summary: `Plan of ${name}`,
    detail: null,
    createdAt: NOW,
  }),
  event("thread.approval-requested", {
    threadId: "t1",
    turnId: turnOf(name),
    requestId: `request-${name}`,
    kind: "edit",
    title: "Edit",
    detail: null,
    createdAt: NOW,
  }),
  approvalResolved(`request-${name}`, "accept"),
  ...done(name, turnCount).slice(-3),
];
const newEvent = ({ eventType, payload }: EventEnvelope) => ({ eventType, payload }) as NewEvent;

/** The read model after the batches, one commit each. */
const inBatches = (...batches: ReadonlyArray<ReadonlyArray<EventEnvelope>>) =>
  Effect.andThen(Effect.forEach(batches, commit), readModel).pipe(
    Effect.provide(freshProjections, { local: true }),
  );

const revertOf = (name: string) =>
  event("thread.reverted", {
    threadId: "t1",
    turnCount: 0,
    removedTurnIds: [turnOf(name)],
    latestTurnId: null,
    files: [],
    skipped: [],
    safetyRef: "refs/safety",
  });

/** A checkpoint of the first turn, as that of a prompt. */
const capture = (name: string) =>
  event("thread.turn-diff-completed", {
    threadId: "t1",
    turnId: turnOf(name),
    turnCount: 1,
    checkpointRef: `refs/${name}`,
    status: "ready",
    files: [],
    assistantMessageId: null,
    completedAt: NOW,
  });

describe("thread.reverted", () => {
  const ofNoTurn = [
    approvalRequested("of-no-turn"),
    event("thread.activity-appended", {
      threadId: "t1",
      turnId: null,
      tone: "info",
      kind: "notice",
      summary: "Of no turn",
      detail: null,
      createdAt: NOW,
    }),
  ];
  const log = logOf(
    aThread,
    ofNoTurn,
    turn("m1", 1),
    turn("m2", 2),
    turn("m3", 3),
    threadCreated("t2"),
    event("thread.activity-appended", {
      threadId: "t2",
      turnId: turnOf("m3"),
      tone: "info",
      kind: "notice",
      summary: "In another thread",
      detail: null,
      createdAt: NOW,
    }),
    event("thread.reverted", {
      threadId: "t1",
      turnCount: 1,
      removedTurnIds: [turnOf("m2"), turnOf("m3")],
      latestTurnId: turnOf("m1"),
      files: ["a.ts"],
      skipped: [],
      safetyRef: "refs/safety",
    }),
  );

  const LEFT: ReadonlyArray<readonly [table: string, column: string, left: ReadonlyArray<unknown>]> = [
    ["projection_thread_messages", "message_id", ["m1", "reply-to-m1"]],
    ["projection_thread_activities", "summary", ["In another thread", "Of no turn", "Plan of m1"]],
    ["projection_thread_turns", "turn_id", [turnOf("m1")]],
    ["projection_checkpoints", "checkpoint_turn_count", [1]],
    ["projection_pending_approvals", "request_id", ["of-no-turn", "request-m1"]],
    ["projection_threads", "latest_turn_id", [null, turnOf("m1")]],
  ];

  const inOneBatch = [log];
  const inTwoBatches = [log.slice(0, -1), log.slice(-1)];
  const inMany = log.map((event) => [event]);

  it.effect.each([
    ["in one batch", inOneBatch],
    ["in a batch of its own", inTwoBatches],
    ["event by event", inMany],
  ] as ReadonlyArray<readonly [string, ReadonlyArray<ReadonlyArray<EventEnvelope>>]>)(
    "takes away the rows of the removed turns, those alone and of this thread alone, %s",
    ([, batches]) =>
      Effect.gen(function* () {
        for (const batch of batches) yield* commit(batch);
        for (const [table, column, left] of LEFT) {
          const rows = yield* rowsOf(table);
          assert.deepStrictEqual(rows.map((row) => row[column]).toSorted(), left, table);
        }
      }).pipe(Effect.provide(freshProjections)),
  );

  it.effect(
    "makes room: the next turn has the count of the first one removed, wherever the batches are cut",
    () =>
      Effect.gen(function* () {
        // Late words and a late checkpoint of a removed turn come in between.
        const again = logOf(
          log.slice(0, -1).map(newEvent),
          segment(" late", 5, true, null, "reply-to-m3"),
          log.slice(-1).map(newEvent),
          turn("m4", 2),
          segment(" later", 10, true, null, "reply-to-m3"),
        );
        const live = yield* inBatches(...again.map((event) => [event]));
        assert.deepStrictEqual(
          live["projection_thread_turns"]?.map((row) => [row["turn_count"], row["turn_id"]]),
          [
            [1, turnOf("m1")],
            [2, turnOf("m4")],
          ],
        );
        assert.deepStrictEqual(yield* inBatches(again), live);
        for (let cut = again.length - 20; cut < again.length; cut += 1) {
          assert.deepStrictEqual(
            yield* inBatches(again.slice(0, cut), again.slice(cut)),
            live,
            `cut at ${cut}`,
          );
        }
      }),
  );

  it.effect(
    "takes a checkpoint away with the turn that it is of, also where it had taken another's place",
    () =>
      Effect.gen(function* () {
        const events = logOf(aThread, capture("m1"), capture("m2"), revertOf("m2"));
        const live = yield* inBatches(...events.map((each) => [each]));
        assert.deepStrictEqual(live["projection_checkpoints"], []);
        assert.deepStrictEqual(yield* inBatches(events.slice(0, 3), events.slice(3)), live);
        assert.deepStrictEqual(yield* inBatches(events), live);
      }),
  );

  it.effect("takes a request and a message away with the turn that they were in last", () =>
    Effect.gen(function* () {
      const asked = (turnId: TurnId | null) =>
        event("thread.approval-requested", {
          threadId: "t1",
          turnId,
          requestId: "r1",
          kind: "edit",
          title: "Edit",
          detail: null,
          createdAt: NOW,
        });
      const before = logOf(aThread, asked(null), segment("Hello", 0, true, "m1"));
      const events = logOf(
        aThread,
        asked(null),
        segment("Hello", 0, true, "m1"),
        asked(turnOf("m2")),
        segment(" again", 5, true, "m2", "reply-to-m1"),
        revertOf("m2"),
      );
      const live = yield* inBatches(...events.map((each) => [each]));
      assert.deepStrictEqual(live["projection_pending_approvals"], []);
      assert.deepStrictEqual(
        yield* inBatches(events.slice(0, before.length), events.slice(before.length)),
        live,
      );
      assert.deepStrictEqual(yield* inBatches(events), live);
    }),
  );
});
