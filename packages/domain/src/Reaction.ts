/**
 * What must happen in the world because of an event: each reaction becomes a row in `orchestration_effects`, written
 * with the event. A lane is worked through in order, one at a time; what must not wait behind a starting agent (stop,
 * interrupt, answers) has a lane of its own.
 */
import type { NewEvent } from "@heddle/contracts/Events";
import type { ApprovalRequestId, ProjectId, ThreadId, TurnId } from "@heddle/contracts/Ids";
import type { ApprovalDecision, RuntimeMode } from "@heddle/contracts/Model";

export type Reaction =
  | { readonly kind: "turn.start"; readonly threadId: ThreadId; readonly turnId: TurnId }
  | {
      readonly kind: "turn.steer";
      readonly threadId: ThreadId;
      readonly turnId: TurnId;
      readonly messageId: string;
    }
  | { readonly kind: "turn.interrupt"; readonly threadId: ThreadId; readonly turnId: TurnId }
  | {
      readonly kind: "approval.respond";
      readonly threadId: ThreadId;
      readonly requestId: ApprovalRequestId;
      readonly decision: ApprovalDecision;
    }
  | {
      readonly kind: "user-input.respond";
      readonly threadId: ThreadId;
      readonly requestId: ApprovalRequestId;
      readonly answers: Readonly<Record<string, string>>;
    }
  | { readonly kind: "runtime-mode.apply"; readonly threadId: ThreadId; readonly runtimeMode: RuntimeMode }
  | { readonly kind: "checkpoint.revert"; readonly threadId: ThreadId; readonly turnCount: number }
  | { readonly kind: "session.stop"; readonly threadId: ThreadId }
  | { readonly kind: "thread.copy-history"; readonly threadId: ThreadId }
  | { readonly kind: "worktree.make"; readonly threadId: ThreadId }
  | { readonly kind: "thread.clean-up"; readonly threadId: ThreadId }
  | { readonly kind: "project.clean-up"; readonly projectId: ProjectId };

export type ReactionKind = Reaction["kind"];

const CONTROL_KINDS: ReadonlySet<ReactionKind> = new Set([
  "turn.interrupt",
  "approval.respond",
  "user-input.respond",
  "session.stop",
  "runtime-mode.apply",
]);

/** The lane that a reaction waits in. The kind of lane stands first: an id may hold any character, a slash too. */
export const laneOf = (reaction: Reaction): string => {
  if (reaction.kind === "project.clean-up") return `project/${reaction.projectId}`;
  return CONTROL_KINDS.has(reaction.kind) ? `control/${reaction.threadId}` : `thread/${reaction.threadId}`;
};

/** What an event asks for, or undefined. */
export const reactionTo = (event: NewEvent): Reaction | undefined => {
  switch (event.eventType) {
    case "thread.created":
      return event.payload.forkedFrom === null
        ? undefined
        : { kind: "thread.copy-history", threadId: event.payload.threadId };
    case "thread.worktree-requested":
      return { kind: "worktree.make", threadId: event.payload.threadId };
    case "thread.turn-start-requested": {
      const { threadId, turnId } = event.payload;
      return { kind: "turn.start", threadId, turnId };
    }
    case "thread.turn-steer-requested": {
      const { threadId, turnId, messageId } = event.payload;
      return { kind: "turn.steer", threadId, turnId, messageId };
    }
    case "thread.turn-interrupt-requested": {
      const { threadId, turnId } = event.payload;
      return { kind: "turn.interrupt", threadId, turnId };
    }
    case "thread.approval-response-requested": {
      const { threadId, requestId, decision } = event.payload;
      return { kind: "approval.respond", threadId, requestId, decision };
    }
    case "thread.user-input-response-requested": {
      const { threadId, requestId, answers } = event.payload;
      return { kind: "user-input.respond", threadId, requestId, answers };
    }
    case "thread.runtime-mode-set": {
      const { threadId, runtimeMode } = event.payload;
      return { kind: "runtime-mode.apply", threadId, runtimeMode };
    }
    case "thread.checkpoint-revert-requested": {
      const { threadId, turnCount } = event.payload;
      return { kind: "checkpoint.revert", threadId, turnCount };
    }
    case "thread.session-stop-requested":
      return { kind: "session.stop", threadId: event.payload.threadId };
    case "thread.deleted":
      return { kind: "thread.clean-up", threadId: event.payload.threadId };
    case "project.deleted":
      return { kind: "project.clean-up", projectId: event.payload.projectId };
    default:
      return undefined;
  }
};
