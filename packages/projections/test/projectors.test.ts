import { assert, describe, it } from "@effect/vitest";
import {
  AT,
  aThread,
  done,
  event,
  NOW,
  projectCreated,
  projectDeleted,
  requested,
  running,
  session,
  sessionSet,
  threadArchived,
  threadCreated,
  threadDeleted,
  turnCompleted,
  turnOf,
  turnQueued,
} from "@heddle/domain/testing/support";
import type { NewEvent } from "@heddle/contracts/Events";
import type { ContextUse } from "@heddle/contracts/Model";
import { ApprovalRequestId, ProviderSessionId, ProviderThreadId } from "@heddle/contracts/Ids";
import { Effect } from "effect";
import { after, at, type Some } from "./support.ts";

describe("projection_projects", () => {
  const created = {
    project_id: "p1",
    title: "Project",
    workspace_root: "/work",
    default_model: null,
    scripts_json: "[]",
    created_at: AT,
    updated_at: at(1),
    deleted_at: null,
  };

  it.effect("has a row for each project", () =>
    Effect.gen(function* () {
      const rows = yield* after("projection_projects", projectCreated("p1"), projectCreated("p2"));
      assert.deepStrictEqual(rows, [created, { ...created, project_id: "p2", updated_at: at(2) }]);
    }),
  );

  it.effect("takes over what changed, and when", () =>
    Effect.gen(function* () {
      const rows = yield* after(
        "projection_projects",
        projectCreated(),
        event("project.meta-updated", {
          projectId: "p1",
          title: "Renamed",
          defaultModel: { provider: "codex" },
        }),
        event("project.meta-updated", {
          projectId: "p1",
          workspaceRoot: "/moved",
          scripts: [{ name: "test", command: "pnpm test" }],
        }),
      );
      const changed = {
        ...created,
        title: "Renamed",
        workspace_root: "/moved",
        default_model: '{"provider":"codex"}',
        scripts_json: '[{"name":"test","command":"pnpm test"}]',
        updated_at: at(3),
      };
      assert.deepStrictEqual(rows, [changed]);
    }),
  );

  it.effect("loses the default model where it is set to null", () =>
    Effect.gen(function* () {
      const [row] = yield* after(
        "projection_projects",
        projectCreated(),
        event("project.meta-updated", { projectId: "p1", defaultModel: { provider: "codex" } }),
        event("project.meta-updated", { projectId: "p1", defaultModel: null }),
      );
      assert.strictEqual(row?.["default_model"], null);
    }),
  );

  it.effect("keeps a deleted project, and says when", () =>
    Effect.gen(function* () {
      const rows = yield* after("projection_projects", projectCreated(), projectDeleted());
      assert.deepStrictEqual(rows, [{ ...created, deleted_at: at(2), updated_at: at(2) }]);
    }),
  );
});

const thread = {
  thread_id: "t1",
  project_id: "p1",
  title: "Thread",
  model: '{"provider":"demo"}',
  branch: "main",
  worktree_path: null,
  runtime_mode: "approval-required",
  latest_turn_id: null,
  forked_from_json: null,
  queued_turns_json: "[]",
  usage_json: null,
  context_json: null,
  worktree_json: null,
  created_at: AT,
  updated_at: at(2),
  archived_at: null,
  deleted_at: null,
};

const queued = (messageId: string) => ({
  turnId: turnOf(messageId),
  messageId,
  text: `Please do ${messageId}`,
  createdAt: AT,
});

const usage = { inputTokens: 100, cachedInputTokens: 50, outputTokens: 20 };
const threadUsage = { inputTokens: 300, cachedInputTokens: 100, outputTokens: 60, costUsd: 0.5 };
const usageRecorded = (more: { readonly context?: ContextUse }) =>
  event("thread.turn-usage-recorded", {
    threadId: "t1",
    turnId: turnOf("m1"),
    usage,
    threadUsage,
    recordedAt: NOW,
    ...more,
  });

describe("projection_threads", () => {
  it.effect("has a row for each thread, with where it was forked from", () =>
    Effect.gen(function* () {
      const fork = event("thread.created", {
        threadId: "t2",
        projectId: "p1",
        title: "Fork",
        model: { provider: "codex", model: "gpt-5" },
        branch: null,
        worktreePath: "/tree",
        runtimeMode: "full-access",
        forkedFrom: { threadId: "t1", turnCount: 3 },
        createdAt: AT,
      });
      const rows = yield* after("projection_threads", aThread, fork);
      const forked = {
        ...thread,
        thread_id: "t2",
        title: "Fork",
        model: '{"provider":"codex","model":"gpt-5"}',
        branch: null,
        worktree_path: "/tree",
        runtime_mode: "full-access",
        forked_from_json: '{"threadId":"t1","turnCount":3}',
        updated_at: at(3),
      };
      assert.deepStrictEqual(rows, [thread, forked]);
    }),
  );

  type Change = readonly [
    what: string,
    events: ReadonlyArray<NewEvent>,
    change: Partial<Record<keyof typeof thread, unknown>>,
  ];
  const CHANGES: ReadonlyArray<Change> = [
    ["its title", [event("thread.meta-updated", { threadId: "t1", title: "Renamed" })], { title: "Renamed" }],
    [
      "its model, branch and folder",
      [
        event("thread.meta-updated", {
          threadId: "t1",
          model: { provider: "claude" },
          branch: null,
          worktreePath: "/tree",
        }),
      ],
      { model: '{"provider":"claude"}', branch: null, worktree_path: "/tree" },
    ],
    [
      "its runtime mode",
      [event("thread.runtime-mode-set", { threadId: "t1", runtimeMode: "full-access" })],
      { runtime_mode: "full-access" },
    ],
    ["that it is archived", [threadArchived], { archived_at: at(3) }],
    [
      "that it was taken back",
      [threadArchived, event("thread.unarchived", { threadId: "t1" })],
      { archived_at: null },
    ],
    ["that it is deleted", [threadDeleted()], { deleted_at: at(3) }],
    ["the turn that it began last", running("m1"), { latest_turn_id: turnOf("m1") }],
  ];

  it.effect.each(CHANGES)("follows %s, and when", ([, events, change]) =>
    Effect.gen(function* () {
      const rows = yield* after("projection_threads", aThread, events);
      assert.deepStrictEqual<unknown>(rows, [{ ...thread, ...change, updated_at: at(2 + events.length) }]);
    }),
  );

  it.effect("says what came of a worktree of its own, until another folder is named", () =>
    Effect.gen(function* () {
      const wanted = event("thread.worktree-requested", {
        threadId: "t1",
        branch: null,
        from: "v1",
        createdAt: AT,
      });
      const failed = event("thread.worktree-failed", {
        threadId: "t1",
        reason: "Disk full.",
        createdAt: NOW,
      });
      const made = event("thread.worktree-made", {
        threadId: "t1",
        branch: "heddle/thread",
        worktreePath: "/trees/t1",
        baseCommit: "abc",
        createdAt: NOW,
      });
      const moved = event("thread.meta-updated", { threadId: "t1", worktreePath: null });
      const worktreeAfter = (...events: ReadonlyArray<NewEvent>) =>
        Effect.map(after("projection_threads", aThread, events), ([row]) => [
          row?.["branch"],
          row?.["worktree_path"],
          JSON.parse(String(row?.["worktree_json"])),
        ]);
      const state = { state: "wanted", branch: null, from: "v1", baseCommit: null, reason: null };
      assert.deepStrictEqual(yield* worktreeAfter(wanted), ["main", null, state]);
      const withReason = { ...state, state: "failed", reason: "Disk full." };
      assert.deepStrictEqual(yield* worktreeAfter(wanted, failed), ["main", null, withReason]);
      const own = { ...state, state: "made", branch: "heddle/thread", baseCommit: "abc" };
      assert.deepStrictEqual(yield* worktreeAfter(wanted, failed, made), ["heddle/thread", "/trees/t1", own]);
      assert.deepStrictEqual(yield* worktreeAfter(wanted, failed, moved), ["main", null, null]);
    }),
  );

  it.effect("shows the queue as it is: a turn leaves it when it is asked for or ended", () =>
    Effect.gen(function* () {
      const waiting = [...aThread, ...running("m1"), turnQueued("m2"), turnQueued("m3"), turnQueued("m4")];
      const queueAfter = (...events: ReadonlyArray<Some>) =>
        Effect.map(after("projection_threads", waiting, ...events), ([row]) =>
          JSON.parse(String(row?.["queued_turns_json"])),
        );
      assert.deepStrictEqual(yield* queueAfter(), [queued("m2"), queued("m3"), queued("m4")]);
      assert.deepStrictEqual(yield* queueAfter(turnCompleted("m3", "interrupted")), [
        queued("m2"),
        queued("m4"),
      ]);
      assert.deepStrictEqual(yield* queueAfter(turnCompleted("m1"), requested("m2")), [
        queued("m3"),
        queued("m4"),
      ]);
      const reordered = event("thread.queue-reordered", {
        threadId: "t1",
        turnIds: [turnOf("m4"), turnOf("m2"), turnOf("m3")],
      });
      assert.deepStrictEqual(yield* queueAfter(reordered), [queued("m4"), queued("m2"), queued("m3")]);
    }),
  );

  it.effect("has what all its turns used, and how full the context was when it was said last", () =>
    Effect.gen(function* () {
      const context = { usedTokens: 120, windowTokens: 1000 };
      const rows = yield* after(
        "projection_threads",
        aThread,
        running("m1"),
        usageRecorded({ context }),
        usageRecorded({}),
      );
      const json = { usage_json: JSON.stringify(threadUsage), context_json: JSON.stringify(context) };
      assert.deepInclude(rows[0], json);
    }),
  );

  it.effect("does not move with what an agent's tools do", () =>
    Effect.gen(function* () {
      const activity = event("thread.activity-appended", {
        threadId: "t1",
        turnId: null,
        tone: "tool",
        kind: "tool.completed",
        summary: "Ran ls",
        detail: null,
        createdAt: NOW,
      });
      assert.deepStrictEqual(yield* after("projection_threads", aThread, activity), [thread]);
    }),
  );

  it.effect("does not move with each word of a reply", () =>
    Effect.gen(function* () {
      const word = event("thread.message-sent", {
        threadId: "t1",
        messageId: "reply",
        turnId: turnOf("m1"),
        role: "assistant",
        text: "Hi",
        offset: 0,
        streaming: true,
        attachments: [],
        createdAt: NOW,
      });
      const [row] = yield* after("projection_threads", aThread, running("m1"), word);
      assert.strictEqual(row?.["updated_at"], at(6));
    }),
  );
});

describe("projection_thread_sessions", () => {
  it.effect("has the session as it was set last", () =>
    Effect.gen(function* () {
      const state = session({
        status: "running",
        providerName: "codex",
        providerSessionId: ProviderSessionId.make("s1"),
        providerThreadId: ProviderThreadId.make("agent's own id"),
        activeTurnId: turnOf("m1"),
        capabilities: { steer: true, resume: true },
        stalled: { since: NOW, waitsFor: "the agent" },
        accepted: [{ requestId: ApprovalRequestId.make("r1"), kind: "execute", title: "ls" }],
      });
      const rows = yield* after(
        "projection_thread_sessions",
        aThread,
        sessionSet({ status: "starting", lastError: "Earlier." }),
        sessionSet(state),
      );
      const row = {
        thread_id: "t1",
        status: "running",
        provider_name: "codex",
        provider_session_id: "s1",
        provider_thread_id: "agent's own id",
        active_turn_id: turnOf("m1"),
        last_error: null,
        capabilities_json: JSON.stringify(state.capabilities),
        stalled_json: JSON.stringify(state.stalled),
        accepted_json: JSON.stringify(state.accepted),
        updated_at: at(4),
      };
      assert.deepStrictEqual<unknown>(rows, [row]);
    }),
  );

  it.effect("has no row for a thread that no agent worked in", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* after("projection_thread_sessions", aThread, threadCreated("t2")), []);
    }),
  );
});

const said = (messageId: string, turnId: string | null, role: "assistant" | "user" = "assistant") =>
  event("thread.message-sent", {
    threadId: "t1",
    messageId,
    turnId,
    role,
    text: "Hi",
    offset: 0,
    streaming: false,
    attachments: [],
    createdAt: NOW,
  });

describe("projection_thread_turns", () => {
  const begun = {
    turn_id: turnOf("m1"),
    thread_id: "t1",
    turn_count: 1,
    status: "running",
    user_message_id: "m1",
    assistant_message_id: null,
    reason: null,
    usage_json: null,
    started_at: NOW,
    completed_at: null,
  };

  it.effect("says what the turn has used", () =>
    Effect.gen(function* () {
      const rows = yield* after("projection_thread_turns", aThread, running("m1"), usageRecorded({}));
      assert.deepStrictEqual<unknown>(rows, [{ ...begun, usage_json: JSON.stringify(usage) }]);
    }),
  );

  it.effect("has a row for a turn once it begins", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* after("projection_thread_turns", aThread, requested("m1")), []);
      assert.deepStrictEqual(yield* after("projection_thread_turns", aThread, running("m1")), [begun]);
    }),
  );

  it.effect.each(["completed", "interrupted", "error"] as const)(
    "says that it was %s, why and when",
    (status) =>
      Effect.gen(function* () {
        const rows = yield* after(
          "projection_thread_turns",
          aThread,
          running("m1"),
          turnCompleted("m1", status, "Why"),
        );
        assert.deepStrictEqual<unknown>(rows, [{ ...begun, status, reason: "Why", completed_at: NOW }]);
      }),
  );

  it.effect("has none for a turn that ended before it began", () =>
    Effect.gen(function* () {
      const rows = yield* after(
        "projection_thread_turns",
        aThread,
        requested("m1"),
        turnCompleted("m1", "interrupted"),
      );
      assert.deepStrictEqual(rows, []);
    }),
  );

  it.effect("names the agent's last message as the answer", () =>
    Effect.gen(function* () {
      const rows = yield* after(
        "projection_thread_turns",
        aThread,
        done("m0", 1),
        running("m1", 2),
        said("first", turnOf("m1")),
        said("last", turnOf("m1")),
        said("steered", turnOf("m1"), "user"),
        said("of-no-turn", null),
      );
      assert.deepStrictEqual(
        rows.map((row) => [row["turn_id"], row["assistant_message_id"]]),
        [
          [turnOf("m0"), null],
          [turnOf("m1"), "last"],
        ],
      );
    }),
  );
});
