/** How far the sessions that agents keep themselves were taken in (`imported_files`, SPEC section 7.1). */
import type { ThreadId } from "@heddle/contracts/Ids";
import { Clock, Context, Effect, Layer } from "effect";
import { SqlClient, type SqlError } from "effect/sql";

export interface ImportedFile {
  readonly source: string;
  readonly sourceId: string;
  readonly threadId: ThreadId;
  readonly file: string;
  /** The watermark: what stands before it is in the thread. */
  readonly bytesRead: number;
  readonly linesRead: number;
  /** Calls before the watermark whose results are behind it. */
  readonly openCalls: Readonly<Record<string, { readonly kind: string; readonly title: string }>>;
  /** The file as it was when it had been read to its end; null until then. */
  readonly fileBytes: number | null;
  readonly fileModifiedAt: string | null;
}

interface ImportedFileRow {
  readonly source: string;
  readonly source_session_id: string;
  readonly thread_id: ThreadId;
  readonly file: string;
  readonly bytes_read: number;
  readonly lines_read: number;
  readonly open_calls_json: string;
  readonly file_bytes: number | null;
  readonly file_modified_at: string | null;
}

interface ProviderIdRow {
  readonly thread_id: ThreadId;
  readonly provider_session_id: string;
  readonly provider_thread_id: string | null;
}

/** The row that an import leaves among the sessions: what the thread's next turn goes on by. */
export const importedSessionId = (source: string, sourceId: string): string => `import:${source}:${sourceId}`;

export class ImportedFiles extends Context.Service<
  ImportedFiles,
  {
    readonly find: (
      source: string,
      sourceId: string,
    ) => Effect.Effect<ImportedFile | undefined, SqlError.SqlError>;
    readonly put: (file: ImportedFile) => Effect.Effect<void, SqlError.SqlError>;
    /** The threads of sessions that Heddle ran itself, by the ids that the agent gave them. */
    readonly ownSessions: Effect.Effect<ReadonlyMap<string, ThreadId>, SqlError.SqlError>;
  }
>()("heddle/event-store/ImportedFiles") {
  static readonly layer = Layer.effect(
    ImportedFiles,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient;
      return ImportedFiles.of({
        find: (source, sourceId) =>
          sql<ImportedFileRow>`SELECT source, source_session_id, thread_id, file, bytes_read, lines_read,
              open_calls_json, file_bytes, file_modified_at FROM imported_files
            WHERE source = ${source} AND source_session_id = ${sourceId}`.pipe(
            Effect.map((rows) => rows.map(fromRow)[0]),
          ),
        put: (file) =>
          Effect.flatMap(Clock.currentTimeMillis, (millis) => {
            const row = {
              source: file.source,
              source_session_id: file.sourceId,
              thread_id: file.threadId,
              file: file.file,
              bytes_read: file.bytesRead,
              lines_read: file.linesRead,
              open_calls_json: JSON.stringify(file.openCalls),
              file_bytes: file.fileBytes,
              file_modified_at: file.fileModifiedAt,
              imported_at: new Date(millis).toISOString(),
            };
            return sql`INSERT INTO imported_files ${sql.insert(row)}
              ON CONFLICT (source, source_session_id) DO UPDATE SET
                thread_id = excluded.thread_id, file = excluded.file, bytes_read = excluded.bytes_read,
                lines_read = excluded.lines_read, open_calls_json = excluded.open_calls_json,
                file_bytes = excluded.file_bytes, file_modified_at = excluded.file_modified_at,
                imported_at = excluded.imported_at`;
          }).pipe(Effect.asVoid, sql.withTransaction),
        ownSessions: sql<ProviderIdRow>`SELECT thread_id, provider_session_id, provider_thread_id
          FROM provider_session_runtime WHERE provider_session_id NOT LIKE 'import:%'`.pipe(
          Effect.map(
            (rows) =>
              new Map(
                rows.flatMap(({ thread_id, provider_session_id, provider_thread_id }) => [
                  [provider_session_id, thread_id] as const,
                  [provider_thread_id ?? provider_session_id, thread_id] as const,
                ]),
              ),
          ),
        ),
      });
    }),
  );
}

const fromRow = (row: ImportedFileRow): ImportedFile => ({
  source: row.source,
  sourceId: row.source_session_id,
  threadId: row.thread_id,
  file: row.file,
  bytesRead: row.bytes_read,
  linesRead: row.lines_read,
  openCalls: JSON.parse(row.open_calls_json) as ImportedFile["openCalls"],
  fileBytes: row.file_bytes,
  fileModifiedAt: row.file_modified_at,
});
