import { describe, it } from "@effect/vitest";
import type { ClientCommandInput } from "@heddle/contracts/Commands";
import {
  AT,
  aThread,
  done,
  event,
  given,
  projectCreated,
  projectDeleted,
  running,
  threadArchived,
  threadCreated,
  threadDeleted,
  turnOf,
} from "./support.ts";

const fork = (turnCount: number): ClientCommandInput => ({
  type: "thread.fork",
  commandId: "c2",
  threadId: "t2",
  sourceThreadId: "t1",
  turnCount,
  createdAt: AT,
});
const forked = (turnCount: number) =>
  event("thread.created", {
    threadId: "t2",
    projectId: "p1",
    title: "Thread",
    model: { provider: "demo" },
    branch: "main",
    worktreePath: null,
    runtimeMode: "approval-required",
    forkedFrom: { threadId: "t1", turnCount },
    createdAt: AT,
  });

describe("thread.fork", () => {
  it("makes a thread with the source's settings, up to any turn that has ended", () => {
    const source = given(aThread, done("m1", 1), done("m2", 2));
    source.when(fork(0)).gives(forked(0));
    source.when(fork(1)).gives(forked(1));
    source.when(fork(2)).gives(forked(2));
  });

  it("takes the settings as they are now, and a title of its own", () => {
    given(
      aThread,
      event("thread.meta-updated", { threadId: "t1", title: "Renamed", branch: "next" }),
      event("thread.runtime-mode-set", { threadId: "t1", runtimeMode: "full-access" }),
    )
      .when({ ...fork(0), title: "Another way" } as ClientCommandInput)
      .gives(
        event("thread.created", {
          threadId: "t2",
          projectId: "p1",
          title: "Another way",
          model: { provider: "demo" },
          branch: "next",
          worktreePath: null,
          runtimeMode: "full-access",
          forkedFrom: { threadId: "t1", turnCount: 0 },
          createdAt: AT,
        }),
      );
  });

  it("is possible from an archived thread", () => {
    given(aThread, threadArchived).when(fork(0)).gives(forked(0));
  });

  it("is refused from a turn that the source has not had", () => {
    given(aThread, done("m1", 1)).when(fork(2)).rejected("turn-not-found");
  });

  it("is refused from the turn that runs, and possible from the one before", () => {
    const source = given(aThread, done("m1", 1), running("m2", 2));
    source.when(fork(2)).rejected("turn-not-found");
    source.when(fork(1)).gives(forked(1));
  });

  it("is refused from a turn that was reverted", () => {
    const reverted = event("thread.reverted", {
      threadId: "t1",
      turnCount: 1,
      removedTurnIds: [turnOf("m2")],
      latestTurnId: turnOf("m1"),
      files: [],
      skipped: [],
      safetyRef: "refs/heddle/safety",
    });
    given(aThread, done("m1", 1), done("m2", 2), reverted).when(fork(2)).rejected("turn-not-found");
  });

  it("is refused without the source, from a deleted one, and in a deleted project", () => {
    given(projectCreated()).when(fork(0)).rejected("thread-not-found");
    given(aThread, threadDeleted()).when(fork(0)).rejected("thread-deleted");
    given(aThread, projectDeleted()).when(fork(0)).rejected("project-deleted");
  });

  it("is refused where the new id is taken, also by the source itself", () => {
    given(aThread, threadCreated("t2")).when(fork(0)).rejected("thread-exists");
    given(aThread, threadCreated("t2"), threadDeleted("t2")).when(fork(0)).rejected("thread-exists");
    given(aThread)
      .when({ ...fork(0), threadId: "t1" } as ClientCommandInput)
      .rejected("thread-exists");
  });
});
