import { assert, describe, it } from "@effect/vitest";
import {
  approvalRequested,
  approvalResolved,
  AT,
  aThread,
  done,
  event,
  NOW,
  projectCreated,
  projectDeleted,
  questionAsked,
  requested,
  running,
  sessionSet,
  threadArchived,
  threadCreated,
  threadDeleted,
  turnCompleted,
  turnOf,
  turnQueued,
} from "@heddle/domain/testing/support";
import { ProjectId, ThreadId } from "@heddle/contracts/Ids";
import type { SessionStatus } from "@heddle/contracts/Model";
import { ShellSnapshot, Snapshot, ThreadSnapshot } from "@heddle/contracts/ReadModel";
import { Effect, Schema } from "effect";
import { SqlClient } from "effect/sql";
import { Queries } from "../src/Queries.ts";
import { at, commit, freshProjections, logOf } from "./support.ts";

const t1 = ThreadId.make("t1");

const log = logOf(
  aThread,
  sessionSet({ providerName: "demo", status: "ready" }),
  done("m1", 1),
  running("m2", 2),
  event("thread.activity-appended", {
    threadId: "t1",
    turnId: turnOf("m2"),
    tone: "tool",
    kind: "tool.started",
    summary: "Runs ls",
    detail: { command: "ls" },
    createdAt: NOW,
  }),
  approvalRequested("r1"),
  questionAsked("r2", "q"),
  approvalResolved("r1", "accept"),
  turnQueued("m3"),
);

describe("getSnapshot", () => {
  it.effect("is empty, at 0, before anything has happened", () =>
    Effect.gen(function* () {
      const queries = yield* Queries;
      assert.deepStrictEqual(yield* queries.snapshot, {
        snapshotSequence: 0,
        laggingProjectors: [],
        projects: [],
        threads: [],
      });
    }).pipe(Effect.provide(freshProjections)),
  );

  it.effect("holds projects and threads with all that belongs to them, in the contract's form", () =>
    Effect.gen(function* () {
      const queries = yield* Queries;
      yield* commit(log);
      const snapshot = yield* queries.snapshot;
      assert.strictEqual(snapshot.snapshotSequence, log.length);
      assert.deepStrictEqual<unknown>(snapshot.projects, [
        {
          projectId: "p1",
          title: "Project",
          workspaceRoot: "/work",
          defaultModel: null,
          scripts: [],
          createdAt: AT,
          updatedAt: at(1),
          deletedAt: null,
        },
      ]);
      const [thread] = snapshot.threads;
      const { messages, activities, turns, checkpoints, session, pendingApprovals, ...head } = thread ?? {};
      assert.deepStrictEqual<unknown>(head, {
        threadId: "t1",
        projectId: "p1",
        title: "Thread",
        model: { provider: "demo" },
        branch: "main",
        worktreePath: null,
        runtimeMode: "approval-required",
        latestTurnId: turnOf("m2"),
        forkedFrom: null,
        queuedTurns: [{ turnId: turnOf("m3"), messageId: "m3", text: "Please do m3", createdAt: AT }],
        usage: null,
        context: null,
        worktree: null,
        createdAt: AT,
        updatedAt: at(log.length),
        archivedAt: null,
        deletedAt: null,
      });
      assert.deepStrictEqual(
        messages?.map(({ messageId, role, isStreaming, sequence }) => ({
          messageId,
          role,
          isStreaming,
          sequence,
        })) as unknown,
        [
          { messageId: "m1", role: "user", isStreaming: false, sequence: 4 },
          { messageId: "m2", role: "user", isStreaming: false, sequence: 11 },
        ],
      );
      assert.deepStrictEqual<unknown>(
        activities?.map(({ activityId, payload }) => ({ activityId, payload })),
        [{ activityId: "event-15", payload: { command: "ls" } }],
      );
      assert.deepStrictEqual<unknown>(
        turns?.map(({ turnCount, status }) => [turnCount, status]),
        [
          [1, "completed"],
          [2, "running"],
        ],
      );
      assert.deepStrictEqual<unknown>(
        checkpoints?.map(({ checkpointTurnCount, status }) => [checkpointTurnCount, status]),
        [[1, "ready"]],
      );
      assert.deepInclude({ ...session }, { status: "running", activeTurnId: turnOf("m2") });
      assert.deepStrictEqual<unknown>(
        pendingApprovals?.map(({ requestId, kind, status, decision }) => [requestId, kind, status, decision]),
        [
          ["r1", "execute", "resolved", "accept"],
          ["r2", "user-input", "pending", null],
        ],
      );
      yield* Schema.encodeEffect(Snapshot)(snapshot);
    }).pipe(Effect.provide(freshProjections)),
  );

  it.effect("holds what was deleted, marked as such", () =>
    Effect.gen(function* () {
      const queries = yield* Queries;
      yield* commit(logOf(aThread, threadDeleted(), projectDeleted()));
      const { projects, threads } = yield* queries.snapshot;
      assert.deepStrictEqual(
        [...projects, ...threads].map(({ deletedAt }) => deletedAt),
        [at(4), at(3)],
      );
    }).pipe(Effect.provide(freshProjections)),
  );

  it.effect("stands at the smallest cursor of all projectors: everything up to it is in", () =>
    Effect.gen(function* () {
      const queries = yield* Queries;
      const sql = yield* SqlClient.SqlClient;
      yield* commit(log);
      yield* sql`UPDATE projection_state SET last_applied_sequence = 5 WHERE projector = 'thread-turns'`;
      const { snapshotSequence, laggingProjectors } = yield* queries.snapshot;
      assert.strictEqual(snapshotSequence, 5);
      assert.deepStrictEqual(laggingProjectors, [
        { projector: "thread-turns", lastAppliedSequence: 5, behind: log.length - 5, fault: null },
      ]);
      assert.deepInclude(yield* queries.shellSnapshot({}), { snapshotSequence, laggingProjectors });
      assert.strictEqual((yield* queries.threadSnapshot({ threadId: t1, limit: 10 })).snapshotSequence, 5);
    }).pipe(Effect.provide(freshProjections)),
  );
});

describe("getShellSnapshot", () => {
  it.effect("holds threads without their history, with the session and what waits for an answer", () =>
    Effect.gen(function* () {
      const queries = yield* Queries;
      yield* commit(log);
      const shell = yield* queries.shellSnapshot({});
      const [thread] = shell.threads;
      assert.deepStrictEqual(shell.projects, (yield* queries.snapshot).projects);
      assert.deepInclude({ ...thread?.session }, { status: "running", providerName: null });
      assert.deepStrictEqual<unknown>(
        thread?.pendingApprovals.map(({ requestId }) => requestId),
        ["r2"],
      );
      assert.notProperty(thread, "messages");
      yield* Schema.encodeEffect(ShellSnapshot)(shell);
    }).pipe(Effect.provide(freshProjections)),
  );

  it.effect("leaves out what was deleted, and keeps what was archived", () =>
    Effect.gen(function* () {
      const queries = yield* Queries;
      yield* commit(
        logOf(
          projectCreated("p1"),
          projectCreated("p2"),
          threadCreated("t1"),
          threadCreated("t2"),
          threadCreated("t3", "p2"),
          threadArchived,
          threadDeleted("t2"),
          projectDeleted("p2"),
        ),
      );
      const { projects, threads } = yield* queries.shellSnapshot({});
      assert.deepStrictEqual<unknown>(
        projects.map(({ projectId }) => projectId),
        ["p1"],
      );
      // A deleted project's threads are deleted one by one, by their own events.
      assert.deepStrictEqual<unknown>(
        threads.map(({ threadId, archivedAt }) => [threadId, archivedAt]),
        [
          ["t1", at(6)],
          ["t3", null],
        ],
      );
    }).pipe(Effect.provide(freshProjections)),
  );
});

describe("getThreadSnapshot", () => {
  it.effect("says NotFound of a thread that never was or was deleted", () =>
    Effect.gen(function* () {
      const queries = yield* Queries;
      yield* commit(logOf(aThread, threadCreated("t2"), threadDeleted("t2")));
      for (const threadId of ["t2", "t3"]) {
        const failure = yield* Effect.flip(
          queries.threadSnapshot({ threadId: ThreadId.make(threadId), limit: 10 }),
        );
        assert.deepInclude({ ...failure }, { _tag: "NotFound", kind: "thread", id: threadId });
      }
    }).pipe(Effect.provide(freshProjections)),
  );

  it.effect("holds what the snapshot holds of a small thread, in one page", () =>
    Effect.gen(function* () {
      const queries = yield* Queries;
      yield* commit(log);
      const page = yield* queries.threadSnapshot({ threadId: t1, limit: 100 });
      const [thread] = (yield* queries.snapshot).threads;
      assert.deepStrictEqual<unknown>(page, { snapshotSequence: log.length, thread, olderCursor: null });
      yield* Schema.encodeEffect(ThreadSnapshot)(page);
    }).pipe(Effect.provide(freshProjections)),
  );
});

describe("a thread or project by its id", () => {
  it.effect("is there when deleted too, and undefined where there is none", () =>
    Effect.gen(function* () {
      const queries = yield* Queries;
      yield* commit(logOf(aThread, approvalRequested("r1"), threadDeleted(), projectDeleted()));
      const thread = yield* queries.thread(t1);
      assert.strictEqual(thread?.deletedAt, at(4));
      assert.lengthOf(thread?.pendingApprovals ?? [], 1);
      assert.strictEqual((yield* queries.project(ProjectId.make("p1")))?.deletedAt, at(5));
      assert.isUndefined(yield* queries.thread(ThreadId.make("t2")));
      assert.isUndefined(yield* queries.project(ProjectId.make("p2")));
    }).pipe(Effect.provide(freshProjections)),
  );

  it.effect("has the turns that stand, and its history up to the end of each", () =>
    Effect.gen(function* () {
      const queries = yield* Queries;
      const imported = event("thread.message-sent", {
        threadId: "t1",
        messageId: "imported",
        turnId: null,
        role: "user",
        text: "Before",
        offset: 0,
        streaming: false,
        attachments: [],
        createdAt: AT,
      });
      yield* commit(
        logOf(
          aThread,
          imported,
          done("m1", 1),
          done("m2", 2),
          requested("m3"),
          turnCompleted("m3", "interrupted"),
          threadCreated("t2"),
        ),
      );
      assert.strictEqual(yield* queries.turnCount(t1), 2);
      assert.strictEqual(yield* queries.turnCount(ThreadId.make("t2")), 0);
      const history = (turnCount: number) =>
        Effect.map(queries.history(t1, turnCount), (messages) =>
          messages.map((message) => String(message.messageId)),
        );
      assert.deepStrictEqual(yield* history(0), ["imported"]);
      assert.deepStrictEqual(yield* history(1), ["imported", "m1"]);
      assert.deepStrictEqual(yield* history(2), ["imported", "m1", "m2"]);
    }).pipe(Effect.provide(freshProjections)),
  );

  it.effect("has the threads of a project that are not deleted", () =>
    Effect.gen(function* () {
      const queries = yield* Queries;
      yield* commit(
        logOf(
          aThread,
          threadCreated("t2"),
          threadCreated("t3", "p2"),
          threadCreated("t4"),
          threadDeleted("t2"),
        ),
      );
      assert.deepStrictEqual<unknown>(yield* queries.threadsOf(ProjectId.make("p1")), ["t1", "t4"]);
    }).pipe(Effect.provide(freshProjections)),
  );
});

/** The session of the thread `t2`. */
const sessionOfT2 = (status: SessionStatus) =>
  event("thread.session-set", {
    threadId: "t2",
    session: {
      status,
      providerName: "demo",
      providerSessionId: null,
      providerThreadId: null,
      activeTurnId: null,
      lastError: null,
    },
  });

describe("threads that a start has to settle", () => {
  it.effect("are those that claim a turn, an open request or a live session, and no others", () =>
    Effect.gen(function* () {
      const queries = yield* Queries;
      yield* commit(logOf(aThread, threadCreated("t2"), done("m1", 1), sessionSet({ status: "stopped" })));
      assert.deepStrictEqual(yield* queries.unsettledThreads, []);
    }).pipe(Effect.provide(freshProjections)),
  );

  it.effect.each(["starting", "running", "ready"] as const)(
    "are found by a session that says it is %s",
    (status) =>
      Effect.gen(function* () {
        const queries = yield* Queries;
        yield* commit(logOf(aThread, threadCreated("t2"), sessionOfT2(status)));
        assert.deepStrictEqual<unknown>(yield* queries.unsettledThreads, [
          { threadId: "t2", runningTurn: null },
        ]);
      }).pipe(Effect.provide(freshProjections)),
  );

  it.effect("are found by their running turn, whatever the session says, and by an open request", () =>
    Effect.gen(function* () {
      const queries = yield* Queries;
      yield* commit(logOf(aThread, running("m1"), sessionSet({ status: "error" })));
      const [unsettled] = yield* queries.unsettledThreads;
      assert.deepInclude({ ...unsettled?.runningTurn }, { turnId: turnOf("m1"), status: "running" });
    }).pipe(Effect.provide(freshProjections)),
  );

  it.effect("are found by an open request", () =>
    Effect.gen(function* () {
      const queries = yield* Queries;
      yield* commit(logOf(aThread, questionAsked("r1", "q")));
      assert.deepStrictEqual<unknown>(yield* queries.unsettledThreads, [
        { threadId: "t1", runningTurn: null },
      ]);
    }).pipe(Effect.provide(freshProjections)),
  );
});
