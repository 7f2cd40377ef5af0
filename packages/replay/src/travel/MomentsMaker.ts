/** Makes the moments of a stream, each from the one before and the events since. */
import type { EventEnvelope } from "@heddle/contracts/Events";
import { eventReads } from "@heddle/event-store/EventStore";
import { momentsOf, type StoredMoment } from "@heddle/event-store/ThreadMoments";
import { sessions } from "@heddle/projections/projectors/Sessions";
import type { SessionRow } from "@heddle/projections/projectors/Sessions";
import { threads } from "@heddle/projections/projectors/Threads";
import type { ThreadRow } from "@heddle/projections/projectors/Threads";
import { turns } from "@heddle/projections/projectors/Turns";
import type { TurnRow } from "@heddle/projections/projectors/Turns";
import { inList } from "@heddle/sql/InList";
import { Effect } from "effect";
import type { SqlClient } from "effect/sql";
import {
  type Moment,
  momentReader,
  type OpenRequests,
  openAfter,
  readMoment,
  storedMoment,
  StreamIndex,
  stretchOf,
  turnsNamed,
} from "./Moments.ts";
import { folding, restore, scratchDatabase } from "./TravelScratch.ts";
import type { ThreadStream } from "./TravelStream.ts";

/** The projectors whose rows a moment holds. */
export const HELD = [threads, sessions, turns];

/** The moments of a stream up to some event, and what they come to. */
export interface Passed {
  readonly index: StreamIndex;
  /** The last of them. */
  readonly moment: Moment | undefined;
  /** Those that were not stored yet. */
  readonly made: ReadonlyArray<StoredMoment>;
}

/** Rows of a thread, its session and some turns, as they stood before some events, taken over these. */
export const foldHeld = Effect.fnUntraced(function* (
  sql: SqlClient.SqlClient,
  before: Pick<Moment, "thread" | "session"> | undefined,
  turnRows: ReadonlyArray<TurnRow>,
  events: ReadonlyArray<EventEnvelope>,
) {
  yield* restore(sql, threads.table, before?.thread ? [before.thread] : []);
  yield* restore(sql, sessions.table, before?.session ? [before.session] : []);
  yield* restore(sql, turns.table, turnRows);
  yield* folding(sql, HELD)(events);
});

export const NONE_OPEN: OpenRequests = {};

const nextMoment = Effect.fnUntraced(function* (
  index: StreamIndex,
  before: Moment | undefined,
  streamVersion: number,
  events: ReadonlyArray<EventEnvelope>,
  unreadable: ReadonlyArray<number>,
) {
  const sql = yield* scratchDatabase;
  const named = turnsNamed(events);
  const known = [...named].flatMap((turnId) => index.turns.get(turnId) ?? []);
  yield* foldHeld(sql, before, known, events);
  const [thread] = yield* sql<ThreadRow>`SELECT * FROM ${sql(threads.table)}`;
  const [session] = yield* sql<SessionRow>`SELECT * FROM ${sql(sessions.table)}`;
  const rows =
    yield* sql<TurnRow>`SELECT * FROM ${sql(turns.table)} WHERE ${inList(sql, "turn_id", [...named])}`;
  const moment: Moment = {
    streamVersion,
    stretch: stretchOf(events),
    turns: rows,
    thread: thread ?? null,
    session: session ?? null,
    openRequests: openAfter(before?.openRequests ?? NONE_OPEN, events),
    unreadable,
  };
  return moment;
}, Effect.scoped);

/** The moments of a stream up to a version, made where they are not stored. */
export const momentsUpTo = Effect.fnUntraced(function* (
  sql: SqlClient.SqlClient,
  stream: ThreadStream,
  { every, upTo, most = Number.MAX_SAFE_INTEGER }: MomentsWanted,
) {
  const { threadId } = stream;
  const stored = yield* momentsOf(sql, { threadId, reader: momentReader(every), upTo });
  const index = new StreamIndex();
  let moment: Moment | undefined;
  for (const each of stored) {
    // Without one between them, those behind it say nothing of what it was to say.
    if (each.streamVersion !== (moment?.streamVersion ?? 0) + every) break;
    const read = readMoment(each);
    if (read === undefined || (yield* canBeRead(sql, read.unreadable))) break;
    index.absorbMoment(read);
    moment = read;
  }
  const made: Array<StoredMoment> = [];
  while ((moment?.streamVersion ?? 0) + every <= upTo && made.length < most) {
    const from: number = moment?.streamVersion ?? 0;
    const { events, unreadable } = yield* stream.range(from, from + every);
    const sequences = unreadable.map(({ sequence }) => sequence);
    moment = yield* Effect.orDie(nextMoment(index, moment, from + every, events, sequences));
    index.absorbMoment(moment);
    made.push(storedMoment(moment));
    yield* Effect.yieldNow;
  }
  const passed: Passed = { index, moment, made };
  return passed;
});

export interface MomentsWanted {
  /** Events from one moment to the next. */
  readonly every: number;
  /** Stream version up to which they are wanted. */
  readonly upTo: number;
  /** How many are made at most. */
  readonly most?: number;
}

/** Whether one of these events, which could not be read when the moment was made, can be read now. */
const canBeRead = Effect.fnUntraced(function* (sql: SqlClient.SqlClient, sequences: ReadonlyArray<number>) {
  const reads = eventReads(sql);
  for (const sequence of sequences) {
    const { events } = yield* reads.readAll({ fromSequenceExclusive: sequence - 1, limit: 1 });
    if (events[0]?.sequence === sequence) return true;
  }
  return false;
});
