/** Where a command breaks several rules, the answer is the one that SPEC section 2.5 names first. */
import { describe, it } from "@effect/vitest";
import {
  approvalRequested,
  AT,
  aThread,
  done,
  event,
  given,
  projectCreated,
  projectDeleted,
  requested,
  running,
  startTurn,
  threadArchived,
  threadCreated,
  threadDeleted,
  turnQueued,
} from "./support.ts";

const revertRequested = event("thread.checkpoint-revert-requested", {
  threadId: "t1",
  turnCount: 0,
  createdAt: AT,
});
const revert = (turnCount: number) =>
  ({ type: "thread.checkpoint.revert", commandId: "c", threadId: "t1", turnCount, createdAt: AT }) as const;
const create = {
  type: "thread.create",
  commandId: "c",
  threadId: "t1",
  projectId: "nowhere",
  title: "T",
  model: "demo",
  branch: null,
  worktreePath: null,
  createdAt: AT,
} as const;
const fork = (threadId: string, sourceThreadId: string, turnCount = 9) =>
  ({ type: "thread.fork", commandId: "c", threadId, sourceThreadId, turnCount, createdAt: AT }) as const;

describe("of several rules that are broken, the first is named:", () => {
  it("that the thread is deleted, before its project", () => {
    given(aThread, threadDeleted(), projectDeleted()).when(startTurn("m1")).rejected("thread-deleted");
    given(projectCreated(), projectDeleted()).when(startTurn("m1")).rejected("thread-not-found");
  });

  it("that the project is deleted, before all that the thread has to say", () => {
    given(aThread, threadArchived, projectDeleted()).when(startTurn("m1")).rejected("project-deleted");
    given(aThread, projectDeleted())
      .when({ type: "thread.meta.update", commandId: "c", threadId: "t1" })
      .rejected("project-deleted");
  });

  it("that a new thread's id is taken, before its project or its source", () => {
    given(aThread).when(create).rejected("thread-exists");
    given(aThread).when(fork("t1", "nowhere")).rejected("thread-exists");
  });

  it("that a fork's source is deleted, before its project, and that before the turn", () => {
    given(aThread, threadDeleted(), projectDeleted()).when(fork("t2", "t1")).rejected("thread-deleted");
    given(aThread, projectDeleted()).when(fork("t2", "t1")).rejected("project-deleted");
  });

  it("of a turn's start: archived, revert, message, then what the dispatch mode says", () => {
    const thread = [...aThread, ...done("m1", 1), revertRequested];
    given(thread, threadArchived)
      .when(startTurn("m1", { commandId: "c" }))
      .rejected("thread-archived");
    given(thread)
      .when(startTurn("m1", { commandId: "c" }))
      .rejected("revert-in-progress");
    for (const dispatchMode of ["start", "queue", "steer"] as const) {
      given(aThread, running("m1"))
        .when(startTurn("m1", { commandId: "c", dispatchMode }))
        .rejected("message-exists");
    }
  });

  it("of a change of the folder: that nothing changes, before the turn", () => {
    given(aThread, running("m1"))
      .when({ type: "thread.meta.update", commandId: "c", threadId: "t1" })
      .rejected("nothing-to-update");
  });

  it("of an archive: that it is archived, before the turn that was asked for before", () => {
    given(aThread, requested("m1"), threadArchived)
      .when({ type: "thread.archive", commandId: "c", threadId: "t1" })
      .rejected("thread-archived");
  });

  it("of an answer: that no such request is open, its kind, that it was answered, and what is missing", () => {
    const answered = event("thread.user-input-response-requested", {
      threadId: "t1",
      requestId: "r1",
      answers: {},
      createdAt: AT,
    });
    const asked = event("thread.user-input-requested", {
      threadId: "t1",
      turnId: null,
      requestId: "r1",
      questions: [{ id: "q", prompt: "?" }],
      createdAt: AT,
    });
    const answer = {
      type: "thread.user-input.respond",
      commandId: "c",
      threadId: "t1",
      requestId: "r1",
      answers: { other: "1" },
      createdAt: AT,
    } as const;
    const decide = {
      type: "thread.approval.respond",
      commandId: "c",
      threadId: "t1",
      requestId: "r1",
      decision: "accept",
      createdAt: AT,
    } as const;
    given(aThread, asked, answered).when(decide).rejected("request-kind-mismatch");
    given(aThread, approvalRequested("r1")).when(answer).rejected("request-kind-mismatch");
    given(aThread, asked, answered).when(answer).rejected("request-closed");
    given(aThread, asked).when(answer).rejected("answer-missing");
  });

  it("of a revert: the turn, the revert under way, then the checkpoint", () => {
    given(aThread, running("m1"), revertRequested).when(revert(9)).rejected("turn-in-progress");
    given(aThread, done("m1", 1), revertRequested).when(revert(9)).rejected("revert-in-progress");
    given(aThread, done("m1", 1)).when(revert(9)).rejected("checkpoint-not-found");
  });

  it("of an interrupt without a turn: that none is in progress, be there what there may", () => {
    given(aThread, threadCreated("t2"), turnQueued("m1"))
      .when({ type: "thread.turn.interrupt", commandId: "c", threadId: "t1", createdAt: AT })
      .rejected("no-turn-in-progress");
  });
});
