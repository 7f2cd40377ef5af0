/** Folds the log of the live database into the rows of the shadow: a page in each transaction, rows and cursor together. */
import { eventReads } from "@heddle/event-store/EventStore";
import type { ProjectedEvent } from "@heddle/contracts/Events";
import { type ProjectorFault, type Running, writerOn } from "@heddle/projections/ProjectionWriter";
import { Effect } from "effect";
import type { SqlClient, SqlError } from "effect/sql";
import type { ShadowTarget } from "./Shadow.ts";

/** Events in one transaction, and the bytes of their payloads. */
export const PAGE = { limit: 2000, maxBytes: 16_777_216 };

/** A projector whose rows are built, and up to where. */
export interface Folding {
  readonly running: Running;
  readonly until: ShadowTarget["until"];
  /** The sequence, of one whose target is fixed, once it is known. */
  fixedAt: number | undefined;
}

interface StoredState {
  readonly projector: string;
  readonly last_applied_sequence: number;
  readonly fault: string | null;
}

/** What was read last: by it, another run sees that it goes on in the same log. */
export interface Reached {
  readonly event: ProjectedEvent | undefined;
  readonly unreadable: number;
}

export interface Advance {
  /** Where the projectors are to be taken, seen from this transaction. */
  readonly goals: ReadonlyMap<Folding, number>;
  /** There is more to take, in another transaction. */
  readonly more: boolean;
  readonly reached: Reached;
  /** To be run when the transaction is committed. */
  readonly committed: () => void;
}

/** `sql` reads the live database's log and state, and writes the shadow's rows. */
export const shadowFold = (sql: SqlClient.SqlClient, foldings: ReadonlyArray<Folding>) => {
  const reads = eventReads(sql);
  const bind = () =>
    writerOn(
      sql,
      foldings.map(({ running }) => running),
    );
  let writer = bind();

  /** Where each projector is to be taken, seen from the transaction that this runs in. */
  const targets = Effect.gen(function* () {
    const stored = yield* sql<StoredState>`
      SELECT projector, last_applied_sequence, fault FROM live.projection_state`;
    const states = new Map(stored.map((row) => [row.projector, row]));
    const head = yield* reads.head;
    return new Map(
      foldings.map((folding) => {
        const state = states.get(folding.running.projector.name);
        // One that fails from now on stays behind the head.
        const failed = state !== undefined && state.fault !== null;
        const stands = folding.until === "cursor" || (folding.until === "head" && failed);
        const at = stands ? (state?.last_applied_sequence ?? 0) : head;
        return [folding, folding.fixedAt ?? at] as const;
      }),
    );
  });

  /** Takes projectors on by one page, inside the caller's transaction. */
  const advance = Effect.fnUntraced(function* (
    limit = PAGE.limit,
  ): Effect.fn.Return<Advance, SqlError.SqlError | ProjectorFault> {
    const goals = yield* targets;
    const goalOf = (folding: Folding): number => goals.get(folding) ?? 0;
    const behind = foldings.filter(
      (folding) => folding.running.fault === null && folding.running.cursor < goalOf(folding),
    );
    const from = Math.min(...behind.map(({ running }) => running.cursor));
    if (from === Number.POSITIVE_INFINITY) {
      return { goals, more: false, reached: { event: undefined, unreadable: 0 }, committed: () => {} };
    }
    const page = yield* reads.readProjected({ ...PAGE, fromSequenceExclusive: from, limit });
    const end = page.atEnd || page.last === undefined ? Number.POSITIVE_INFINITY : page.last.sequence;
    const committed: Array<() => void> = [];
    for (const [to, together] of Map.groupBy(behind, (folding) => Math.min(goalOf(folding), end))) {
      const entries = together.map(({ running }) => running).filter(({ cursor }) => cursor < to);
      const events = page.events.filter(({ sequence }) => sequence <= to);
      if (entries.length > 0) committed.push(yield* writer.apply(entries, events, to));
    }
    return {
      goals,
      more: behind.some((folding) => goalOf(folding) > end),
      reached: { event: page.events.at(-1), unreadable: page.unreadable.length },
      committed: () => {
        for (const remember of committed) remember();
      },
    };
  });

  return {
    targets,
    advance,
    /** Forgets rows that it remembers: those of a transaction that did not stand. */
    forget: () => {
      writer = bind();
    },
  };
};
