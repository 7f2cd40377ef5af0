/**
 * The thread aggregate's state: only what decisions need, so that it stays small however long the thread is. Texts,
 * activities and diffs are for the projections.
 */
import type { NewEvent, SessionState } from "@heddle/contracts/Events";
import type { ApprovalRequestId, CommandId, MessageId, ProjectId, TurnId } from "@heddle/contracts/Ids";
import type {
  ApprovalKind,
  BlobRef,
  CheckpointStatus,
  ModelSelection,
  RuntimeMode,
  StoredAttachment,
  TokenUsage,
} from "@heddle/contracts/Model";
import { HashMap, Option } from "effect";

export interface RequestedTurn {
  readonly turnId: TurnId;
  readonly messageId: MessageId;
}

export interface ActiveTurn extends RequestedTurn {
  readonly turnCount: number;
}

export interface StreamingMessage {
  readonly messageId: MessageId;
  readonly turnId: TurnId | null;
  /** Characters (UTF-16 code units) so far. */
  readonly length: number;
}

export interface TurnRecord {
  readonly turnId: TurnId;
  readonly checkpoint: CheckpointStatus | null;
}

export interface QueuedTurn extends RequestedTurn {
  /** The command that brought it. */
  readonly commandId: CommandId;
  readonly text: string;
  readonly fullText?: BlobRef;
  readonly attachments: ReadonlyArray<StoredAttachment>;
  readonly model?: ModelSelection;
  readonly effort?: string;
  readonly createdAt: string;
}

export interface OpenRequest {
  readonly kind: "approval" | "user-input";
  readonly questionIds: ReadonlyArray<string>;
  /** What an approval is for. */
  readonly act: { readonly kind: ApprovalKind; readonly title: string } | null;
  /** A person has answered, and the agent does not have the answer yet. */
  readonly answered: boolean;
}

export interface LiveThread {
  readonly status: "live";
  readonly projectId: ProjectId;
  readonly title: string;
  readonly model: ModelSelection;
  readonly runtimeMode: RuntimeMode;
  readonly branch: string | null;
  readonly worktreePath: string | null;
  readonly archived: boolean;
  /** Turns begun so far, less those that were reverted. */
  readonly turnCount: number;
  /** Asked for, not begun. */
  readonly requestedTurn: RequestedTurn | null;
  readonly activeTurn: ActiveTurn | null;
  readonly queue: ReadonlyArray<QueuedTurn>;
  readonly openRequests: ReadonlyMap<ApprovalRequestId, OpenRequest>;
  /** A reply whose last segment has not come. */
  readonly streaming: StreamingMessage | null;
  /**
   * Turns by their count, with what came of their checkpoint. They are all kept, so each state shares them with the one
   * before it; they come in no order.
   */
  readonly turns: HashMap.HashMap<number, TurnRecord>;
  /** The turn count that a revert under way goes back to. */
  readonly revertingTo: number | null;
  readonly session: SessionState;
  /** Null until an agent says something of it. */
  readonly usage: ThreadUsage | null;
  /** The git worktree that is the thread's own; null where it has none. */
  readonly worktree: OwnWorktree | null;
}

export interface OwnWorktree {
  readonly state: "wanted" | "made";
  /** Null while it has no name. */
  readonly branch: string | null;
  readonly from: string | null;
}

/** Of all turns, and of the one that it was said of last: a turn's usage replaces what was said of it before. */
export interface ThreadUsage {
  readonly total: TokenUsage;
  readonly turnId: TurnId;
  readonly ofTurn: TokenUsage;
}

export type ThreadState = { readonly status: "absent" } | { readonly status: "deleted" } | LiveThread;

export const initialThread: ThreadState = { status: "absent" };

export const noSession: SessionState = {
  status: "idle",
  providerName: null,
  providerSessionId: null,
  providerThreadId: null,
  activeTurnId: null,
  lastError: null,
};

/** The turn that has this count. */
export const turnAt = (thread: LiveThread, turnCount: number): TurnRecord | undefined =>
  Option.getOrUndefined(HashMap.get(thread.turns, turnCount));

/** All turns with their counts, in order. */
export const turnsInOrder = (turns: LiveThread["turns"]): ReadonlyArray<readonly [number, TurnRecord]> =>
  HashMap.toEntries(turns).toSorted(([left], [right]) => left - right);

/** The counts of the turns behind this one, in order: counts have no gaps. */
export const countsAfter = (thread: LiveThread, turnCount: number): ReadonlyArray<number> =>
  Array.from({ length: Math.max(0, thread.turnCount - turnCount) }, (_, index) => turnCount + 1 + index);

/** Folds one event of the thread's stream into its state. */
export const evolveThread = (state: ThreadState, event: NewEvent): ThreadState => {
  if (event.eventType === "thread.created") {
    const { projectId, title, model, runtimeMode, branch, worktreePath } = event.payload;
    return {
      status: "live",
      projectId,
      title,
      model,
      runtimeMode,
      branch,
      worktreePath,
      archived: false,
      turnCount: 0,
      requestedTurn: null,
      activeTurn: null,
      queue: [],
      openRequests: new Map(),
      streaming: null,
      turns: HashMap.empty(),
      revertingTo: null,
      session: noSession,
      usage: null,
      worktree: null,
    };
  }
  return state.status === "live" ? evolveLive(state, event) : state;
};

const evolveLive = (state: LiveThread, event: NewEvent): ThreadState => {
  switch (event.eventType) {
    case "thread.deleted":
      return { status: "deleted" };
    case "thread.archived":
      return { ...state, archived: true };
    case "thread.unarchived":
      return { ...state, archived: false };
    case "thread.meta-updated": {
      const { threadId: _, ...changed } = event.payload;
      // A folder that a person names takes the place of the worktree that is not there.
      return { ...state, ...changed, ...(changed.worktreePath !== undefined && { worktree: null }) };
    }
    case "thread.worktree-requested": {
      const { branch, from } = event.payload;
      return { ...state, worktree: { state: "wanted", branch, from } };
    }
    case "thread.worktree-made": {
      const { branch, worktreePath } = event.payload;
      const from = state.worktree?.from ?? null;
      return { ...state, branch, worktreePath, worktree: { state: "made", branch, from } };
    }
    case "thread.runtime-mode-set":
      return { ...state, runtimeMode: event.payload.runtimeMode };
    case "thread.message-sent": {
      const { messageId, turnId, role, offset, text, streaming } = event.payload;
      if (role !== "assistant") return state;
      return { ...state, streaming: streaming ? { messageId, turnId, length: offset + text.length } : null };
    }
    case "thread.turn-start-requested": {
      const { turnId, messageId } = event.payload;
      return { ...state, requestedTurn: { turnId, messageId }, queue: without(state.queue, turnId) };
    }
    case "thread.turn-queued": {
      const { threadId: _, ...queued } = event.payload;
      return { ...state, queue: [...state.queue, queued] };
    }
    case "thread.turn-started": {
      const { turnId, messageId, turnCount } = event.payload;
      return {
        ...state,
        turnCount,
        requestedTurn: null,
        activeTurn: { turnId, messageId, turnCount },
        turns: HashMap.set(state.turns, turnCount, { turnId, checkpoint: null }),
      };
    }
    case "thread.turn-completed": {
      const { turnId } = event.payload;
      return {
        ...state,
        requestedTurn: state.requestedTurn?.turnId === turnId ? null : state.requestedTurn,
        activeTurn: state.activeTurn?.turnId === turnId ? null : state.activeTurn,
        queue: without(state.queue, turnId),
      };
    }
    case "thread.turn-diff-completed": {
      const { turnId, turnCount, status } = event.payload;
      return { ...state, turns: HashMap.set(state.turns, turnCount, { turnId, checkpoint: status }) };
    }
    case "thread.approval-requested":
      return opened(state, event.payload.requestId, {
        kind: "approval",
        questionIds: [],
        act: { kind: event.payload.kind, title: event.payload.title },
        answered: false,
      });
    case "thread.user-input-requested":
      return opened(state, event.payload.requestId, {
        kind: "user-input",
        questionIds: event.payload.questions.map((question) => question.id),
        act: null,
        answered: false,
      });
    case "thread.approval-response-requested":
    case "thread.user-input-response-requested": {
      const request = state.openRequests.get(event.payload.requestId);
      return request ? opened(state, event.payload.requestId, { ...request, answered: true }) : state;
    }
    case "thread.approval-resolved":
    case "thread.user-input-resolved": {
      const openRequests = new Map(state.openRequests);
      openRequests.delete(event.payload.requestId);
      return { ...state, openRequests };
    }
    case "thread.checkpoint-revert-requested":
      return { ...state, revertingTo: event.payload.turnCount };
    case "thread.checkpoint-revert-failed":
      return { ...state, revertingTo: null };
    case "thread.reverted": {
      const { turnCount } = event.payload;
      const turns = HashMap.removeMany(state.turns, countsAfter(state, turnCount));
      return { ...state, revertingTo: null, turnCount, turns };
    }
    case "thread.session-set":
      return { ...state, session: event.payload.session };
    case "thread.queue-reordered": {
      const { turnIds } = event.payload;
      const place = new Map(turnIds.map((turnId, index) => [turnId, index]));
      const placeOf = ({ turnId }: QueuedTurn) => place.get(turnId) ?? turnIds.length;
      return {
        ...state,
        queue: state.queue.toSorted((left, right) => placeOf(left) - placeOf(right)),
      };
    }
    case "thread.turn-usage-recorded": {
      const { turnId, usage, threadUsage } = event.payload;
      return { ...state, usage: { total: threadUsage, turnId, ofTurn: usage } };
    }
    default:
      return state;
  }
};

const without = (queue: ReadonlyArray<QueuedTurn>, turnId: TurnId): ReadonlyArray<QueuedTurn> =>
  queue.some((turn) => turn.turnId === turnId) ? queue.filter((turn) => turn.turnId !== turnId) : queue;

const opened = (state: LiveThread, requestId: ApprovalRequestId, request: OpenRequest): LiveThread => ({
  ...state,
  openRequests: new Map(state.openRequests).set(requestId, request),
});
