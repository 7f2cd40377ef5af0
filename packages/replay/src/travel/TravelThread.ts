/**
 * The read model of a thread right after one of its events, a page of it: the rows that the page needs, each folded by the
 * real projectors from the events that it comes from, and the real query over them. Neither what stands above the page nor
 * what stands below it is read.
 */
import { NotFound } from "@heddle/contracts/Errors";
import type { EventEnvelope } from "@heddle/contracts/Events";
import type { ThreadId } from "@heddle/contracts/Ids";
import type { ThreadSnapshot } from "@heddle/contracts/ReadModel";
import type { StoredMoment } from "@heddle/event-store/ThreadMoments";
import { activities } from "@heddle/projections/projectors/Activities";
import { approvals } from "@heddle/projections/projectors/Approvals";
import { checkpoints } from "@heddle/projections/projectors/Checkpoints";
import { messages } from "@heddle/projections/projectors/Messages";
import { threads } from "@heddle/projections/projectors/Threads";
import { turns } from "@heddle/projections/projectors/Turns";
import { inList } from "@heddle/sql/InList";
import { Effect } from "effect";
import type { SqlClient } from "effect/sql";
import { type Moment, openAfter, type StreamIndex, stretchOf, turnsNamed } from "./Moments.ts";
import { foldHeld, momentsUpTo, NONE_OPEN } from "./MomentsMaker.ts";
import { folding, queriesOf, scratchDatabase, standsAt } from "./TravelScratch.ts";
import { type ThreadStream, threadStream } from "./TravelStream.ts";

/** The projectors whose rows are folded from the events that they come from. */
export const SLICED = [messages, activities, approvals, checkpoints];

/** Events that are looked at together on the way back from a page's end. */
const STEP = 256;

/** A thread at one of its events: what is known of its rows without having them. */
export interface Standing {
  readonly stream: ThreadStream;
  /** Of the last event. */
  readonly version: number;
  /** Of all events up to there. */
  readonly index: StreamIndex;
  readonly moment: Moment | undefined;
  /** The events since the moment. */
  readonly tail: ReadonlyArray<EventEnvelope>;
  readonly made: ReadonlyArray<StoredMoment>;
}

export const standingAt = Effect.fn("Travel.standingAt")(function* (
  sql: SqlClient.SqlClient,
  stream: ThreadStream,
  version: number,
  every: number,
) {
  const { index, moment, made } = yield* momentsUpTo(sql, stream, { every, upTo: version });
  const from = moment?.streamVersion ?? 0;
  const tail = version > from ? (yield* stream.range(from, version)).events : [];
  index.absorb(stretchOf(tail));
  const standing: Standing = { stream, version, index, moment, tail, made };
  return standing;
});

/** Rows of a thread that are wanted. Its own and its session's always are. */
export interface Wanted {
  readonly messages: ReadonlySet<string>;
  readonly requests: ReadonlySet<string>;
  readonly turns: ReadonlySet<string>;
  /** By their counts; or those of the turns, with all between them, and of the latest turn as well. */
  readonly checkpoints: ReadonlySet<string> | "of-turns" | "of-turns-and-latest";
  /** The events that are them; later ones are none yet. */
  readonly activities: ReadonlyArray<EventEnvelope>;
}

/** Makes the wanted rows as they stood, in an empty read model. */
export const materialize = Effect.fn("Travel.materialize")(function* (
  scratch: SqlClient.SqlClient,
  { stream, version: end, index, moment, tail }: Standing,
  wanted: Wanted,
) {
  const needed = new Set([...wanted.turns, ...turnsNamed(tail)]);
  if (moment?.thread?.latest_turn_id) needed.add(moment.thread.latest_turn_id);
  const known = [...needed].flatMap((turnId) => index.turns.get(turnId) ?? []);
  yield* foldHeld(scratch, moment, known, tail);

  const counts = yield* typeof wanted.checkpoints === "string"
    ? checkpointCounts(scratch, index, wanted.turns, wanted.checkpoints === "of-turns-and-latest")
    : Effect.succeed(wanted.checkpoints);
  const versions = new Set([
    ...[...wanted.messages].flatMap((messageId) => index.versionsOf("messages", messageId)),
    ...[...wanted.requests].flatMap((requestId) => index.versionsOf("requests", requestId)),
    ...[...counts].flatMap((count) => index.versionsOf("checkpoints", count)),
  ]);
  const acts = wanted.activities.filter(({ streamVersion }) => streamVersion <= end);
  const begun = [...versions, ...acts.map(({ streamVersion }) => streamVersion)];
  const first = begun.reduce((least, version) => Math.min(least, version), Number.POSITIVE_INFINITY);
  for (const { version } of index.reverts) if (version > first) versions.add(version);

  const atHand = new Map([...tail, ...acts].map((event) => [event.streamVersion, event]));
  const picked = yield* stream.pick([...versions].filter((version) => !atHand.has(version)));
  const chosen = [...versions].flatMap((version) => atHand.get(version) ?? []);
  const events = [...new Set([...chosen, ...acts, ...picked])];
  events.sort((left, right) => left.streamVersion - right.streamVersion);
  yield* folding(scratch, SLICED)(events);
});

/** The counts from the first of some turns to the last: those that the query looks at. */
const checkpointCounts = (
  scratch: SqlClient.SqlClient,
  index: StreamIndex,
  turnIds: ReadonlySet<string>,
  latest: boolean,
) =>
  scratch<{ first: number | null; last: number | null }>`
    SELECT min(turn_count) AS first, max(turn_count) AS last FROM ${scratch(turns.table)}
    WHERE ${inList(scratch, "turn_id", [...turnIds])}
    ${scratch.literal(latest ? `OR turn_id = (SELECT latest_turn_id FROM ${threads.table})` : "")}`.pipe(
    Effect.map(([counts]) => index.checkpointsBetween(counts?.first ?? 0, counts?.last ?? -1)),
    Effect.orDie,
  );

/**
 * What a page may hold: as many messages and activities that stand as it takes to fill it and one more, or all. The query
 * comes to these first, and to none that is older.
 */
const windowBefore = Effect.fn("Travel.windowBefore")(function* (
  { stream, index, moment, tail }: Standing,
  end: number,
  limit: number,
) {
  const found = {
    messages: new Set<string>(),
    requests: new Set<string>(),
    turns: new Set<string>(),
    activities: new Array<EventEnvelope>(),
  };
  const tailFrom = moment?.streamVersion ?? 0;
  let from = end + 1;
  let count = 0;
  while (from > 1 && count <= limit) {
    const last = from - 1;
    const place = last > tailFrom ? undefined : stretchAt(index, last);
    if (place?.turnIds.every((turnId) => !index.stands(turnId, place.end))) {
      from = place.begin;
      continue;
    }
    const begin = Math.max(place?.begin ?? tailFrom + 1, last - STEP + 1);
    const events = place
      ? (yield* stream.range(begin - 1, last)).events
      : tail.filter(({ streamVersion }) => streamVersion >= begin && streamVersion <= last);
    for (const event of events) {
      const { streamVersion } = event;
      switch (event.eventType) {
        case "thread.message-sent": {
          const { messageId, turnId } = event.payload;
          found.messages.add(messageId);
          if (turnId !== null) found.turns.add(turnId);
          const begins = index.versionsOf("messages", messageId)[0] === streamVersion;
          if (begins && index.stands(turnId, streamVersion)) count += 1;
          break;
        }
        case "thread.activity-appended": {
          const { turnId } = event.payload;
          if (!index.stands(turnId, streamVersion)) break;
          found.activities.push(event);
          if (turnId !== null) found.turns.add(turnId);
          count += 1;
          break;
        }
        case "thread.approval-requested":
        case "thread.user-input-requested":
          found.requests.add(event.payload.requestId);
          if (event.payload.turnId !== null) found.turns.add(event.payload.turnId);
          break;
      }
    }
    from = begin;
  }
  return found;
});

/** The stretch that an event belongs to. */
export const stretchAt = ({ stretches }: StreamIndex, version: number) => {
  const place = stretches.findIndex(({ end }) => end >= version);
  const stretch = stretches[place];
  return stretch && { ...stretch, begin: (stretches[place - 1]?.end ?? 0) + 1 };
};

export interface ThreadPageAt {
  readonly threadId: ThreadId;
  /** The thread as it stood right after this event of the log. */
  readonly sequence: number;
  readonly limit: number;
  readonly before?: number;
}

export interface ThreadAt {
  readonly snapshot: ThreadSnapshot;
  /** Moments that were missing on the way. */
  readonly moments: ReadonlyArray<StoredMoment>;
}

/** The page that `getThreadSnapshot` would have given right after an event of the log, which is not beyond the head. */
export const threadAt = Effect.fn("Travel.threadAt")(function* (
  sql: SqlClient.SqlClient,
  { threadId, sequence, limit, before }: ThreadPageAt,
  every: number,
) {
  const stream = threadStream(sql, threadId);
  const standing = yield* standingOf(sql, stream, sequence, every);
  const end =
    before === undefined ? standing.version : yield* stream.versionAt(Math.min(before - 1, sequence));
  const window = yield* windowBefore(standing, end, limit);
  const open = Object.keys(openAfter(standing.moment?.openRequests ?? NONE_OPEN, standing.tail));

  const scratch = yield* scratchDatabase;
  yield* materialize(scratch, standing, {
    ...window,
    requests: new Set([...window.requests, ...open]),
    checkpoints: before === undefined ? "of-turns-and-latest" : "of-turns",
  });
  yield* standsAt(scratch, sequence);
  const snapshot = yield* Effect.flatMap(queriesOf(scratch), (queries) =>
    queries.threadSnapshot({ threadId, limit, ...(before !== undefined && { before }) }),
  ).pipe(Effect.catchTag(["SqlError", "SchemaError"], Effect.die));
  const answer: ThreadAt = { snapshot, moments: standing.made };
  return answer;
}, Effect.scoped);

/** A thread at a sequence; fails where it was not there. */
export const standingOf = Effect.fnUntraced(function* (
  sql: SqlClient.SqlClient,
  stream: ThreadStream,
  sequence: number,
  every: number,
) {
  const { threadId } = stream;
  const version = yield* stream.versionAt(sequence);
  if (version === 0) {
    const begun = yield* stream.sequenceOf(1);
    const message =
      begun === undefined || begun <= sequence
        ? "There is no such thread, or it was taken out of the log."
        : `The thread did not exist yet at sequence ${sequence}: it was begun at ${begun}.`;
    return yield* new NotFound({ kind: "thread", id: threadId, message });
  }
  const standing = yield* standingAt(sql, stream, version, every);
  const deleted = standing.tail.find(({ eventType }) => eventType === "thread.deleted");
  if (deleted !== undefined || standing.moment?.thread?.deleted_at) {
    const when = deleted?.sequence === undefined ? "" : `, at ${deleted.sequence}`;
    const message = `The thread was deleted already at sequence ${sequence}${when}. Its state before that can be asked for.`;
    return yield* new NotFound({ kind: "thread", id: threadId, message });
  }
  return standing;
});
