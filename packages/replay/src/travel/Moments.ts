/**
 * A moment: what a thread's stream up to one of its events leaves behind, as far as it cannot be found by looking back a
 * little. Every so many events of a stream make one, and all moments up to an event, together with the few events behind
 * the last of them, say of each row of the read model from which events it comes (docs/adr/0018-time-travel.md).
 */
import { deflateRawSync, inflateRawSync } from "node:zlib";
import type { EventEnvelope } from "@heddle/contracts/Events";
import type { StoredMoment } from "@heddle/event-store/ThreadMoments";
import { PROJECTORS } from "@heddle/projections/Projectors";
import type { SessionRow } from "@heddle/projections/projectors/Sessions";
import type { ThreadRow } from "@heddle/projections/projectors/Threads";
import type { TurnRow } from "@heddle/projections/projectors/Turns";

/** Events of a stream from one moment to the next. */
export const MOMENT_EVENTS = 500;

/** Goes up when a moment is made another way. */
const FORMAT = 1;

/** Who can read a moment: other projectors, or another distance, make others. */
export const momentReader = (every: number): string =>
  [FORMAT, every, ...PROJECTORS.map(({ name, version }) => `${name}:${version}`)].join(" ");

/** Stream versions of the events that a row comes from, beside reverts. */
type Versions = Array<number>;

export interface Revert {
  readonly version: number;
  readonly turnIds: ReadonlyArray<string>;
}

/** What a stretch of a stream says of the rows that it touches. */
export interface Stretch {
  /** Messages by their id, requests by theirs, checkpoints by their turn count. */
  readonly messages: Record<string, Versions>;
  readonly requests: Record<string, Versions>;
  readonly checkpoints: Record<string, Versions>;
  readonly reverts: Array<Revert>;
  /** The turns that its messages, activities and requests belong to; null for those of none. */
  readonly turnIds: ReadonlyArray<string | null>;
}

/** Requests that were not resolved, and their turns. */
export type OpenRequests = Readonly<Record<string, string | null>>;

export interface Moment {
  readonly streamVersion: number;
  /** Since the moment before. */
  readonly stretch: Stretch;
  /** Rows of the turns that the stretch names, as they stood at its end. */
  readonly turns: ReadonlyArray<TurnRow>;
  readonly thread: ThreadRow | null;
  readonly session: SessionRow | null;
  readonly openRequests: OpenRequests;
  /** Sequences of its events that could not be read. */
  readonly unreadable: ReadonlyArray<number>;
}

export const storedMoment = (moment: Moment): StoredMoment => ({
  streamVersion: moment.streamVersion,
  content: deflateRawSync(JSON.stringify(moment)),
});

/** Undefined where it is damaged: then it is made again. */
export const readMoment = ({ content }: StoredMoment): Moment | undefined => {
  try {
    return JSON.parse(inflateRawSync(content).toString()) as Moment;
  } catch {
    return undefined;
  }
};

/** What some events of a thread, one behind the other, say of the rows that they touch. */
export const stretchOf = (events: ReadonlyArray<EventEnvelope>): Stretch => {
  const messages = new Map<string, Versions>();
  const requests = new Map<string, Versions>();
  const checkpoints = new Map<string, Versions>();
  const reverts: Array<Revert> = [];
  const turnIds = new Set<string | null>();
  const touch = (rows: Map<string, Versions>, key: string, version: number) => {
    const versions = rows.get(key);
    if (versions) versions.push(version);
    else rows.set(key, [version]);
  };
  for (const event of events) {
    const { streamVersion } = event;
    switch (event.eventType) {
      case "thread.message-sent":
        touch(messages, event.payload.messageId, streamVersion);
        turnIds.add(event.payload.turnId);
        break;
      case "thread.activity-appended":
        turnIds.add(event.payload.turnId);
        break;
      case "thread.approval-requested":
      case "thread.user-input-requested":
        touch(requests, event.payload.requestId, streamVersion);
        turnIds.add(event.payload.turnId);
        break;
      case "thread.approval-resolved":
      case "thread.user-input-resolved":
        touch(requests, event.payload.requestId, streamVersion);
        break;
      case "thread.turn-diff-completed":
        touch(checkpoints, String(event.payload.turnCount), streamVersion);
        break;
      case "thread.reverted":
        reverts.push({ version: streamVersion, turnIds: event.payload.removedTurnIds });
        break;
    }
  }
  return {
    messages: Object.fromEntries(messages),
    requests: Object.fromEntries(requests),
    checkpoints: Object.fromEntries(checkpoints),
    reverts,
    turnIds: [...turnIds],
  };
};

/** The requests that are open after some more events. */
export const openAfter = (before: OpenRequests, events: ReadonlyArray<EventEnvelope>): OpenRequests => {
  const open = new Map(Object.entries(before));
  for (const event of events) {
    switch (event.eventType) {
      case "thread.approval-requested":
      case "thread.user-input-requested":
        open.set(event.payload.requestId, event.payload.turnId);
        break;
      case "thread.approval-resolved":
      case "thread.user-input-resolved":
        open.delete(event.payload.requestId);
        break;
      case "thread.reverted": {
        const removed = new Set<string | null>(event.payload.removedTurnIds);
        for (const [requestId, turnId] of open) if (removed.has(turnId)) open.delete(requestId);
        break;
      }
    }
  }
  return Object.fromEntries(open);
};

/** The turns that events name in any way. */
export const turnsNamed = (events: ReadonlyArray<EventEnvelope>): Set<string> => {
  const named = new Set<string>();
  for (const { payload } of events) {
    if ("turnId" in payload && payload.turnId !== null) named.add(payload.turnId);
    if ("latestTurnId" in payload && payload.latestTurnId !== null) named.add(payload.latestTurnId);
  }
  return named;
};

/** All that moments and the events behind them say, of a stream up to one of its events. */
export class StreamIndex {
  readonly reverts: Array<Revert> = [];
  /** Rows of turns that stood at the last moment. */
  readonly turns = new Map<string, TurnRow>();
  /** The stretch that each moment ends. */
  readonly stretches: Array<{
    readonly end: number;
    readonly turnIds: Stretch["turnIds"];
    /** These, and those that began or ended in it. */
    readonly named: Stretch["turnIds"];
  }> = [];
  readonly #touched: Array<Stretch> = [];
  /** Where each turn was removed last. */
  readonly #removed = new Map<string, number>();

  absorb(stretch: Stretch): void {
    this.#touched.push(stretch);
    for (const revert of stretch.reverts) {
      this.reverts.push(revert);
      for (const turnId of revert.turnIds) this.#removed.set(turnId, revert.version);
    }
  }

  /** Versions of the events that a row comes from, in order. */
  versionsOf(rows: "messages" | "requests" | "checkpoints", key: string): ReadonlyArray<number> {
    return this.#touched.flatMap((stretch) =>
      Object.hasOwn(stretch[rows], key) ? (stretch[rows][key] ?? []) : [],
    );
  }

  /** Turn counts that have had a checkpoint. */
  checkpointsBetween(first: number, last: number): ReadonlyArray<string> {
    const counts = this.#touched.flatMap(({ checkpoints }) => Object.keys(checkpoints));
    return counts.filter((count) => Number(count) >= first && Number(count) <= last);
  }

  absorbMoment(moment: Moment): void {
    const { stretch, streamVersion } = moment;
    this.absorb(stretch);
    const named = new Set([...stretch.turnIds, ...moment.turns.map((row) => row.turn_id)]);
    this.stretches.push({ end: streamVersion, turnIds: stretch.turnIds, named: [...named] });
    for (const { turnIds } of stretch.reverts) for (const turnId of turnIds) this.turns.delete(turnId);
    for (const row of moment.turns) this.turns.set(row.turn_id, row);
  }

  /** Whether what an event gave is still there, as far as reverts go. */
  stands(turnId: string | null, version: number): boolean {
    return turnId === null || (this.#removed.get(turnId) ?? 0) <= version;
  }
}
