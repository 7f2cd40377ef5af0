/** Between an event and its row. A payload that does not fit its type's schema is refused on write and on read. */
import {
  EVENT_TYPES,
  type EventEnvelope,
  EventMetadata,
  EventPayloads,
  type EventType,
} from "@heddle/contracts/Events";
import { Schema } from "effect";

/** A row of `orchestration_events`. */
export interface EventRow {
  readonly sequence: number;
  readonly event_id: string;
  readonly aggregate_kind: string;
  readonly stream_id: string;
  readonly stream_version: number;
  readonly event_type: string;
  readonly event_version: number;
  readonly occurred_at: string;
  readonly command_id: string | null;
  readonly causation_event_id: string | null;
  readonly correlation_id: string | null;
  readonly actor_kind: string;
  readonly payload_json: string;
  readonly metadata_json: string;
}

export const EVENT_COLUMNS = [
  "sequence",
  "event_id",
  "aggregate_kind",
  "stream_id",
  "stream_version",
  "event_type",
  "event_version",
  "occurred_at",
  "command_id",
  "causation_event_id",
  "correlation_id",
  "actor_kind",
  "payload_json",
  "metadata_json",
] as const satisfies ReadonlyArray<keyof EventRow>;

/** A stored event that this version cannot read. */
export class UndecodableEvent extends Schema.TaggedError<UndecodableEvent>()("UndecodableEvent", {
  sequence: Schema.Int,
  eventType: Schema.String,
  eventVersion: Schema.Int,
  reason: Schema.String,
}) {
  override get message(): string {
    return `Event ${this.sequence} (${this.eventType}, version ${this.eventVersion}) cannot be read: ${this.reason}`;
  }
}

type PayloadCodec = {
  readonly encode: (payload: unknown) => unknown;
  readonly decode: (json: unknown) => unknown;
};

const codecs = new Map<string, PayloadCodec>(
  EVENT_TYPES.map((type: EventType) => {
    const schema: Schema.Codec<unknown, unknown> = EventPayloads[type];
    return [type, { encode: Schema.encodeUnknownSync(schema), decode: Schema.decodeUnknownSync(schema) }];
  }),
);

const decodeMetadata = Schema.decodeUnknownSync(EventMetadata);

/** An event with its payload as it is stored. */
export interface EncodedEvent {
  /** As a reader will get it, to the order of its keys: so rows that are made of it live equal those of a rebuild. */
  readonly event: EventEnvelope;
  readonly payloadJson: string;
}

/** Throws a `SchemaError` where the payload does not fit the event's type: a bug in a decision. */
export const encodeEvent = (event: EventEnvelope): EncodedEvent => {
  const payload = codecs.get(event.eventType)?.encode(event.payload);
  return { event: { ...event, payload } as EventEnvelope, payloadJson: JSON.stringify(payload) };
};

/** The envelope of a row. Throws `UndecodableEvent`. */
export const decodeRow = (row: EventRow): EventEnvelope => {
  const codec = codecs.get(row.event_type);
  try {
    if (codec === undefined) throw new Error("this version of Heddle does not know its type");
    const envelope = {
      sequence: row.sequence,
      eventId: row.event_id,
      aggregateKind: row.aggregate_kind,
      streamId: row.stream_id,
      streamVersion: row.stream_version,
      eventType: row.event_type,
      eventVersion: row.event_version,
      occurredAt: row.occurred_at,
      commandId: row.command_id,
      causationEventId: row.causation_event_id,
      correlationId: row.correlation_id,
      actorKind: row.actor_kind,
      payload: codec.decode(JSON.parse(row.payload_json)),
      metadata: decodeMetadata(JSON.parse(row.metadata_json)),
    };
    return envelope as EventEnvelope;
  } catch (cause) {
    throw new UndecodableEvent({
      sequence: row.sequence,
      eventType: row.event_type,
      eventVersion: row.event_version,
      reason: cause instanceof Error ? cause.message : String(cause),
    });
  }
};
