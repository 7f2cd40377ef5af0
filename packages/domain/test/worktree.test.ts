import { describe, it } from "@effect/vitest";
import type { ClientCommandInput } from "@heddle/contracts/Commands";
import { AT, event, given, NOW, projectCreated, server, threadCreated, threadDeleted } from "./support.ts";

const create = (
  more: Partial<Extract<ClientCommandInput, { type: "thread.create" }>>,
): ClientCommandInput => ({
  type: "thread.create",
  commandId: "c1",
  threadId: "t1",
  projectId: "p1",
  title: "Thread",
  model: "demo",
  branch: null,
  worktreePath: null,
  createdAt: AT,
  ...more,
});

const created = (threadId: string, forkedFrom: { threadId: string; turnCount: number } | null = null) =>
  event("thread.created", {
    threadId,
    projectId: "p1",
    title: "Thread",
    model: { provider: "demo" },
    branch: null,
    worktreePath: null,
    runtimeMode: "approval-required",
    forkedFrom,
    createdAt: AT,
  });

const wanted = (threadId: string, branch: string | null, from: string | null) =>
  event("thread.worktree-requested", { threadId, branch, from, createdAt: AT });

const made = event("thread.worktree-made", {
  threadId: "t1",
  branch: "feature",
  worktreePath: "/data/worktrees/t1/shop",
  baseCommit: "abc",
  createdAt: NOW,
});

const failed = event("thread.worktree-failed", { threadId: "t1", reason: "No commit yet.", createdAt: NOW });

const make = server({
  type: "thread.worktree.made",
  branch: "feature",
  worktreePath: "/data/worktrees/t1/shop",
  baseCommit: "abc",
});
const fail = server({ type: "thread.worktree.fail", reason: "No commit yet." });
const fork: ClientCommandInput = {
  type: "thread.fork",
  commandId: "c2",
  threadId: "t2",
  sourceThreadId: "t1",
  turnCount: 0,
  createdAt: AT,
};
const moveTo = (worktreePath: string | null): ClientCommandInput => ({
  type: "thread.meta.update",
  commandId: "c3",
  threadId: "t1",
  worktreePath,
});

const aThread = [projectCreated(), created("t1"), wanted("t1", "feature", "main")];

describe("a worktree of a thread's own", () => {
  it("is asked for as the thread is created, by name or not", () => {
    given(projectCreated())
      .when(create({ worktree: { branch: "feature", from: "main" } }))
      .gives(created("t1"), wanted("t1", "feature", "main"));
    given(projectCreated())
      .when(create({ worktree: {} }))
      .gives(created("t1"), wanted("t1", null, null));
  });

  it("is not for a thread that is given a folder", () => {
    given(projectCreated())
      .when(create({ worktree: {}, worktreePath: "/elsewhere/tree" }))
      .rejected("worktree-conflict");
  });

  it("is made once", () => {
    given(aThread).when(make).gives(made);
    given(aThread, made).when(make).rejected("worktree-conflict");
    given(aThread, made).when(fail).rejected("worktree-conflict");
  });

  it("can be made after it could not be", () => {
    given(aThread).when(fail).gives(failed);
    given(aThread, failed).when(fail).gives(failed);
    given(aThread, failed).when(make).gives(made);
  });

  it("is not made for a thread that did not ask, or is gone", () => {
    given(projectCreated(), threadCreated()).when(make).rejected("worktree-conflict");
    given(aThread, threadDeleted()).when(make).rejected("thread-deleted");
  });

  it("is given up by naming a folder, as long as it is not there", () => {
    const moved = event("thread.meta-updated", { threadId: "t1", worktreePath: null });
    given(aThread, failed).when(moveTo(null)).gives(moved);
    given(aThread, failed, moved).when(make).rejected("worktree-conflict");
    given(aThread, made).when(moveTo(null)).rejected("worktree-conflict");
    given(aThread, made).when(moveTo("/work")).rejected("worktree-conflict");
  });

  it("is not shared with a fork, which gets one that begins where the source's branch stands", () => {
    const forked = created("t2", { threadId: "t1", turnCount: 0 });
    given(aThread, made)
      .when(fork)
      .gives(forked, wanted("t2", null, "feature"));
  });

  it("is wanted by a fork as by a source that has not got it yet, under another name", () => {
    const forked = created("t2", { threadId: "t1", turnCount: 0 });
    given(aThread)
      .when(fork)
      .gives(forked, wanted("t2", null, "main"));
    given(projectCreated(), created("t1"), wanted("t1", null, null))
      .when(fork)
      .gives(forked, wanted("t2", null, null));
  });
});
