import { assert, layer } from "@effect/vitest";
import { ProjectId, ThreadId, TurnId } from "@heddle/contracts/Ids";
import { aThread, done, event, NOW, running, threadCreated, turnOf } from "@heddle/domain/testing/support";
import { type Plan, plansOf, scans } from "@heddle/event-store/testing/Plans";
import { recordStatements } from "@heddle/sql/testing/RecordStatements";
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

/** A turn that thinks, and asks for something. */
const asking = (messageId: string, turnCount: number) => [
  ...running(messageId, turnCount),
  event("thread.activity-appended", {
    threadId: "t1",
    turnId: turnOf(messageId),
    tone: "info",
    kind: "reasoning",
    summary: "Thinking",
    detail: {},
    createdAt: NOW,
  }),
  event("thread.approval-requested", {
    threadId: "t1",
    turnId: turnOf(messageId),
    requestId: `request-${messageId}`,
    kind: "execute",
    title: "Run a command",
    detail: { command: "ls" },
    createdAt: NOW,
  }),
];

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

const OF_SUMMARIES: Readonly<Record<string, Call>> = {
  thread: Effect.flatMap(Queries, (queries) => queries.thread(t1)),
  shellSnapshot: Effect.flatMap(Queries, (queries) => queries.shellSnapshot({ limit: 1 })),
  threadSnapshot: Effect.flatMap(Queries, (queries) => queries.threadSnapshot({ threadId: t1, limit: 1 })),
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

  it.effect.each(Object.entries(OF_SUMMARIES))(
    "%s, finds what waits for an answer on its own index, however much was answered",
    ([, call]) =>
      Effect.gen(function* () {
        const plans = yield* plansOf(call);
        const waiting = plans.filter(({ statement }) => statement.includes("status = 'pending'"));
        assert.isNotEmpty(waiting);
        assert.match(tablesIn(waiting), /USING INDEX projection_pending_approvals_open/);
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

layer(freshProjections)("a page of a thread whose turns asked for much", (it) => {
  it.effect("looks at the requests and the files of its own turns alone", () =>
    Effect.gen(function* () {
      yield* commit(logOf(aThread, asking("m1", 1), asking("m2", 2), asking("m3", 3), asking("m4", 4)));
      const sent = yield* recordStatements(
        Effect.flatMap(Queries, (queries) => queries.threadSnapshot({ threadId: t1, limit: 1 })),
      );
      const files = sent.filter(({ statement }) => statement.includes("octet_length(files_json)"));
      // The activity that the page shows, and the message before it, by which it is known that there is more.
      assert.deepStrictEqual(
        files.map(({ parameters }) => JSON.parse(String(parameters[0]))),
        [[turnOf("m4")]],
      );
    }),
  );
});
