/** What differs in a thread between two of its moments: the rows that events between them touched, at one and at the other. */
import { NotFound } from "@heddle/contracts/Errors";
import type { EventEnvelope } from "@heddle/contracts/Events";
import type { ThreadId } from "@heddle/contracts/Ids";
import type {
  Activity,
  CheckpointSummary,
  Message,
  PendingApproval,
  Turn,
} from "@heddle/contracts/ReadModel";
import type { FieldChange, ThreadChanges } from "@heddle/contracts/TravelRpc";
import type { StoredMoment } from "@heddle/event-store/ThreadMoments";
import {
  activityRows,
  approvalRows,
  checkpointRows,
  messageRows,
  type ReadTable,
  select,
  sessionRows,
  threadRows,
  turnRows,
} from "@heddle/projections/Rows";
import { inList } from "@heddle/sql/InList";
import { Effect, type Schema } from "effect";
import type { SqlClient } from "effect/sql";
import type { StreamIndex } from "./Moments.ts";
import { scratchDatabase } from "./TravelScratch.ts";
import { type ThreadStream, threadStream } from "./TravelStream.ts";
import { materialize, type Standing, standingAt, stretchAt } from "./TravelThread.ts";

export interface Span {
  readonly threadId: ThreadId;
  /** Right after these events of the log, neither of them beyond the head. */
  readonly fromSequence: number;
  readonly toSequence: number;
  /** How many entries are told at most. */
  readonly limit: number;
}

/** Events that are looked at together. */
const STEP = 256;
/** What is told ends at about this many characters of payloads. */
const MOST_CHARACTERS = 1_048_576;

/** Rows that events name, all of them by their ids. */
class Touched {
  readonly messages = new Set<string>();
  readonly requests = new Set<string>();
  readonly turns = new Set<string>();
  readonly checkpoints = new Set<string>();
  readonly activities: Array<EventEnvelope> = [];

  get size(): number {
    const { messages, requests, turns, checkpoints, activities } = this;
    return messages.size + requests.size + turns.size + checkpoints.size + activities.length;
  }

  add(event: EventEnvelope): void {
    switch (event.eventType) {
      case "thread.message-sent":
        this.messages.add(event.payload.messageId);
        if (event.payload.role === "assistant" && event.payload.turnId !== null) {
          this.turns.add(event.payload.turnId);
        }
        break;
      case "thread.activity-appended":
        this.activities.push(event);
        break;
      case "thread.approval-requested":
      case "thread.user-input-requested":
      case "thread.approval-resolved":
      case "thread.user-input-resolved":
        this.requests.add(event.payload.requestId);
        break;
      case "thread.turn-started":
      case "thread.turn-completed":
      case "thread.turn-usage-recorded":
        this.turns.add(event.payload.turnId);
        break;
      case "thread.turn-diff-completed":
        this.checkpoints.add(String(event.payload.turnCount));
        break;
    }
  }
}

/** Goes forward until there is enough to tell; gives the version up to which all is there. */
const walkForward = Effect.fnUntraced(function* (
  stream: ThreadStream,
  touched: Touched,
  from: number,
  to: Standing,
  limit: number,
) {
  let at = from;
  let characters = 0;
  while (at < to.version) {
    const next = Math.min(at + STEP, to.version);
    for (const event of (yield* stream.range(at, next)).events) {
      if (touched.size >= limit || characters > MOST_CHARACTERS) return event.streamVersion - 1;
      if (cameAndWent(to.index, event)) continue;
      touched.add(event);
      characters += JSON.stringify(event.payload).length;
    }
    at = next;
  }
  return to.version;
});

/** Whether an event gave something that was removed since, and changed nothing that was there: it is at neither moment. */
const cameAndWent = (index: StreamIndex, event: EventEnvelope): boolean => {
  const { streamVersion } = event;
  const begins = (versions: ReadonlyArray<number>) => versions[0] === streamVersion;
  switch (event.eventType) {
    case "thread.activity-appended":
    case "thread.turn-started":
    case "thread.turn-completed":
      return !index.stands(event.payload.turnId, streamVersion);
    case "thread.message-sent": {
      const { turnId, messageId } = event.payload;
      return !index.stands(turnId, streamVersion) && begins(index.versionsOf("messages", messageId));
    }
    case "thread.approval-requested":
    case "thread.user-input-requested": {
      const { turnId, requestId } = event.payload;
      return !index.stands(turnId, streamVersion) && begins(index.versionsOf("requests", requestId));
    }
    default:
      return false;
  }
};

/** Goes back over what belongs to turns that were removed later; says whether there is more of it than can be told. */
const walkBack = Effect.fnUntraced(function* (
  stream: ThreadStream,
  touched: Touched,
  { version, index }: Standing,
  removed: ReadonlySet<string>,
  limit: number,
) {
  const isRemoved = (turnId: string | null) => turnId !== null && removed.has(turnId);
  const most = touched.size + limit;
  let from = version + 1;
  while (from > 1) {
    const last = from - 1;
    const place = stretchAt(index, last);
    if (place !== undefined && !place.named.some(isRemoved)) {
      from = place.begin;
      continue;
    }
    const begin = Math.max(place?.begin ?? 1, last - STEP + 1);
    const { events } = yield* stream.range(begin - 1, last);
    for (const event of events.toReversed()) {
      const turnId = "turnId" in event.payload ? event.payload.turnId : null;
      if (!isRemoved(turnId) || !index.stands(turnId, event.streamVersion)) continue;
      if (touched.size >= most) return true;
      touched.add(event);
    }
    from = begin;
  }
  return false;
});

/** What differs between two moments. Fails where the log has no such thread, or it begins later. */
export const threadChanges = Effect.fn("Travel.threadChanges")(function* (
  sql: SqlClient.SqlClient,
  { threadId, fromSequence, toSequence, limit }: Span,
  every: number,
) {
  const stream = threadStream(sql, threadId);
  const toVersion = yield* stream.versionAt(toSequence);
  if (toVersion === 0) {
    const message = `There is no such thread at sequence ${toSequence}, or it was taken out of the log.`;
    return yield* new NotFound({ kind: "thread", id: threadId, message });
  }
  const fromVersion = yield* stream.versionAt(fromSequence);
  const to = yield* standingAt(sql, stream, toVersion, every);
  const from = yield* standingAt(sql, stream, fromVersion, every);

  const touched = new Touched();
  const told = yield* walkForward(stream, touched, fromVersion, to, limit);
  const removed = new Set<string>();
  for (const { version, turnIds } of to.index.reverts) {
    if (version > fromVersion) for (const turnId of turnIds) removed.add(turnId);
  }
  const moreRemoved = removed.size > 0 && (yield* walkBack(stream, touched, from, removed, limit));

  const before = yield* scratchDatabase;
  yield* materialize(before, from, touched);
  const after = yield* scratchDatabase;
  yield* materialize(after, to, touched);
  const differing = <Row extends object>(
    table: ReadTable<Row>,
    column: string,
    ids: Iterable<string>,
    idOf: (row: Row) => string,
  ) =>
    Effect.all([rowsIn(before, table, column, [...ids]), rowsIn(after, table, column, [...ids])]).pipe(
      Effect.map(([left, right]) => entryChanges(left, right, idOf)),
    );
  const activityIds = touched.activities.map(({ eventId }) => eventId);
  const changes: ThreadChanges = {
    threadId,
    fromSequence,
    toSequence,
    thread: yield* onlyRow(before, after, threadRows, threadId),
    session: yield* onlyRow(before, after, sessionRows, threadId),
    messages: yield* differing<Message>(messageRows, "message_id", touched.messages, (row) => row.messageId),
    activities: yield* differing<Activity>(activityRows, "activity_id", activityIds, (row) => row.activityId),
    turns: yield* differing<Turn>(turnRows, "turn_id", touched.turns, (row) => row.turnId),
    checkpoints: yield* differing<CheckpointSummary>(
      checkpointRows,
      "checkpoint_turn_count",
      touched.checkpoints,
      (row) => String(row.checkpointTurnCount),
    ),
    requests: yield* differing<PendingApproval>(
      approvalRows,
      "request_id",
      touched.requests,
      (row) => row.requestId,
    ),
    cutAt: told < toVersion ? ((yield* stream.sequenceOf(told)) ?? fromSequence) : null,
    moreRemoved,
  };
  const moments: ReadonlyArray<StoredMoment> = [...from.made, ...to.made];
  return { changes, moments };
}, Effect.scoped);

const rowsIn = <Row>(
  sql: SqlClient.SqlClient,
  table: ReadTable<Row>,
  column: string,
  ids: ReadonlyArray<string>,
) => Effect.orDie(select(sql, table, sql`WHERE ${inList(sql, column, ids)}`));

const onlyRow = <Row extends object>(
  before: SqlClient.SqlClient,
  after: SqlClient.SqlClient,
  table: ReadTable<Row>,
  threadId: ThreadId,
) =>
  Effect.gen(function* () {
    const [left] = yield* rowsIn(before, table, "thread_id", [threadId]);
    const [right] = yield* rowsIn(after, table, "thread_id", [threadId]);
    return fieldChanges(left ?? {}, right ?? {});
  });

const entryChanges = <Row extends object>(
  before: ReadonlyArray<Row>,
  after: ReadonlyArray<Row>,
  idOf: (row: Row) => string,
) => {
  const left = new Map(before.map((row) => [idOf(row), row]));
  const right = new Map(after.map((row) => [idOf(row), row]));
  return {
    added: after.filter((row) => !left.has(idOf(row))),
    changed: [...left].flatMap(([id, row]) => {
      const other = right.get(id);
      const changes = other === undefined ? [] : fieldChanges(row, other);
      return changes.length === 0 ? [] : [{ id, changes }];
    }),
    removed: [...left.keys()].filter((id) => !right.has(id)),
  };
};

const fieldChanges = (before: object, after: object): ReadonlyArray<FieldChange> => {
  const [left, right] = [new Map(Object.entries(before)), new Map(Object.entries(after))];
  const fields = [...new Set([...left.keys(), ...right.keys()])];
  return fields.flatMap((field): ReadonlyArray<FieldChange> => {
    const [was, is]: [Schema.Json, Schema.Json] = [left.get(field) ?? null, right.get(field) ?? null];
    if (JSON.stringify(was) === JSON.stringify(is)) return [];
    const wentOn =
      field === "text" && typeof was === "string" && typeof is === "string" && is.startsWith(was);
    return wentOn ? [{ field, appended: is.slice(was.length) }] : [{ field, before: was, after: is }];
  });
};
