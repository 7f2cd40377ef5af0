import type { ProjectedEvent } from "@heddle/contracts/Events";
import { keyedProjector, revertedTurns } from "../Projector.ts";

export interface ApprovalRow {
  readonly request_id: string;
  readonly thread_id: string;
  readonly turn_id: string | null;
  readonly kind: string;
  readonly title: string;
  readonly detail_json: string;
  readonly questions_json: string;
  readonly status: "pending" | "resolved";
  readonly decision: string | null;
  readonly created_at: string;
  readonly resolved_at: string | null;
  readonly sequence: number;
}

/** Approvals and agents' questions; a question has the kind `user-input`. */
export const approvals = keyedProjector<ApprovalRow>({
  name: "pending-approvals",
  version: 1,
  table: "projection_pending_approvals",
  key: "request_id",
  columns: [
    "request_id",
    "thread_id",
    "turn_id",
    "kind",
    "title",
    "detail_json",
    "questions_json",
    "status",
    "decision",
    "created_at",
    "resolved_at",
    "sequence",
  ],
  handles: [
    "thread.approval-requested",
    "thread.user-input-requested",
    "thread.approval-resolved",
    "thread.user-input-resolved",
    "thread.reverted",
  ],
  begins: ["thread.approval-requested", "thread.user-input-requested"],
  keyOf: (event) => requestOf(event),
  removalOf: revertedTurns,
  evolve: (row, event) => {
    switch (event.eventType) {
      case "thread.approval-requested": {
        const { payload } = event;
        return {
          ...opened(event),
          kind: payload.kind,
          title: payload.title,
          detail_json: JSON.stringify(payload.detail),
          questions_json: "[]",
        };
      }
      case "thread.user-input-requested": {
        const { questions } = event.payload;
        return {
          ...opened(event),
          kind: "user-input",
          title: questions[0]?.prompt ?? "",
          detail_json: "null",
          questions_json: JSON.stringify(questions),
        };
      }
      case "thread.approval-resolved":
      case "thread.user-input-resolved": {
        const { outcome, resolvedAt } = event.payload;
        return row && { ...row, status: "resolved", decision: outcome, resolved_at: resolvedAt };
      }
      default:
        return row;
    }
  },
});

const opened = (event: ProjectedEvent<"thread.approval-requested" | "thread.user-input-requested">) => ({
  request_id: event.payload.requestId,
  thread_id: event.payload.threadId,
  turn_id: event.payload.turnId,
  status: "pending" as const,
  decision: null,
  created_at: event.payload.createdAt,
  resolved_at: null,
  sequence: event.sequence,
});

const requestOf = (event: ProjectedEvent): string | undefined => {
  switch (event.eventType) {
    case "thread.approval-requested":
    case "thread.user-input-requested":
    case "thread.approval-resolved":
    case "thread.user-input-resolved":
      return event.payload.requestId;
    default:
      return undefined;
  }
};
