import { assert, layer } from "@effect/vitest";
import { ProjectId, ThreadId } from "@heddle/contracts/Ids";
import type { EventFilter } from "@heddle/contracts/InspectionRpc";
import { type Plan, plansOf, scans } from "@heddle/event-store/testing/Plans";
import { Effect } from "effect";
import { SqlClient } from "effect/sql";
import { eventChain } from "../src/inspect/Chain.ts";
import { eventDetails } from "../src/inspect/EventDetails.ts";
import { eventSearch } from "../src/inspect/EventSearch.ts";
import { freshStore, logged } from "./inspection-support.ts";

const some = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient;
  const [row] = yield* sql<{ count: number }>`SELECT count(*) AS count FROM orchestration_events`;
  if (row?.count === 0) {
    yield* logged(
      { type: "thread.created", correlation: "ask", command: "ask" },
      { type: "thread.turn-started", correlation: "ask", cause: "ask#1" },
      { type: "thread.turn-completed", correlation: "ask", cause: "ask#1" },
    );
  }
});

/** A list of rows that a bounded part of the statement gave. */
const BOUNDED = /^SCAN \(subquery-\d+\)$/;

const steps = (plans: ReadonlyArray<Plan>): string => plans.flatMap((plan) => plan.steps).join("\n");

const search = (filter: EventFilter, order: "oldest" | "newest") =>
  Effect.flatMap(SqlClient.SqlClient, (sql) => eventSearch(sql)({ filter, order, cursor: 2, limit: 10 }));

const FILTERS: ReadonlyArray<readonly [string, EventFilter, RegExp]> = [
  ["nothing", {}, /USING INTEGER PRIMARY KEY \(rowid>\? AND rowid<\?\)/],
  ["a text", { text: "words" }, /USING INTEGER PRIMARY KEY \(rowid>\? AND rowid<\?\)/],
  ["a time", { since: "2026-01-01T00:00:00Z" }, /USING INTEGER PRIMARY KEY/],
  ["a project", { projectId: ProjectId.make("p1") }, /orchestration_events_by_type \(event_type=\?\)/],
  [
    "a thread",
    { threadId: ThreadId.make("t1"), text: "words" },
    /\(aggregate_kind=\? AND stream_id=\? AND stream_version>\? AND stream_version<\?\)/,
  ],
  [
    "a type",
    { types: ["thread.created"] },
    /orchestration_events_by_type \(event_type=\? AND rowid>\? AND rowid<\?\)/,
  ],
  [
    "several types",
    { types: ["thread.created", "thread.turn-*"] },
    /MERGE \(UNION ALL\)[^]*orchestration_events_by_type \(event_type=\? AND rowid>\? AND rowid<\?\)/,
  ],
  ["a command", { commandId: "ask" }, /orchestration_events_by_command \(command_id=\? AND rowid>\?/],
  ["a correlation", { correlationId: "ask" }, /orchestration_events_by_correlation \(correlation_id=\?/],
];

layer(freshStore)("inspection finds its rows by an index, however long the log is:", (it) => {
  it.effect.each(FILTERS)("a search by %s, which sorts nothing", ([, filter, index]) =>
    Effect.gen(function* () {
      yield* some;
      for (const order of ["oldest", "newest"] as const) {
        const plans = yield* plansOf(search(filter, order));
        assert.match(steps(plans), index);
        assert.deepStrictEqual(scans(plans, BOUNDED), []);
        assert.notInclude(steps(plans), "TEMP B-TREE");
        for (const { statement } of plans) assert.notInclude(statement, "OFFSET");
      }
    }),
  );

  it.effect("one event, by its sequence and by its id", () =>
    Effect.gen(function* () {
      yield* some;
      const sql = yield* SqlClient.SqlClient;
      for (const named of [{ sequence: 2 }, { eventId: "ask#1" }]) {
        const plans = yield* plansOf(eventDetails(sql)(named));
        assert.isAtLeast(plans.length, 3);
        assert.deepStrictEqual(scans(plans), []);
      }
      const missing = yield* plansOf(Effect.flip(eventDetails(sql)({ sequence: 1_000_000 })));
      assert.deepStrictEqual(scans(missing), []);
    }),
  );

  it.effect("a chain, by the correlation", () =>
    Effect.gen(function* () {
      yield* some;
      const sql = yield* SqlClient.SqlClient;
      const plans = yield* plansOf(eventChain(sql)({ sequence: 2, limit: 10 }));
      assert.match(steps(plans), /orchestration_events_by_correlation \(correlation_id=\? AND rowid>\?\)/);
      assert.match(steps(plans), /orchestration_command_receipts_by_sequence/);
      assert.deepStrictEqual(scans(plans, BOUNDED), []);
    }),
  );
});
