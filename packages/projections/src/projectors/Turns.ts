import type { ProjectedEvent } from "@heddle/contracts/Events";
import { keyedProjector, revertedTurns } from "../Projector.ts";

export interface TurnRow {
  readonly turn_id: string;
  readonly thread_id: string;
  readonly turn_count: number;
  readonly status: string;
  readonly user_message_id: string | null;
  readonly assistant_message_id: string | null;
  readonly reason: string | null;
  readonly usage_json: string | null;
  readonly started_at: string;
  readonly completed_at: string | null;
}

export const turns = keyedProjector<TurnRow>({
  name: "thread-turns",
  version: 1,
  table: "projection_thread_turns",
  key: "turn_id",
  columns: [
    "turn_id",
    "thread_id",
    "turn_count",
    "status",
    "user_message_id",
    "assistant_message_id",
    "reason",
    "usage_json",
    "started_at",
    "completed_at",
  ],
  handles: [
    "thread.turn-started",
    "thread.turn-completed",
    "thread.turn-usage-recorded",
    "thread.message-sent",
    "thread.reverted",
  ],
  begins: ["thread.turn-started"],
  keyOf: (event) => turnOf(event) ?? undefined,
  removalOf: revertedTurns,
  evolve: (row, event) => {
    switch (event.eventType) {
      case "thread.turn-started": {
        const { turnId, threadId, turnCount, messageId, startedAt } = event.payload;
        return {
          turn_id: turnId,
          thread_id: threadId,
          turn_count: turnCount,
          status: "running",
          user_message_id: messageId,
          assistant_message_id: null,
          reason: null,
          usage_json: null,
          started_at: startedAt,
          completed_at: null,
        };
      }
      // The last message is the turn's answer; those before it were said between its tools.
      case "thread.message-sent":
        return row && row.assistant_message_id !== event.payload.messageId
          ? { ...row, assistant_message_id: event.payload.messageId }
          : row;
      // A turn that ended before it began never had a row.
      case "thread.turn-completed": {
        const { status, reason, completedAt } = event.payload;
        return row && { ...row, status, reason, completed_at: completedAt };
      }
      case "thread.turn-usage-recorded":
        return row && { ...row, usage_json: JSON.stringify(event.payload.usage) };
      default:
        return row;
    }
  },
});

const turnOf = (event: ProjectedEvent): string | null => {
  switch (event.eventType) {
    case "thread.turn-started":
    case "thread.turn-completed":
    case "thread.turn-usage-recorded":
      return event.payload.turnId;
    case "thread.message-sent":
      return event.payload.role === "assistant" ? event.payload.turnId : null;
    default:
      return null;
  }
};
