import { EVENT_TYPES, type ProjectedEvent } from "@heddle/contracts/Events";
import type { QueuedTurn, ThreadWorktree } from "@heddle/contracts/ReadModel";
import { keyedProjector } from "../Projector.ts";

export interface ThreadRow {
  readonly thread_id: string;
  readonly project_id: string;
  readonly title: string;
  readonly model: string;
  readonly branch: string | null;
  readonly worktree_path: string | null;
  readonly runtime_mode: string;
  readonly latest_turn_id: string | null;
  readonly forked_from_json: string | null;
  readonly queued_turns_json: string;
  readonly usage_json: string | null;
  readonly context_json: string | null;
  readonly worktree_json: string | null;
  readonly created_at: string;
  readonly updated_at: string;
  readonly archived_at: string | null;
  readonly deleted_at: string | null;
}

export const threads = keyedProjector<ThreadRow>({
  name: "threads",
  version: 1,
  table: "projection_threads",
  key: "thread_id",
  columns: [
    "thread_id",
    "project_id",
    "title",
    "model",
    "branch",
    "worktree_path",
    "runtime_mode",
    "latest_turn_id",
    "forked_from_json",
    "queued_turns_json",
    "usage_json",
    "context_json",
    "worktree_json",
    "created_at",
    "updated_at",
    "archived_at",
    "deleted_at",
  ],
  handles: EVENT_TYPES.filter((type) => type.startsWith("thread.") && type !== "thread.activity-appended"),
  begins: ["thread.created"],
  keyOf: (event) => (isStreaming(event) ? undefined : event.streamId),
  evolve: (row, event) => {
    if (event.eventType === "thread.created") {
      const { threadId, projectId, title, model, branch, worktreePath, runtimeMode, forkedFrom, createdAt } =
        event.payload;
      return {
        thread_id: threadId,
        project_id: projectId,
        title,
        model: JSON.stringify(model),
        branch,
        worktree_path: worktreePath,
        runtime_mode: runtimeMode,
        latest_turn_id: null,
        forked_from_json: forkedFrom && JSON.stringify(forkedFrom),
        queued_turns_json: "[]",
        usage_json: null,
        context_json: null,
        worktree_json: null,
        created_at: createdAt,
        updated_at: event.occurredAt,
        archived_at: null,
        deleted_at: null,
      };
    }
    return row && { ...row, ...change(row, event), updated_at: event.occurredAt };
  },
});

/** Everything of a thread but its activities moves its `updated_at`; of a reply, only its end does. */
const isStreaming = (event: ProjectedEvent): boolean =>
  event.eventType === "thread.message-sent" && event.payload.streaming;

const change = (row: ThreadRow, event: ProjectedEvent): Partial<ThreadRow> => {
  switch (event.eventType) {
    case "thread.meta-updated": {
      const { title, model, branch, worktreePath } = event.payload;
      return {
        ...(title !== undefined && { title }),
        ...(model !== undefined && { model: JSON.stringify(model) }),
        ...(branch !== undefined && { branch }),
        ...(worktreePath !== undefined && { worktree_path: worktreePath, worktree_json: null }),
      };
    }
    case "thread.worktree-requested": {
      const { branch, from } = event.payload;
      return withWorktree({ state: "wanted", branch, from, baseCommit: null, reason: null });
    }
    case "thread.worktree-made": {
      const { branch, worktreePath, baseCommit } = event.payload;
      const from = worktreeOf(row)?.from ?? null;
      const made = withWorktree({ state: "made", branch, from, baseCommit, reason: null });
      return { branch, worktree_path: worktreePath, ...made };
    }
    case "thread.worktree-failed": {
      const { branch = null, from = null } = worktreeOf(row) ?? {};
      const { reason } = event.payload;
      return withWorktree({ state: "failed", branch, from, baseCommit: null, reason });
    }
    case "thread.runtime-mode-set":
      return { runtime_mode: event.payload.runtimeMode };
    case "thread.archived":
      return { archived_at: event.occurredAt };
    case "thread.unarchived":
      return { archived_at: null };
    case "thread.deleted":
      return { deleted_at: event.occurredAt };
    case "thread.turn-queued": {
      const { turnId, messageId, text, fullText, createdAt } = event.payload;
      const queued: QueuedTurn = { turnId, messageId, text, ...(fullText && { fullText }), createdAt };
      return { queued_turns_json: JSON.stringify([...queuedTurns(row), queued]) };
    }
    case "thread.queue-reordered": {
      const { turnIds } = event.payload;
      const waiting = new Map<string, QueuedTurn>(queuedTurns(row).map((turn) => [turn.turnId, turn]));
      return { queued_turns_json: JSON.stringify(turnIds.flatMap((turnId) => waiting.get(turnId) ?? [])) };
    }
    case "thread.turn-usage-recorded": {
      const { threadUsage, context } = event.payload;
      return {
        usage_json: JSON.stringify(threadUsage),
        ...(context && { context_json: JSON.stringify(context) }),
      };
    }
    case "thread.turn-start-requested":
    case "thread.turn-completed":
      return withoutQueued(row, event.payload.turnId);
    case "thread.turn-started":
      return { latest_turn_id: event.payload.turnId };
    case "thread.reverted":
      return { latest_turn_id: event.payload.latestTurnId };
    default:
      return {};
  }
};

const worktreeOf = ({ worktree_json }: ThreadRow) =>
  JSON.parse(worktree_json ?? "null") as ThreadWorktree | null;

const withWorktree = (worktree: ThreadWorktree): Partial<ThreadRow> => ({
  worktree_json: JSON.stringify(worktree),
});

const queuedTurns = (row: ThreadRow) => JSON.parse(row.queued_turns_json) as ReadonlyArray<QueuedTurn>;

const withoutQueued = (row: ThreadRow, turnId: string): Partial<ThreadRow> =>
  row.queued_turns_json === "[]"
    ? {}
    : { queued_turns_json: JSON.stringify(queuedTurns(row).filter((turn) => turn.turnId !== turnId)) };
