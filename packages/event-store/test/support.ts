/** A real database in a folder of its own, and events to put into it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type EventEnvelope,
  type EventMetadata,
  EventPayloads,
  type EventType,
  eventVersion,
} from "@heddle/contracts/Events";
import { CommandId, EventId } from "@heddle/contracts/Ids";
import { Effect, Layer, Schema } from "effect";
import { SqlClient } from "effect/sql";
import { Blobs } from "../src/Blobs.ts";
import { DiffBlobs } from "../src/DiffBlobs.ts";
import { Effects } from "../src/Effects.ts";
import { encodeEvent } from "../src/EventCodec.ts";
import { EventStore } from "../src/EventStore.ts";
import { Pruned } from "../src/Pruned.ts";
import { Quarantine } from "../src/Quarantine.ts";
import { Receipts } from "../src/Receipts.ts";
import { SessionRuntime } from "../src/SessionRuntime.ts";
import { StreamSnapshots } from "../src/StreamSnapshots.ts";
import { migratedLayer, writerLayer } from "../src/SqliteDatabase.ts";

/** A folder that is gone when the scope closes. */
export const temporaryFolder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "heddle-test-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true })),
);

/** A fresh file with nothing in it. */
export const emptyDatabase = Layer.unwrap(
  Effect.map(temporaryFolder, (folder) => writerLayer(join(folder, "heddle.db"))),
);

/** A fresh database with the present schema. */
export const freshDatabase = Layer.unwrap(
  Effect.map(temporaryFolder, (folder) => migratedLayer(join(folder, "heddle.db"))),
);

/** Every service of the store on a fresh database. */
export const freshStore = Layer.mergeAll(
  EventStore.layer,
  Blobs.layer,
  Receipts.layer,
  Effects.layer,
  DiffBlobs.layer,
  Pruned.layer,
  Quarantine.layer,
  StreamSnapshots.layer,
  SessionRuntime.layer,
).pipe(Layer.provideMerge(freshDatabase));

export const AT = "2026-02-03T04:05:06.000Z";

/** Where an event stands, and what else is not usual about it. */
export interface Place {
  readonly sequence: number;
  readonly streamId?: string;
  readonly streamVersion?: number;
  readonly eventId?: string;
  readonly metadata?: EventMetadata;
}

/** An envelope of a thread's event from the payload's JSON; the stream is `t1`, and its version the sequence. */
export const envelope = <Type extends EventType>(
  eventType: Type,
  payload: (typeof EventPayloads)[Type]["Encoded"],
  {
    sequence,
    streamId = "t1",
    streamVersion = sequence,
    eventId = `event-${sequence}`,
    metadata = {},
  }: Place,
): EventEnvelope => {
  const schema: Schema.Codec<unknown, unknown> = EventPayloads[eventType];
  return {
    sequence,
    eventId: EventId.make(eventId),
    aggregateKind: eventType.startsWith("project.") ? "project" : "thread",
    streamId,
    streamVersion,
    eventType,
    eventVersion: eventVersion(eventType),
    occurredAt: AT,
    commandId: CommandId.make(`command-${sequence}`),
    causationEventId: null,
    correlationId: null,
    actorKind: "client",
    payload: Schema.decodeUnknownSync(schema)(payload),
    metadata,
  } as EventEnvelope;
};

/** A small event. */
export const archived = (place: Place): EventEnvelope =>
  envelope("thread.archived", { threadId: place.streamId ?? "t1" }, place);

/** `count` small events of the stream `t1`, from sequence and version 1. */
export const archivedMany = (count: number): ReadonlyArray<EventEnvelope> =>
  Array.from({ length: count }, (_, index) => archived({ sequence: index + 1 }));

/** Appends in one transaction, as the writer does. */
export const append = (...events: ReadonlyArray<EventEnvelope>) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient;
    const store = yield* EventStore;
    yield* sql.withTransaction(store.append(events.map(encodeEvent)));
  });
