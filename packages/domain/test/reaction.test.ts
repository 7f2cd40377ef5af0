import { assert, describe, it } from "@effect/vitest";
import { EVENT_TYPES, type EventType, type NewEvent } from "@heddle/contracts/Events";
import { ApprovalRequestId, ProjectId, ThreadId } from "@heddle/contracts/Ids";
import { laneOf, type Reaction, reactionTo } from "../src/Reaction.ts";
import {
  AT,
  event,
  projectDeleted,
  t1,
  threadCreated,
  threadDeleted,
  turnOf,
  turnStartRequested,
} from "./support.ts";

const r1 = ApprovalRequestId.make("r1");
const turnId = turnOf("m1");

const forked = event("thread.created", {
  threadId: "t1",
  projectId: "p1",
  title: "Fork",
  model: { provider: "demo" },
  branch: null,
  worktreePath: null,
  runtimeMode: "approval-required",
  forkedFrom: { threadId: "t0", turnCount: 1 },
  createdAt: AT,
});

/** Each event that asks for something in the world, what for, and in which lane that waits. */
const REACTIONS: ReadonlyArray<readonly [event: NewEvent, reaction: Reaction, lane: string]> = [
  [forked, { kind: "thread.copy-history", threadId: t1 }, "thread/t1"],
  [
    event("thread.worktree-requested", { threadId: "t1", branch: null, from: null, createdAt: AT }),
    { kind: "worktree.make", threadId: t1 },
    "thread/t1",
  ],
  [turnStartRequested("m1"), { kind: "turn.start", threadId: t1, turnId }, "thread/t1"],
  [
    event("thread.turn-steer-requested", { threadId: "t1", turnId, messageId: "m2", createdAt: AT }),
    { kind: "turn.steer", threadId: t1, turnId, messageId: "m2" },
    "thread/t1",
  ],
  [
    event("thread.turn-interrupt-requested", { threadId: "t1", turnId, createdAt: AT }),
    { kind: "turn.interrupt", threadId: t1, turnId },
    "control/t1",
  ],
  [
    event("thread.approval-response-requested", {
      threadId: "t1",
      requestId: "r1",
      decision: "decline",
      createdAt: AT,
    }),
    { kind: "approval.respond", threadId: t1, requestId: r1, decision: "decline" },
    "control/t1",
  ],
  [
    event("thread.user-input-response-requested", {
      threadId: "t1",
      requestId: "r1",
      answers: { q: "a" },
      createdAt: AT,
    }),
    { kind: "user-input.respond", threadId: t1, requestId: r1, answers: { q: "a" } },
    "control/t1",
  ],
  [
    event("thread.runtime-mode-set", { threadId: "t1", runtimeMode: "full-access" }),
    { kind: "runtime-mode.apply", threadId: t1, runtimeMode: "full-access" },
    "control/t1",
  ],
  [
    event("thread.checkpoint-revert-requested", { threadId: "t1", turnCount: 1, createdAt: AT }),
    { kind: "checkpoint.revert", threadId: t1, turnCount: 1 },
    "thread/t1",
  ],
  [
    event("thread.session-stop-requested", { threadId: "t1", createdAt: AT }),
    { kind: "session.stop", threadId: t1 },
    "control/t1",
  ],
  [threadDeleted(), { kind: "thread.clean-up", threadId: t1 }, "thread/t1"],
  [projectDeleted(), { kind: "project.clean-up", projectId: ProjectId.make("p1") }, "project/p1"],
];

describe("a reaction", () => {
  it.each(REACTIONS)("$eventType asks for $kind", (event, reaction, lane) => {
    assert.deepStrictEqual(reactionTo(event), reaction);
    assert.strictEqual(laneOf(reaction), lane);
  });

  it("is not asked for by a thread that is no fork", () => {
    assert.isUndefined(reactionTo(threadCreated()));
  });

  it("is not asked for by any other event", () => {
    const asking = new Set(REACTIONS.map(([event]) => event.eventType));
    const silent = EVENT_TYPES.filter((type) => !asking.has(type));
    assert.deepStrictEqual(
      silent,
      [
        "project.created",
        "project.meta-updated",
        "thread.meta-updated",
        "thread.worktree-made",
        "thread.worktree-failed",
        "thread.archived",
        "thread.unarchived",
        "thread.message-sent",
        "thread.turn-queued",
        "thread.turn-started",
        "thread.turn-completed",
        "thread.turn-diff-completed",
        "thread.turn-usage-recorded",
        "thread.queue-reordered",
        "thread.approval-requested",
        "thread.approval-resolved",
        "thread.user-input-requested",
        "thread.user-input-resolved",
        "thread.checkpoint-revert-failed",
        "thread.reverted",
        "thread.session-set",
        "thread.activity-appended",
      ] satisfies ReadonlyArray<EventType>,
      "a new event type says here whether it asks for something",
    );
  });

  it("shares no lane with another thread's, whatever the ids are", () => {
    const lanes = ["t1", "t1/control", "control/t1"].flatMap((id) => {
      const threadId = ThreadId.make(id);
      const kinds: ReadonlyArray<Reaction> = [
        { kind: "turn.start", threadId, turnId },
        { kind: "session.stop", threadId },
        { kind: "project.clean-up", projectId: ProjectId.make(id) },
      ];
      return kinds.map(laneOf);
    });
    assert.strictEqual(new Set(lanes).size, lanes.length, lanes.join(" "));
  });
});
