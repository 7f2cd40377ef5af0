/** Whether an archive and a database are of one log: where both have events, they have the same ones. */
import { selectValues } from "@heddle/sql/OnConnection";
import { Effect } from "effect";
import type { SqlClient, SqlError } from "effect/sql";
import { ArchiveConflict } from "./ArchiveErrors.ts";
import { type ArchivedRow, columnsOf } from "./ArchiveFormat.ts";
import { endOf, type EventRow, readEvents, selectRows, tablesOf } from "./ArchiveReads.ts";

export interface Overlap {
  readonly anchor: (after: {
    readonly sequence: number;
    readonly eventId: string;
  }) => Effect.Effect<void, ArchiveConflict | SqlError.SqlError>;
  /** Takes the archive's events in order. */
  readonly event: (row: EventRow) => Effect.Effect<void, ArchiveConflict | SqlError.SqlError>;
  readonly receipt: (row: ArchivedRow<"receipt">) => Effect.Effect<void, ArchiveConflict | SqlError.SqlError>;
  /** A thread that the archive says was pruned may have events here. */
  readonly pruned: (row: ArchivedRow<"pruned">) => Effect.Effect<void, SqlError.SqlError>;
  /** After the last line: what is here and not in the archive, up to its head, must have been pruned there. */
  readonly end: (headSequence: number) => Effect.Effect<void, ArchiveConflict | SqlError.SqlError>;
}

/** For a database that is not there yet. */
export const noOverlap: Overlap = {
  anchor: () => Effect.void,
  event: () => Effect.void,
  receipt: () => Effect.void,
  pruned: () => Effect.void,
  end: () => Effect.void,
};

/** Events here that the archive has not shown, by their stream. */
interface OnlyHere {
  readonly first: number;
  readonly last: number;
}

export const overlapWith = Effect.fnUntraced(function* (
  sql: SqlClient.SqlClient,
  archive: string,
  fromSequenceExclusive: number,
): Effect.fn.Return<Overlap, SqlError.SqlError> {
  const isPruned = yield* prunedHere(sql);
  const end = yield* endOf(sql);
  const read = readEvents(sql);
  const onlyHere = new Map<string, OnlyHere>();
  /** Those behind the archive's head, once it is known, do not count. */
  let bound = end;
  let page: ReadonlyArray<EventRow> = [];
  let index = 0;
  let position = fromSequenceExclusive;

  const differs = (sequence: number, problem: string) => new ArchiveConflict({ archive, sequence, problem });

  const peek = Effect.fnUntraced(function* () {
    if (index === page.length && position < bound) {
      page = yield* read(position, bound);
      index = 0;
      position = page.at(-1)?.sequence ?? bound;
    }
    return page[index];
  });
  /** Passes over what stands here before a sequence. */
  const passUpTo = Effect.fnUntraced(function* (before: number) {
    for (let row = yield* peek(); row !== undefined && row.sequence < before; row = yield* peek()) {
      const key = `${row.aggregate_kind} ${row.stream_id}`;
      onlyHere.set(key, { first: onlyHere.get(key)?.first ?? row.sequence, last: row.sequence });
      index += 1;
    }
  });

  return {
    anchor: Effect.fnUntraced(function* ({ sequence, eventId }) {
      if (sequence > end) return;
      const statement = "SELECT event_id FROM orchestration_events WHERE sequence = ?";
      const [found] = yield* selectValues(sql, statement, [sequence]);
      if (found !== undefined && found[0] !== eventId) {
        return yield* differs(sequence, `event ${String(found[0])} here, ${eventId} there`);
      }
    }),
    event: Effect.fnUntraced(function* (row) {
      if (row.sequence > end) return;
      yield* passUpTo(row.sequence);
      const here = yield* peek();
      if (here?.sequence !== row.sequence) {
        if (yield* isPruned(row)) return;
        return yield* differs(row.sequence, `there is no event ${row.event_id} here`);
      }
      index += 1;
      const column = firstDifference("event", here, row);
      if (column !== undefined) return yield* differs(row.sequence, `they differ in ${column}`);
    }),
    receipt: Effect.fnUntraced(function* (row) {
      if (row.result_sequence > end) return;
      const [here] = yield* selectRows(sql, "receipt", "WHERE command_id = ?", [row.command_id]);
      const column = here && firstDifference("receipt", here, row);
      if (column === undefined) return;
      return yield* differs(row.result_sequence, `the receipts of ${row.command_id} differ in ${column}`);
    }),
    pruned: Effect.fnUntraced(function* (row) {
      // What stands behind the archive's last event counts, too.
      yield* passUpTo(row.last_sequence + 1);
      const key = `thread ${row.thread_id}`;
      const found = onlyHere.get(key);
      if (found !== undefined && found.last <= row.last_sequence) onlyHere.delete(key);
    }),
    end: Effect.fnUntraced(function* (headSequence) {
      bound = Math.min(bound, headSequence);
      yield* passUpTo(headSequence + 1);
      const firsts = [...onlyHere.values()]
        .map(({ first }) => first)
        .filter((first) => first <= headSequence);
      if (firsts.length === 0) return;
      return yield* differs(
        firsts.reduce((left, right) => Math.min(left, right)),
        "an event here is not there",
      );
    }),
  };
});

/** Whether an event that is not here was pruned here. */
const prunedHere = Effect.fnUntraced(function* (sql: SqlClient.SqlClient) {
  const known = (yield* tablesOf(sql)).has("orchestration_pruned");
  const statement = "SELECT 1 FROM orchestration_pruned WHERE thread_id = ? AND last_sequence >= ?";
  return ({ aggregate_kind, stream_id, sequence }: EventRow) =>
    known && aggregate_kind === "thread"
      ? Effect.map(selectValues(sql, statement, [stream_id, sequence]), (rows) => rows.length > 0)
      : Effect.succeed(false);
});

const firstDifference = (
  kind: "event" | "receipt",
  left: Readonly<Record<string, unknown>>,
  right: Readonly<Record<string, unknown>>,
): string | undefined => columnsOf(kind).find((column) => !same(left[column], right[column]));

const same = (left: unknown, right: unknown): boolean =>
  left === right || (typeof left === "object" && JSON.stringify(left) === JSON.stringify(right));
