/** One event with all that belongs to it: its command's receipt, what it asked for, the content that it refers to. */
import { NotFound } from "@heddle/contracts/Errors";
import type { EventEnvelope } from "@heddle/contracts/Events";
import type { EventDetails, GetEventInput } from "@heddle/contracts/InspectionRpc";
import { AttachmentRef, BlobRef } from "@heddle/contracts/Model";
import type { EventRow } from "@heddle/event-store/EventCodec";
import { eventReads } from "@heddle/event-store/EventStore";
import { selectValues } from "@heddle/sql/OnConnection";
import { Effect, Schema } from "effect";
import type { SqlClient } from "effect/sql";
import { effectsOf } from "./EffectReads.ts";
import { receiptOf } from "./ReceiptReads.ts";
import { readEventId, readSequences } from "./StoredEvent.ts";

/** Of the texts of an event that cannot be read. */
const RAW_CHARACTERS = 65_536;

/** Finds an event by one of its names. Fails with `NotFound`, which says so where it was pruned. */
export const findEvent = Effect.fnUntraced(function* (
  sql: SqlClient.SqlClient,
  { sequence, eventId }: { readonly sequence?: number; readonly eventId?: string },
) {
  const stored =
    sequence === undefined
      ? yield* readEventId(sql, eventId ?? "")
      : (yield* readSequences(sql, [sequence]))[0];
  if (stored !== undefined) return stored;
  const message = sequence === undefined ? `There is no event ${eventId}.` : yield* whyMissing(sql, sequence);
  return yield* new NotFound({ kind: "event", id: eventId ?? String(sequence), message });
});

const PRUNED = `SELECT thread_id, pruned_at, archive FROM orchestration_pruned
  WHERE last_sequence >= ? AND first_sequence <= ? ORDER BY last_sequence LIMIT 2`;

const whyMissing = Effect.fnUntraced(function* (sql: SqlClient.SqlClient, sequence: number) {
  const head = yield* eventReads(sql).head;
  const [pruned, another] = sequence <= head ? yield* selectValues(sql, PRUNED, [sequence, sequence]) : [];
  if (pruned === undefined) return `There is no event ${sequence}; the log ends at ${head}.`;
  const [threadId, prunedAt, archive] = pruned;
  // The threads of one stretch of the log stand between one another.
  if (another !== undefined)
    return `Event ${sequence} is not in the log any more: it was pruned, with the thread that it belonged to.`;
  const where = archive === null ? "" : ` Its archive is ${String(archive)}.`;
  return `Event ${sequence} is not in the log any more: it was pruned with thread ${String(threadId)} at ${String(prunedAt)}.${where}`;
});

export const eventDetails = (sql: SqlClient.SqlClient) =>
  Effect.fnUntraced(function* (input: GetEventInput) {
    const stored = yield* findEvent(sql, input);
    const { row, event } = stored;
    return {
      event: event ?? null,
      unreadable: stored.unreadable ? { ...stored.unreadable, ...rawTexts(row) } : null,
      receipt: row.command_id === null ? null : yield* receiptOf(sql, row.command_id),
      effects: yield* effectsOf(sql, [row.sequence]),
      blobs: event === undefined ? [] : yield* blobsOf(sql, event),
    } satisfies EventDetails;
  });

const rawTexts = ({ payload_json, metadata_json }: EventRow) => {
  const payloadText = payload_json.slice(0, RAW_CHARACTERS);
  const metadataText = metadata_json.slice(0, RAW_CHARACTERS);
  const charactersLeftOut =
    payload_json.length + metadata_json.length - payloadText.length - metadataText.length;
  return { payloadText, metadataText, charactersLeftOut };
};

const isRef = Schema.is(BlobRef);
const isAttachment = Schema.is(AttachmentRef);

/** Bytes by hash, of each blob that a payload refers to. */
const referred = (payload: EventEnvelope["payload"]): ReadonlyMap<string, number> => {
  const found = new Map<string, number>();
  const look = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    if (isRef(value)) found.set(value.$blob, value.bytes);
    else for (const entry of Object.values(value)) look(entry);
  };
  look(payload);
  if ("attachments" in payload) {
    for (const attachment of payload.attachments)
      if (isAttachment(attachment)) found.set(attachment.blob, attachment.bytes);
  }
  return found;
};

const STORED = "SELECT hash FROM orchestration_blobs WHERE hash IN (SELECT value FROM json_each(?))";

const blobsOf = Effect.fnUntraced(function* (sql: SqlClient.SqlClient, { payload }: EventEnvelope) {
  const refs = referred(payload);
  if (refs.size === 0) return [];
  const rows = yield* selectValues(sql, STORED, [JSON.stringify([...refs.keys()])]);
  const stored = new Set(rows.map(([hash]) => hash));
  return [...refs].map(([hash, bytes]) => ({ hash, bytes, stored: stored.has(hash) }));
});
