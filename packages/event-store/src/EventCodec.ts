/** Between an event and its row. A payload that does not fit its type's schema is refused on write and on read. */
import {
  EVENT_TYPES,
  type EventEnvelope,
  EventMetadata,
  EventPayloads,
  type EventType,
  eventVersion,
  type ProjectedEvent,
} from "@heddle/contracts/Events";
import { Schema } from "effect";
import { type Upcaster, UPCASTERS } from "./Upcasters.ts";

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

/** Those of a `ProjectedEvent`, and what says which event it is where it cannot be read. */
export const PROJECTED_COLUMNS = [
  "sequence",
  "event_id",
  "aggregate_kind",
  "stream_id",
  "stream_version",
  "event_type",
  "event_version",
  "occurred_at",
  "payload_json",
] as const satisfies ReadonlyArray<keyof EventRow>;

export type ProjectedRow = Pick<EventRow, (typeof PROJECTED_COLUMNS)[number]>;

/** A stored event that this version cannot read. */
export class UndecodableEvent extends Schema.TaggedError<UndecodableEvent>()("UndecodableEvent", {
  sequence: Schema.Int,
  aggregateKind: Schema.String,
  streamId: Schema.String,
  eventType: Schema.String,
  eventVersion: Schema.Int,
  reason: Schema.String,
}) {
  override get message(): string {
    return `Event ${this.sequence} (${this.eventType}, version ${this.eventVersion}) cannot be read: ${this.reason}`;
  }
}

/** What a codec knows of one type of event. */
interface EventDefinition {
  readonly schema: Schema.Codec<unknown, unknown>;
  /** At which it is written. */
  readonly version: number;
  /** From each earlier version to the next. */
  readonly upcasters: ReadonlyArray<Upcaster>;
}

interface PayloadCodec {
  readonly encode: (payload: unknown) => unknown;
  /** Throws where the payload does not fit, or the version is not known. */
  readonly decode: (json: Schema.Json, version: number) => unknown;
  readonly version: number;
}

/** Payloads of one type, at any version up to the one that is written. */
export const payloadCodec = ({ schema, version, upcasters }: EventDefinition): PayloadCodec => {
  const decode = Schema.decodeUnknownSync(schema);
  return {
    version,
    encode: Schema.encodeUnknownSync(schema),
    decode: (json, storedVersion) => {
      if (storedVersion > version) {
        throw new Error(`a newer Heddle wrote it; this one knows its type up to version ${version}`);
      }
      let current = json;
      for (const upcast of upcasters.slice(storedVersion - 1)) current = upcast(current);
      return decode(current);
    },
  };
};

const codecs = new Map<string, PayloadCodec>(
  EVENT_TYPES.map((type: EventType) => [
    type,
    payloadCodec({
      schema: EventPayloads[type],
      version: eventVersion(type),
      upcasters: UPCASTERS[type] ?? [],
    }),
  ]),
);

const decodeMetadata = Schema.decodeUnknownSync(EventMetadata);
const NO_METADATA: EventMetadata = {};
const MAX_REASON = 500;

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

/** A row from its values, in the order of `EVENT_COLUMNS`. */
export const rowOf = (values: ReadonlyArray<unknown>): EventRow =>
  ({
    sequence: values[0],
    event_id: values[1],
    aggregate_kind: values[2],
    stream_id: values[3],
    stream_version: values[4],
    event_type: values[5],
    event_version: values[6],
    occurred_at: values[7],
    command_id: values[8],
    causation_event_id: values[9],
    correlation_id: values[10],
    actor_kind: values[11],
    payload_json: values[12],
    metadata_json: values[13],
  }) as EventRow;

/** The same of `PROJECTED_COLUMNS`. */
export const projectedRowOf = (values: ReadonlyArray<unknown>): ProjectedRow =>
  ({
    sequence: values[0],
    event_id: values[1],
    aggregate_kind: values[2],
    stream_id: values[3],
    stream_version: values[4],
    event_type: values[5],
    event_version: values[6],
    occurred_at: values[7],
    payload_json: values[8],
  }) as ProjectedRow;

/** The envelope of a row, its payload at the present version. Throws `UndecodableEvent`. */
export const decodeRow = (row: EventRow): EventEnvelope => {
  try {
    const codec = codecOf(row);
    const envelope = {
      sequence: row.sequence,
      eventId: row.event_id,
      aggregateKind: row.aggregate_kind,
      streamId: row.stream_id,
      streamVersion: row.stream_version,
      eventType: row.event_type,
      eventVersion: codec.version,
      occurredAt: row.occurred_at,
      commandId: row.command_id,
      causationEventId: row.causation_event_id,
      correlationId: row.correlation_id,
      actorKind: row.actor_kind,
      payload: codec.decode(JSON.parse(row.payload_json), row.event_version),
      metadata: row.metadata_json === "{}" ? NO_METADATA : decodeMetadata(JSON.parse(row.metadata_json)),
    };
    return envelope as EventEnvelope;
  } catch (cause) {
    throw undecodable(row, cause);
  }
};

/** The same of what a projector gets. */
export const decodeProjectedRow = (row: ProjectedRow): ProjectedEvent => {
  try {
    const event = {
      sequence: row.sequence,
      eventId: row.event_id,
      streamId: row.stream_id,
      eventType: row.event_type,
      occurredAt: row.occurred_at,
      payload: codecOf(row).decode(JSON.parse(row.payload_json), row.event_version),
    };
    return event as ProjectedEvent;
  } catch (cause) {
    throw undecodable(row, cause);
  }
};

const codecOf = ({ event_type }: ProjectedRow): PayloadCodec => {
  const codec = codecs.get(event_type);
  if (codec === undefined) throw new Error("this version of Heddle does not know its type");
  return codec;
};

const undecodable = (row: ProjectedRow, cause: unknown): UndecodableEvent =>
  new UndecodableEvent({
    sequence: row.sequence,
    aggregateKind: row.aggregate_kind,
    streamId: row.stream_id,
    eventType: row.event_type,
    eventVersion: row.event_version,
    // What a schema says of a bad value can be as long as the value.
    reason: (cause instanceof Error ? cause.message : String(cause)).slice(0, MAX_REASON),
  });
