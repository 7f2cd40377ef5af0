import type { MessageId } from "@heddle/contracts/Ids";
import { inList } from "@heddle/sql/InList";
import { Effect } from "effect";
import type { SqlClient } from "effect/sql";
import type { AnyCommand } from "./GroupWriter.ts";

/**
 * Message ids are unique over all threads, and no aggregate knows them all: the read model is asked, by its key for those
 * in transcripts, and for the few prompts that wait in a queue.
 */
export const findTakenMessageIds = Effect.fnUntraced(function* (
  sql: SqlClient.SqlClient,
  commands: ReadonlyArray<AnyCommand>,
) {
  const wanted = commands.flatMap((command) =>
    command.type === "thread.turn.start" ? [command.message.messageId] : [],
  );
  if (wanted.length === 0) return new Set<MessageId>();
  const sent = yield* sql<{ message_id: MessageId }>`
    SELECT message_id FROM projection_thread_messages WHERE ${inList(sql, "message_id", wanted)}`;
  const waiting = yield* sql<{ queued_turns_json: string }>`
    SELECT queued_turns_json FROM projection_threads WHERE queued_turns_json <> '[]'`;
  const queued = waiting.flatMap(
    (row) => JSON.parse(row.queued_turns_json) as ReadonlyArray<{ readonly messageId: MessageId }>,
  );
  return new Set([...sent.map((row) => row.message_id), ...queued.map((turn) => turn.messageId)]);
});
