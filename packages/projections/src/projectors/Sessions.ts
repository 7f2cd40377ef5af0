import { keyedProjector } from "../Projector.ts";

export interface SessionRow {
  readonly thread_id: string;
  readonly status: string;
  readonly provider_name: string | null;
  readonly provider_session_id: string | null;
  readonly provider_thread_id: string | null;
  readonly active_turn_id: string | null;
  readonly last_error: string | null;
  readonly capabilities_json: string | null;
  readonly stalled_json: string | null;
  readonly accepted_json: string | null;
  readonly updated_at: string;
}

export const sessions = keyedProjector<SessionRow>({
  name: "thread-sessions",
  version: 2,
  table: "projection_thread_sessions",
  key: "thread_id",
  columns: [
    "thread_id",
    "status",
    "provider_name",
    "provider_session_id",
    "provider_thread_id",
    "active_turn_id",
    "last_error",
    "capabilities_json",
    "stalled_json",
    "accepted_json",
    "updated_at",
  ],
  handles: ["thread.session-set"],
  begins: ["thread.session-set"],
  keyOf: (event) => event.streamId,
  evolve: (row, event) => {
    if (event.eventType !== "thread.session-set") return row;
    const { session } = event.payload;
    return {
      thread_id: event.payload.threadId,
      status: session.status,
      provider_name: session.providerName,
      provider_session_id: session.providerSessionId,
      provider_thread_id: session.providerThreadId,
      active_turn_id: session.activeTurnId,
      last_error: session.lastError,
      capabilities_json: session.capabilities ? JSON.stringify(session.capabilities) : null,
      stalled_json: session.stalled ? JSON.stringify(session.stalled) : null,
      accepted_json: session.accepted ? JSON.stringify(session.accepted) : null,
      updated_at: event.occurredAt,
    };
  },
});
