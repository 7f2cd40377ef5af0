import { assert, layer } from "@effect/vitest";
import { ProjectId, ThreadId, TurnId } from "@heddle/contracts/Ids";
import { aThread, done, running, threadCreated } from "@heddle/domain/testing/support";
import { type Plan, plansOf, scans } from "@heddle/event-store/testing/Plans";
import { Effect } from "effect";
import { SqlClient } from "effect/sql";
import { Queries } from "../src/Queries.ts";
import { commit, freshProjections, logOf } from "./support.ts";

const t1 = ThreadId.make("t1");
const log = logOf(aThread, done("m1", 1), running("m2", 2), threadCreated("t2"));

/** `projection_state` has one row for each projector. */
const CURSORS = /^SCAN projection_state$/;
/** The index of what waits for an answer is as short as what waits. */
const OPEN = /^SCAN projection_(pending_approvals|thread_turns) USING (COVERING )?INDEX \w+_(open|running)$/;

type Call = Effect.Effect<unknown, unknown, Queries>;

const OF_ONE: Readonly<Record<string, Call>> = {
  "threadSnapshot, newest page": Effect.flatMap(Queries, (queries) =>
    queries.threadSnapshot({ threadId: t1, limit: 100 }),
  ),
  "threadSnapshot, an older page": Effect.flatMap(Queries, (queries) =>
    queries.threadSnapshot({ threadId: t1, limit: 1, before: 5 }),
  ),
  thread: Effect.flatMap(Queries, (queries) => queries.thread(t1)),
  turnCount: Effect.flatMap(Queries, (queries) => queries.turnCount(t1)),
  history: Effect.flatMap(Queries, (queries) => queries.history(t1, 1)),
  saidBefore: Effect.flatMap(Queries, (queries) =>
    queries.saidBefore({ threadId: t1, turnId: TurnId.make("turn"), limit: 10, characters: 100 }),
  ),
  threadsOf: Effect.flatMap(Queries, (queries) => queries.threadsOf(ProjectId.make("p1"))),
  project: Effect.flatMap(Queries, (queries) => queries.project(ProjectId.make("p1"))),
};

const tablesIn = (plans: ReadonlyArray<Plan>) => plans.flatMap(({ steps }) => steps).join("\n");

layer(freshProjections)("a read", (it) => {
  it.effect.each(Object.entries(OF_ONE))(
    "%s, finds its rows by an index, however many others there are",
    ([, call]) =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient;
        const [state] = yield* sql<{
          head: number;
        }>`SELECT max(last_applied_sequence) AS head FROM projection_state`;
        if (state?.head === 0) yield* commit(log);
        const plans = yield* plansOf(call);
        assert.isNotEmpty(plans);
        assert.match(tablesIn(plans), /SEARCH projection_/);
        assert.deepStrictEqual(scans(plans, CURSORS), []);
      }),
  );

  it.effect("threadSnapshot, finds the turns and checkpoints of its page, however many the thread has", () =>
    Effect.gen(function* () {
      const steps = tablesIn(
        yield* plansOf(
          Effect.flatMap(Queries, (queries) => queries.threadSnapshot({ threadId: t1, limit: 100 })),
        ),
      );
      assert.match(steps, /SEARCH projection_thread_turns .*\(turn_id=\?\)/);
      assert.match(
        steps,
        /SEARCH projection_checkpoints .*\(thread_id=\? AND checkpoint_turn_count>\? AND checkpoint_turn_count<\?\)/,
      );
    }),
  );

  it.effect("unsettledThreads, walks what is running and what waits, not what has been", () =>
    Effect.gen(function* () {
      const plans = yield* plansOf(Effect.flatMap(Queries, (queries) => queries.unsettledThreads));
      assert.deepStrictEqual(scans(plans, OPEN), []);
    }),
  );

  it.effect("shellSnapshot, reads no history: no messages, activities, turns or checkpoints", () =>
    Effect.gen(function* () {
      const plans = yield* plansOf(Effect.flatMap(Queries, (queries) => queries.shellSnapshot({})));
      assert.notMatch(tablesIn(plans), /messages|activities|turns|checkpoints/);
      assert.deepStrictEqual(
        scans(plans, OPEN).filter((step) => step.includes("approvals")),
        [],
      );
    }),
  );

  it.effect("shellSnapshot, finds the threads of a page by an index, however many others there are", () =>
    Effect.gen(function* () {
      const plans = yield* plansOf(
        Effect.flatMap(Queries, (queries) => queries.shellSnapshot({ limit: 2, after: t1 })),
      );
      assert.match(tablesIn(plans), /SEARCH projection_threads/);
      assert.deepStrictEqual(
        scans(plans, CURSORS).filter((step) => !step.includes("projection_projects")),
        [],
      );
    }),
  );

  it.effect("snapshot, reads projection tables only", () =>
    Effect.gen(function* () {
      const plans = yield* plansOf(Effect.flatMap(Queries, (queries) => queries.snapshot));
      const tables = new Set(
        plans.flatMap(({ statement }) => [...statement.matchAll(/FROM "?(\w+)"?/g)].map(([, name]) => name)),
      );
      assert.deepStrictEqual([...tables].toSorted(), [
        "projection_checkpoints",
        "projection_pending_approvals",
        "projection_projects",
        "projection_state",
        "projection_thread_activities",
        "projection_thread_messages",
        "projection_thread_sessions",
        "projection_thread_turns",
        "projection_threads",
      ]);
    }),
  );
});
