/** Which agent processes there are or were, and how to go on with them (`provider_session_runtime`, SPEC section 7.1). */
import type { ProviderSessionId, ProviderThreadId, ThreadId } from "@heddle/contracts/Ids";
import { Clock, Context, Effect, Layer, Schema } from "effect";
import { SqlClient, type SqlError } from "effect/sql";

export type SessionRuntimeStatus = "starting" | "running" | "stopped" | "error";

export interface SessionRuntimeEntry {
  readonly providerSessionId: ProviderSessionId;
  readonly threadId: ThreadId;
  readonly providerName: string;
  readonly adapterKey: string;
  readonly providerThreadId: ProviderThreadId | null;
  readonly status: SessionRuntimeStatus;
  /** What the adapter needs to go on in a new process; null where the agent cannot. */
  readonly resumeCursor: Schema.Json;
  /** The process, for finding what a crash left behind. */
  readonly runtimePayload: Schema.Json;
}

interface SessionRuntimeRow {
  readonly provider_session_id: ProviderSessionId;
  readonly thread_id: ThreadId;
  readonly provider_name: string;
  readonly adapter_key: string;
  readonly provider_thread_id: ProviderThreadId | null;
  readonly status: SessionRuntimeStatus;
  readonly resume_cursor_json: string | null;
  readonly runtime_payload_json: string | null;
}

const decodeJson = Schema.decodeSync(Schema.fromJsonString(Schema.Json));

export class SessionRuntime extends Context.Service<
  SessionRuntime,
  {
    /** Adds the session, or takes over what has changed. */
    readonly put: (entry: SessionRuntimeEntry) => Effect.Effect<void, SqlError.SqlError>;
    readonly setStatus: (
      providerSessionId: ProviderSessionId,
      status: SessionRuntimeStatus,
    ) => Effect.Effect<void, SqlError.SqlError>;
    /** With what the session goes on in a new process; null where it cannot. */
    readonly setCursor: (
      providerSessionId: ProviderSessionId,
      resumeCursor: Schema.Json,
    ) => Effect.Effect<void, SqlError.SqlError>;
    /** After a revert, no session may go on with what it remembers of the thread. */
    readonly forgetCursors: (threadId: ThreadId) => Effect.Effect<void, SqlError.SqlError>;
    /** The thread's latest session, if it ever had one. */
    readonly latest: (
      threadId: ThreadId,
    ) => Effect.Effect<SessionRuntimeEntry | undefined, SqlError.SqlError>;
    /** Sessions whose process may be there: after a crash, those that were left behind. */
    readonly alive: Effect.Effect<ReadonlyArray<SessionRuntimeEntry>, SqlError.SqlError>;
  }
>()("heddle/event-store/SessionRuntime") {
  static readonly layer = Layer.effect(
    SessionRuntime,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient;
      const columns = sql.literal(
        "provider_session_id, thread_id, provider_name, adapter_key, provider_thread_id, status, resume_cursor_json, runtime_payload_json",
      );
      const now = Effect.map(Clock.currentTimeMillis, (millis) => new Date(millis).toISOString());
      return SessionRuntime.of({
        put: (entry) =>
          Effect.flatMap(now, (at) => {
            const row = {
              provider_session_id: entry.providerSessionId,
              thread_id: entry.threadId,
              provider_name: entry.providerName,
              adapter_key: entry.adapterKey,
              provider_thread_id: entry.providerThreadId,
              status: entry.status,
              last_seen_at: at,
              resume_cursor_json: entry.resumeCursor === null ? null : JSON.stringify(entry.resumeCursor),
              runtime_payload_json:
                entry.runtimePayload === null ? null : JSON.stringify(entry.runtimePayload),
            };
            return sql`INSERT INTO provider_session_runtime ${sql.insert(row)}
              ON CONFLICT (provider_session_id) DO UPDATE SET
                thread_id = excluded.thread_id, provider_name = excluded.provider_name,
                adapter_key = excluded.adapter_key, provider_thread_id = excluded.provider_thread_id,
                status = excluded.status, last_seen_at = excluded.last_seen_at,
                resume_cursor_json = excluded.resume_cursor_json, runtime_payload_json = excluded.runtime_payload_json`;
          }).pipe(Effect.asVoid, sql.withTransaction),
        setStatus: (providerSessionId, status) =>
          Effect.flatMap(
            now,
            (at) => sql`UPDATE provider_session_runtime SET status = ${status}, last_seen_at = ${at}
              WHERE provider_session_id = ${providerSessionId}`,
          ).pipe(Effect.asVoid, sql.withTransaction),
        setCursor: (providerSessionId, resumeCursor) =>
          sql`UPDATE provider_session_runtime
            SET resume_cursor_json = ${resumeCursor === null ? null : JSON.stringify(resumeCursor)}
            WHERE provider_session_id = ${providerSessionId}`.pipe(Effect.asVoid, sql.withTransaction),
        forgetCursors: (threadId) =>
          sql`UPDATE provider_session_runtime SET resume_cursor_json = NULL WHERE thread_id = ${threadId}`.pipe(
            Effect.asVoid,
            sql.withTransaction,
          ),
        latest: (threadId) =>
          sql<SessionRuntimeRow>`SELECT ${columns} FROM provider_session_runtime
            WHERE thread_id = ${threadId} ORDER BY last_seen_at DESC, provider_session_id DESC LIMIT 1`.pipe(
            Effect.map((rows) => rows.map(fromRow)[0]),
          ),
        alive: sql<SessionRuntimeRow>`SELECT ${columns} FROM provider_session_runtime
          WHERE status IN ('starting', 'running') ORDER BY provider_session_id`.pipe(
          Effect.map((rows) => rows.map(fromRow)),
        ),
      });
    }),
  );
}

const fromRow = (row: SessionRuntimeRow): SessionRuntimeEntry => ({
  providerSessionId: row.provider_session_id,
  threadId: row.thread_id,
  providerName: row.provider_name,
  adapterKey: row.adapter_key,
  providerThreadId: row.provider_thread_id,
  status: row.status,
  resumeCursor: row.resume_cursor_json === null ? null : decodeJson(row.resume_cursor_json),
  runtimePayload: row.runtime_payload_json === null ? null : decodeJson(row.runtime_payload_json),
});
