/** Given these events, then these rows: a real database, a log, and the projectors over it. */
import { type EventEnvelope, eventVersion, type NewEvent } from "@heddle/contracts/Events";
import { CommandId, EventId } from "@heddle/contracts/Ids";
import { encodeEvent } from "@heddle/event-store/EventCodec";
import { EventStore } from "@heddle/event-store/EventStore";
import { event, NOW, turnOf } from "@heddle/domain/testing/support";
import { freshStore } from "@heddle/event-store/testing/support";
import { Effect, Layer } from "effect";
import { SqlClient } from "effect/sql";
import type { Projector } from "../src/Projector.ts";
import { PROJECTORS } from "../src/Projectors.ts";
import { Queries } from "../src/Queries.ts";
import { Runner } from "../src/Runner.ts";

/** The store, the projectors and the queries on a fresh database. */
export const freshProjections = Layer.mergeAll(Runner.layer(), Queries.layer).pipe(
  Layer.provideMerge(freshStore),
);

/** The server's clock at the event of a sequence. */
export const at = (sequence: number): string =>
  new Date(Date.UTC(2026, 1, 3) + sequence * 1000).toISOString();

export type Some = NewEvent | ReadonlyArray<NewEvent>;

/** Gives events their places in one log. */
export const logOf = (...parts: ReadonlyArray<Some>): ReadonlyArray<EventEnvelope> => {
  const versions = new Map<string, number>();
  return parts.flat().map((event, index) => {
    const inThread = "threadId" in event.payload;
    const streamId = "threadId" in event.payload ? event.payload.threadId : event.payload.projectId;
    const stream = `${inThread} ${streamId}`;
    versions.set(stream, (versions.get(stream) ?? 0) + 1);
    const place = {
      sequence: index + 1,
      eventId: EventId.make(`event-${index + 1}`),
      aggregateKind: inThread ? ("thread" as const) : ("project" as const),
      streamId,
      streamVersion: versions.get(stream) ?? 1,
      eventVersion: eventVersion(event.eventType),
      occurredAt: at(index + 1),
      commandId: CommandId.make(`command-${index + 1}`),
      causationEventId: null,
      correlationId: null,
      actorKind: "client" as const,
      metadata: {},
    };
    return Object.assign(place, event);
  });
};

/** Appends and projects a batch in one transaction, as the writer does. */
export const commit = Effect.fnUntraced(function* (events: ReadonlyArray<EventEnvelope>) {
  const sql = yield* SqlClient.SqlClient;
  const store = yield* EventStore;
  const runner = yield* Runner;
  const encoded = events.map(encodeEvent);
  const moveCursors = yield* sql.withTransaction(
    Effect.andThen(store.append(encoded), runner.project(encoded.map(({ event }) => event))),
  );
  moveCursors();
});

/** Appends without the projectors. */
export const store = Effect.fnUntraced(function* (events: ReadonlyArray<EventEnvelope>) {
  const sql = yield* SqlClient.SqlClient;
  const log = yield* EventStore;
  yield* sql.withTransaction(log.append(events.map(encodeEvent)));
});

/** A runner of its own, as after a restart, taken to the head of the log. */
export const restart = (projectors: ReadonlyArray<Projector> = PROJECTORS) =>
  Effect.gen(function* () {
    const log = yield* EventStore;
    const runner = yield* Runner;
    yield* runner.catchUp((fromSequenceExclusive, limit) => log.readAll({ fromSequenceExclusive, limit }));
    return yield* runner.status;
  }).pipe(Effect.provide(Layer.fresh(Runner.layer(projectors))));

type Row = Readonly<Record<string, unknown>>;

/** All rows of a table, by its first column. */
export const rowsOf = (table: string) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient;
    const rows = yield* sql<Row>`SELECT * FROM ${sql(table)}`;
    return rows.map((row) => Object.fromEntries(Object.entries(row))).toSorted(byJson);
  });

const byJson = (left: object, right: object) => (JSON.stringify(left) < JSON.stringify(right) ? -1 : 1);

/** The rows of a table after a log, on a database of its own. */
export const after = (table: string, ...log: ReadonlyArray<Some>) =>
  Effect.andThen(commit(logOf(...log)), rowsOf(table)).pipe(Effect.provide(freshProjections));

/** Every row of the read model, and the cursors; when they were written does not count. */
export const readModel = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient;
  const state = yield* sql<Row>`
    SELECT projector, version, last_applied_sequence, fault FROM projection_state ORDER BY projector`;
  const tables = yield* Effect.forEach(PROJECTORS, ({ table }) =>
    Effect.map(rowsOf(table), (rows) => [table, rows] as const),
  );
  const cursors = ["projection_state", state.map((row) => Object.fromEntries(Object.entries(row)))] as const;
  return Object.fromEntries<ReadonlyArray<Row>>([...tables, cursors]);
});

/** Forgets all that was projected. */
export const dropReadModel = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient;
  for (const { table } of PROJECTORS) yield* sql`DELETE FROM ${sql(table)}`;
  yield* sql`DELETE FROM projection_state`;
});

/** Words of the agent in the turn of a prompt. */
export const segment = (
  text: string,
  offset: number,
  streaming: boolean,
  turn: string | null = "m1",
  messageId = `reply-to-${turn}`,
) =>
  event("thread.message-sent", {
    threadId: "t1",
    messageId,
    turnId: turn === null ? null : turnOf(turn),
    role: "assistant",
    text,
    offset,
    streaming,
    attachments: [],
    createdAt: NOW,
  });
