import { describe, it } from "@effect/vitest";
import type { ClientCommandInput } from "@heddle/contracts/Commands";
import {
  AT,
  aThread,
  begins,
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
} from "./support.ts";

const createThread = {
  type: "thread.create",
  commandId: "c1",
  threadId: "t1",
  projectId: "p1",
  title: "Thread",
  model: "demo",
  branch: "main",
  worktreePath: null,
  createdAt: AT,
} as const satisfies ClientCommandInput;

describe("thread.create", () => {
  it("creates the thread, which asks for approvals unless told otherwise", () => {
    given(projectCreated()).when(createThread).gives(threadCreated());
  });

  it("takes a runtime mode and a model with options", () => {
    given(projectCreated())
      .when({
        ...createThread,
        model: { provider: "codex", model: "gpt-5", options: { fast: true } },
        runtimeMode: "full-access",
        worktreePath: "/srv/trees/1",
      })
      .gives(
        event("thread.created", {
          threadId: "t1",
          projectId: "p1",
          title: "Thread",
          model: { provider: "codex", model: "gpt-5", options: { fast: true } },
          branch: "main",
          worktreePath: "/srv/trees/1",
          runtimeMode: "full-access",
          forkedFrom: null,
          createdAt: AT,
        }),
      );
  });

  it("is refused without its project", () => {
    given(projectCreated("p2")).when(createThread).rejected("project-not-found");
  });

  it("is refused in a deleted project", () => {
    given(projectCreated(), projectDeleted()).when(createThread).rejected("project-deleted");
  });

  it("is refused where the id is taken", () => {
    given(aThread).when(createThread).rejected("thread-exists");
  });

  it("is refused where the id was taken by a thread that is deleted", () => {
    given(aThread, threadDeleted()).when(createThread).rejected("thread-exists");
  });
});

describe("thread.meta.update", () => {
  it("says what changed and nothing else", () => {
    given(aThread)
      .when({ type: "thread.meta.update", commandId: "c2", threadId: "t1", title: "Renamed", model: "codex" })
      .gives(
        event("thread.meta-updated", { threadId: "t1", title: "Renamed", model: { provider: "codex" } }),
      );
  });

  it("takes branch and folder away with null", () => {
    given(aThread)
      .when({ type: "thread.meta.update", commandId: "c2", threadId: "t1", branch: null, worktreePath: null })
      .gives(event("thread.meta-updated", { threadId: "t1", branch: null, worktreePath: null }));
  });

  it("is refused where it changes nothing", () => {
    given(aThread)
      .when({ type: "thread.meta.update", commandId: "c2", threadId: "t1" })
      .rejected("nothing-to-update");
  });

  const move = {
    type: "thread.meta.update",
    commandId: "c2",
    threadId: "t1",
    worktreePath: "/other",
  } as const;

  it("does not move the folder away under a turn that runs, or that was asked for", () => {
    given(aThread, running("m1")).when(move).rejected("turn-in-progress");
    given(aThread, requested("m1")).when(move).rejected("turn-in-progress");
  });

  it("moves the folder between turns, and renames during one", () => {
    given(aThread, done("m1", 1))
      .when(move)
      .gives(event("thread.meta-updated", { threadId: "t1", worktreePath: "/other" }));
    given(aThread, running("m1"))
      .when({ type: "thread.meta.update", commandId: "c2", threadId: "t1", title: "Renamed" })
      .gives(event("thread.meta-updated", { threadId: "t1", title: "Renamed" }));
  });
});

describe("thread.archive", () => {
  const archive = { type: "thread.archive", commandId: "c2", threadId: "t1" } as const;

  it("archives the thread", () => {
    given(aThread).when(archive).gives(threadArchived);
  });

  it("is refused the second time", () => {
    given(aThread, threadArchived).when(archive).rejected("thread-archived");
  });

  it("is refused during a turn", () => {
    given(aThread, running("m1")).when(archive).rejected("turn-in-progress");
    given(aThread, requested("m1")).when(archive).rejected("turn-in-progress");
  });
});

describe("thread.unarchive", () => {
  const unarchive = { type: "thread.unarchive", commandId: "c3", threadId: "t1" } as const;
  const threadUnarchived = event("thread.unarchived", { threadId: "t1" });

  it("takes the thread back, and turns start again", () => {
    given(aThread, threadArchived).when(unarchive).gives(threadUnarchived);
    given(aThread, threadArchived, threadUnarchived).when(startTurn("m1")).gives(begins("m1"));
  });

  it("is refused where the thread is not archived", () => {
    given(aThread).when(unarchive).rejected("thread-not-archived");
    given(aThread, threadArchived, threadUnarchived).when(unarchive).rejected("thread-not-archived");
  });
});

describe("thread.runtime-mode.set", () => {
  it("sets the mode, also during a turn", () => {
    const set = {
      type: "thread.runtime-mode.set",
      commandId: "c2",
      threadId: "t1",
      runtimeMode: "full-access",
    } as const;
    const modeSet = event("thread.runtime-mode-set", { threadId: "t1", runtimeMode: "full-access" });
    given(aThread).when(set).gives(modeSet);
    given(aThread, running("m1")).when(set).gives(modeSet);
  });
});

/** Every command of a client that works in a thread which is there already. */
const INSIDE: ReadonlyArray<ClientCommandInput> = [
  { type: "thread.meta.update", commandId: "c2", threadId: "t1", title: "Renamed" },
  { type: "thread.archive", commandId: "c2", threadId: "t1" },
  { type: "thread.unarchive", commandId: "c2", threadId: "t1" },
  { type: "thread.runtime-mode.set", commandId: "c2", threadId: "t1", runtimeMode: "full-access" },
  startTurn("m1"),
  startTurn("m1", { dispatchMode: "queue" }),
  startTurn("m1", { dispatchMode: "steer" }),
  { type: "thread.turn.interrupt", commandId: "c2", threadId: "t1", createdAt: AT },
  {
    type: "thread.approval.respond",
    commandId: "c2",
    threadId: "t1",
    requestId: "r1",
    decision: "accept",
    createdAt: AT,
  },
  {
    type: "thread.user-input.respond",
    commandId: "c2",
    threadId: "t1",
    requestId: "r1",
    answers: {},
    createdAt: AT,
  },
  { type: "thread.checkpoint.revert", commandId: "c2", threadId: "t1", turnCount: 0, createdAt: AT },
  { type: "thread.session.stop", commandId: "c2", threadId: "t1", createdAt: AT },
];
const remove: ClientCommandInput = { type: "thread.delete", commandId: "c2", threadId: "t1" };

describe.each([...INSIDE, remove].map((command) => [command.type, command] as const))("%s", (_, command) => {
  it("is refused without its thread", () => {
    given(projectCreated()).when(command).rejected("thread-not-found");
  });

  it("is refused in a deleted thread", () => {
    given(aThread, running("m0"), threadDeleted()).when(command).rejected("thread-deleted");
  });
});

describe.each(INSIDE.map((command) => [command.type, command] as const))("%s", (_, command) => {
  it("is refused in a deleted project", () => {
    given(aThread, projectDeleted()).when(command).rejected("project-deleted");
  });
});

describe("thread.delete", () => {
  it("is possible in a deleted project, whose threads are cleaned up by it", () => {
    given(aThread, projectDeleted()).when(remove).gives(threadDeleted());
  });

  it("is possible in an archived thread", () => {
    given(aThread, threadArchived).when(remove).gives(threadDeleted());
  });
});
