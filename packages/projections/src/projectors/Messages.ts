import type { ProjectedEvent } from "@heddle/contracts/Events";
import { multiRowInsert } from "@heddle/sql/MultiRowInsert";
import { Effect } from "effect";
import { nothingToRemember, type Projector, removeRows, revertedTurns } from "../Projector.ts";

export interface MessageRow {
  readonly message_id: string;
  readonly thread_id: string;
  readonly turn_id: string | null;
  readonly role: string;
  readonly text: string;
  readonly full_text_json: string | null;
  readonly attachments_json: string;
  readonly is_streaming: number;
  readonly sequence: number;
  readonly created_at: string;
  readonly updated_at: string;
}

const COLUMNS = [
  "message_id",
  "thread_id",
  "turn_id",
  "role",
  "text",
  "full_text_json",
  "attachments_json",
  "is_streaming",
  "sequence",
  "created_at",
  "updated_at",
] as const satisfies ReadonlyArray<keyof MessageRow>;

/** Segments of a batch are joined in memory and appended to the row's text in SQL, so that no text is read back. */
export const messages: Projector = {
  name: "thread-messages",
  version: 1,
  table: "projection_thread_messages",
  key: ["message_id"],
  handles: ["thread.message-sent", "thread.reverted"],
  bind: (sql, table) => {
    const append = multiRowInsert(sql, {
      table,
      columns: COLUMNS,
      suffix: `ON CONFLICT (message_id) DO UPDATE SET text = ${table}.text || excluded.text,
        is_streaming = excluded.is_streaming, updated_at = excluded.updated_at`,
    });
    const remove = removeRows(sql, table);
    return Effect.fnUntraced(function* (events) {
      const added = new Map<string, MessageRow>();
      const write = Effect.suspend(() =>
        append([...added.values()].map((row) => COLUMNS.map((column) => row[column]))),
      );
      for (const event of events) {
        const removal = revertedTurns(event);
        if (removal) {
          // What came before goes first: only the stored row knows the turn that a message began in.
          yield* write;
          added.clear();
          yield* remove(removal);
        } else if (event.eventType === "thread.message-sent") {
          const { messageId } = event.payload;
          added.set(messageId, withSegment(added.get(messageId), event));
        }
      }
      yield* write;
      return nothingToRemember;
    });
  },
};

const withSegment = (
  row: MessageRow | undefined,
  event: ProjectedEvent<"thread.message-sent">,
): MessageRow => {
  const { payload, occurredAt, sequence } = event;
  const state = { is_streaming: payload.streaming ? 1 : 0, updated_at: occurredAt };
  if (row) return { ...row, ...state, text: row.text + payload.text };
  return {
    message_id: payload.messageId,
    thread_id: payload.threadId,
    turn_id: payload.turnId,
    role: payload.role,
    text: payload.text,
    full_text_json: payload.fullText === undefined ? null : JSON.stringify(payload.fullText),
    attachments_json: JSON.stringify(payload.attachments),
    sequence,
    created_at: payload.createdAt,
    ...state,
  };
};
