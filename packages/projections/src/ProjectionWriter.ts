/** How rows and cursors of the projectors are written, on one connection and inside the caller's transaction. */
import { EVENT_TYPES, type ProjectedEvent, type EventType } from "@heddle/contracts/Events";
import { multiRowInsert } from "@heddle/sql/MultiRowInsert";
import { Clock, Effect, Schema } from "effect";
import type { SqlClient } from "effect/sql";
import { type ApplyBatch, type Projector, type RememberedRows, upsertSuffix } from "./Projector.ts";

/** A projector cannot take these events: a bug in it, never in the command. */
export class ProjectorFault extends Schema.TaggedError<ProjectorFault>()("ProjectorFault", {
  projector: Schema.String,
  /** First event of the batch that it failed on. */
  sequence: Schema.Int,
  reason: Schema.String,
}) {
  override get message(): string {
    return `Projector ${this.projector} failed at sequence ${this.sequence}: ${this.reason}`;
  }
}

/** A projector at work, and how far it is. */
export interface Running {
  readonly projector: Projector;
  /** Of the rows that stand, which may be those of another version of the projector. */
  version: number;
  cursor: number;
  fault: ProjectorFault | null;
  /** Of the fault: it is known which event it is. */
  located: boolean;
}

/** By the projector's name. */
export type ProjectorMemory = Map<string, RememberedRows>;

/** What writes rows and cursors on one connection; with the memory of another writer, it goes on where that one was. */
export const writerOn = (
  sql: SqlClient.SqlClient,
  running: ReadonlyArray<Running>,
  memory: ProjectorMemory = new Map(),
) => {
  const bound = running.map((entry) => {
    const { name, table, bind } = entry.projector;
    const remembered: RememberedRows = memory.get(name) ?? new Map();
    memory.set(name, remembered);
    return { entry, apply: bind(sql, table, remembered) };
  });
  const handlers = new Map<EventType, typeof bound>(
    EVENT_TYPES.map((type) => [type, bound.filter(({ entry }) => entry.projector.handles.includes(type))]),
  );
  const columns = ["projector", "version", "last_applied_sequence", "fault", "updated_at"];
  const upsertState = multiRowInsert(sql, {
    table: "projection_state",
    columns,
    suffix: upsertSuffix("projector", columns),
  });

  const writeState = (entries: ReadonlyArray<Running>, cursorOf: (entry: Running) => number) =>
    Effect.flatMap(Clock.currentTimeMillis, (millis) => {
      const at = new Date(millis).toISOString();
      return upsertState(
        entries.map((entry) => [
          entry.projector.name,
          entry.version,
          cursorOf(entry),
          entry.fault?.message ?? null,
          at,
        ]),
      );
    });

  /** Takes some projectors on to `last`; each gets what it handles and has not had. Run what it gives after the commit. */
  const apply = Effect.fnUntraced(function* (
    entries: ReadonlyArray<Running>,
    events: ReadonlyArray<ProjectedEvent>,
    last: number,
  ) {
    const routed = new Map(
      bound
        .filter(({ entry }) => entries.includes(entry))
        .map((each): [(typeof bound)[number], Array<ProjectedEvent>] => [each, []]),
    );
    for (const event of events) {
      for (const each of handlers.get(event.eventType) ?? []) {
        if (each.entry.cursor < event.sequence) routed.get(each)?.push(event);
      }
    }
    const committed: Array<() => void> = [];
    for (const [each, own] of routed) {
      if (own.length > 0) committed.push(yield* guard(each.entry.projector, each.apply, own));
    }
    yield* writeState(entries, () => last);
    return () => {
      for (const remember of committed) remember();
      for (const entry of entries) entry.cursor = last;
    };
  });
  return { apply, writeState, memory };
};

const guard = (projector: Projector, apply: ApplyBatch, events: ReadonlyArray<ProjectedEvent>) => {
  const faulted = (reason: string) =>
    new ProjectorFault({ projector: projector.name, sequence: events[0]?.sequence ?? 0, reason });
  return Effect.suspend(() => apply(events)).pipe(
    Effect.catchDefect((defect) =>
      Effect.fail(faulted(defect instanceof Error ? defect.message : String(defect))),
    ),
    // Rows that the table refuses are the projector's fault; a full disk or a locked file is not.
    Effect.catchReasons("SqlError", {
      ConstraintError: (error) => Effect.fail(faulted(String(error.cause))),
      UniqueViolation: (error) => Effect.fail(faulted(String(error.cause))),
      SqlSyntaxError: (error) => Effect.fail(faulted(String(error.cause))),
    }),
  );
};
