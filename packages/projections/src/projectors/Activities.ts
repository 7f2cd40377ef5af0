import { keyedProjector, revertedTurns } from "../Projector.ts";

export interface ActivityRow {
  readonly activity_id: string;
  readonly thread_id: string;
  readonly turn_id: string | null;
  readonly tone: string;
  readonly kind: string;
  readonly summary: string;
  readonly payload_json: string;
  readonly sequence: number;
  readonly created_at: string;
}

export const activities = keyedProjector<ActivityRow>({
  name: "thread-activities",
  version: 1,
  table: "projection_thread_activities",
  key: "activity_id",
  columns: [
    "activity_id",
    "thread_id",
    "turn_id",
    "tone",
    "kind",
    "summary",
    "payload_json",
    "sequence",
    "created_at",
  ],
  handles: ["thread.activity-appended", "thread.reverted"],
  begins: ["thread.activity-appended"],
  keyOf: (event) => (event.eventType === "thread.activity-appended" ? event.eventId : undefined),
  removalOf: revertedTurns,
  evolve: (row, event) => {
    if (event.eventType !== "thread.activity-appended") return row;
    const { threadId, turnId, tone, kind, summary, detail, createdAt } = event.payload;
    return {
      activity_id: event.eventId,
      thread_id: threadId,
      turn_id: turnId,
      tone,
      kind,
      summary,
      payload_json: JSON.stringify(detail),
      sequence: event.sequence,
      created_at: createdAt,
    };
  },
});
