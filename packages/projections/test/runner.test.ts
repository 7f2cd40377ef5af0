import { assert, describe, it } from "@effect/vitest";
import { aThread, event, NOW } from "@heddle/domain/testing/support";
import type { EventEnvelope } from "@heddle/contracts/Events";
import { EventStore } from "@heddle/event-store/EventStore";
import { freshStore } from "@heddle/event-store/testing/support";
import { Effect, Layer } from "effect";
import { SqlClient, type SqlError } from "effect/sql";
import { PROJECTORS } from "../src/Projectors.ts";
import { Queries } from "../src/Queries.ts";
import { type ProjectorFault, type ReadPage, Runner } from "../src/Runner.ts";
import { breaksAt, tableOfBreaks } from "./Breaking.ts";
import {
  commit,
  dropReadModel,
  freshProjections,
  logOf,
  readModel,
  restart,
  rowsOf,
  segment,
  store,
} from "./support.ts";

const activity = (index: number) =>
  event("thread.activity-appended", {
    threadId: "t1",
    turnId: null,
    tone: "info",
    kind: "notice",
    summary: `Number ${index}`,
    detail: { index },
    createdAt: NOW,
  });

/** A log of `count` events. */
const long = (count: number): ReadonlyArray<EventEnvelope> =>
  logOf(aThread, ...Array.from({ length: count - aThread.length }, (_, index) => activity(index)));

const cursors = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient;
  const rows = yield* sql<{ projector: string; cursor: number }>`
    SELECT projector, last_applied_sequence AS cursor FROM projection_state`;
  return Object.fromEntries(rows.map(({ projector, cursor }) => [projector, cursor]));
});

const every = (cursor: number) => Object.fromEntries(PROJECTORS.map(({ name }) => [name, cursor]));

describe("catching up", () => {
  it.live("goes on to the head of a log of several thousand events, and no row is left out", () =>
    Effect.gen(function* () {
      yield* store(long(5300));
      yield* restart();
      assert.deepStrictEqual(yield* cursors, every(5300));
      const rows = yield* rowsOf("projection_thread_activities");
      assert.lengthOf(rows, 5298);
      assert.lengthOf(new Set(rows.map((row) => row["sequence"])), 5298);
      // The last page may be as short as can be.
      yield* store(long(5301).slice(-1));
      yield* restart();
      assert.deepStrictEqual(yield* cursors, every(5301));
    }).pipe(Effect.provide(freshProjections)),
  );

  it.live("takes each projector from where it stands, and applies nothing twice", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient;
      // Words that are added to words: what is applied twice shows.
      const words = Array.from({ length: 2498 }, (_, index) => segment(`${index} `, 0, true));
      const log = logOf(aThread, words);
      yield* store(log.slice(0, 1500));
      yield* restart();
      yield* store(log.slice(1500));
      // One was left at the beginning, one in between, in the middle of a page.
      yield* sql`DELETE FROM projection_threads`;
      yield* sql`UPDATE projection_state SET last_applied_sequence = 0 WHERE projector = 'threads'`;
      yield* sql`UPDATE projection_state SET last_applied_sequence = 700 WHERE projector = 'thread-sessions'`;
      assert.deepStrictEqual(yield* cursors, { ...every(1500), threads: 0, "thread-sessions": 700 });
      yield* restart();
      const caughtUp = yield* readModel;
      assert.deepStrictEqual(yield* cursors, every(2500));
      yield* dropReadModel;
      yield* restart();
      assert.deepStrictEqual(yield* readModel, caughtUp);
    }).pipe(Effect.provide(freshProjections)),
  );

  it.live("does nothing at the head, and nothing on an empty log", () =>
    Effect.gen(function* () {
      yield* restart();
      assert.deepStrictEqual(yield* cursors, every(0));
      yield* store(long(10));
      yield* restart();
      const before = yield* readModel;
      yield* restart();
      assert.deepStrictEqual(yield* readModel, before);
    }).pipe(Effect.provide(freshProjections)),
  );

  it.live("builds a projector of a new version again from zero, alone", () =>
    Effect.gen(function* () {
      yield* store(long(40));
      yield* restart();
      const sql = yield* SqlClient.SqlClient;
      // What an older version had written, and what another projector had.
      yield* sql`UPDATE projection_thread_activities SET summary = 'of version 1'`;
      yield* sql`UPDATE projection_threads SET title = 'kept'`;
      yield* restart(
        PROJECTORS.map((projector) =>
          projector.name === "thread-activities" ? Object.assign({}, projector, { version: 2 }) : projector,
        ),
      );
      const [first] = yield* rowsOf("projection_thread_activities");
      assert.strictEqual(first?.["summary"], "Number 7");
      const [thread] = yield* rowsOf("projection_threads");
      assert.strictEqual(thread?.["title"], "kept");
      assert.deepStrictEqual(yield* cursors, every(40));
    }).pipe(Effect.provide(freshProjections)),
  );
});

describe("a projector that is no more", () => {
  it.live("holds nothing back: its cursor goes at the next start", () =>
    Effect.gen(function* () {
      const queries = yield* Queries;
      yield* tableOfBreaks;
      yield* store(long(5));
      yield* restart([...PROJECTORS, breaksAt(3)]);
      assert.strictEqual((yield* queries.snapshot).snapshotSequence, 2);
      yield* restart();
      assert.deepStrictEqual(yield* cursors, every(5));
      assert.strictEqual((yield* queries.snapshot).snapshotSequence, 5);
    }).pipe(Effect.provide(freshProjections)),
  );
});

describe("projecting live", () => {
  it.live("writes rows and cursors with the commit, or neither", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient;
      const runner = yield* Runner;
      const log = long(20);
      yield* commit(log.slice(0, 10));
      const before = yield* readModel;
      yield* Effect.flip(
        sql.withTransaction(Effect.andThen(runner.project(log.slice(10)), Effect.fail("no"))),
      );
      assert.deepStrictEqual(yield* readModel, before);
      assert.deepStrictEqual(
        (yield* runner.status).map((status) => status.lastAppliedSequence),
        PROJECTORS.map(() => 10),
      );
      yield* commit(log.slice(10));
      assert.deepStrictEqual(yield* cursors, every(20));
    }).pipe(Effect.provide(freshProjections)),
  );

  it.live("leaves out a projector that is not up to date: no hole comes into its rows", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient;
      const log = long(30);
      yield* store(log.slice(0, 20));
      yield* restart();
      yield* sql`UPDATE projection_state SET last_applied_sequence = 12 WHERE projector = 'threads'`;
      yield* commit(log.slice(20)).pipe(Effect.provide(Layer.fresh(Runner.layer())));
      assert.deepStrictEqual(yield* cursors, { ...every(30), threads: 12 });
      yield* restart();
      assert.deepStrictEqual(yield* cursors, every(30));
    }).pipe(Effect.provide(freshProjections)),
  );
});

describe("a projector that is built by another hand", () => {
  const ofNewVersion = PROJECTORS.map((projector) =>
    projector.name === "thread-activities" ? Object.assign({}, projector, { version: 2 }) : projector,
  );

  it.live("keeps its old rows, and is left out, until that begins", () =>
    Effect.gen(function* () {
      const log = long(30);
      yield* store(log.slice(0, 20));
      yield* restart();
      yield* commit(log.slice(20)).pipe(Effect.provide(Layer.fresh(Runner.layer(ofNewVersion))));
      assert.deepStrictEqual(yield* cursors, { ...every(30), "thread-activities": 20 });
      assert.lengthOf(yield* rowsOf("projection_thread_activities"), 18);
    }).pipe(Effect.provide(freshProjections)),
  );

  it.live("is not taken for one that may go on when it is left in the middle", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient;
      const runner = yield* Runner;
      yield* commit(long(30));
      (yield* sql.withTransaction(runner.beginFill("thread-activities")))();
      yield* sql`UPDATE projection_thread_activities SET summary = 'half of it'`;
      const status = (yield* runner.status).find(({ projector }) => projector === "thread-activities");
      assert.deepInclude(status, { state: "filling", lastAppliedSequence: 0 });
      yield* restart();
      assert.notInclude(JSON.stringify(yield* rowsOf("projection_thread_activities")), "half of it");
    }).pipe(Effect.provide(freshProjections)),
  );

  it.live("is one whose cursor is gone but not its rows: they are not added to", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient;
      yield* store(logOf(aThread, segment("words", 0, true)));
      yield* restart();
      const right = yield* readModel;
      yield* sql`DELETE FROM projection_state`;
      yield* restart();
      assert.deepStrictEqual(yield* readModel, right);
    }).pipe(Effect.provide(freshProjections)),
  );

  it.live("goes on from where its new rows stand, and is live at the head", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient;
      const log = yield* EventStore;
      yield* store(long(600));
      yield* restart();
      const right = yield* rowsOf("projection_thread_activities");
      yield* Effect.gen(function* () {
        const runner = yield* Runner;
        const readPage: ReadPage<SqlError.SqlError> = (fromSequenceExclusive, limit) =>
          log.readAll({ fromSequenceExclusive, limit });
        (yield* sql.withTransaction(runner.beginFill("thread-activities")))();
        assert.isFalse(yield* runner.step(readPage, 100), "it is not for the runner to fill it");
        yield* sql`DELETE FROM projection_thread_activities WHERE sequence > 300`;
        (yield* sql.withTransaction(runner.adopt("thread-activities", 300)))();
        const stateOf = Effect.map(runner.status, (all) =>
          all.find((one) => one.projector === "thread-activities"),
        );
        assert.deepInclude(yield* stateOf, { state: "behind", lastAppliedSequence: 300, version: 2 });
        assert.isTrue(yield* runner.step(readPage, 100));
        assert.deepInclude(yield* stateOf, { state: "behind", lastAppliedSequence: 400 });
        while (yield* runner.step(readPage, 100));
        assert.deepInclude(yield* stateOf, { state: "live", lastAppliedSequence: 600 });
        assert.deepStrictEqual(yield* rowsOf("projection_thread_activities"), right);
      }).pipe(Effect.provide(Layer.fresh(Runner.layer(ofNewVersion))));
    }).pipe(Effect.provide(freshProjections)),
  );
});

describe("a projector that fails", () => {
  it.live("while catching up, is marked with its error where it stands; the others go on to the head", () =>
    Effect.gen(function* () {
      yield* tableOfBreaks;
      yield* store(long(2500));
      const status = yield* restart([...PROJECTORS, breaksAt(1700)]);
      assert.deepStrictEqual(yield* cursors, { ...every(2500), breaks: 1699 });
      const [broken, ...others] = status.toReversed();
      assert.strictEqual(broken?.projector, "breaks");
      assert.match(broken?.fault ?? "", /breaks failed at sequence 1700: a bug/);
      assert.isTrue(others.every(({ fault }) => fault === null));
      const sql = yield* SqlClient.SqlClient;
      const [row] = yield* sql<{
        fault: string;
      }>`SELECT fault FROM projection_state WHERE projector = 'breaks'`;
      assert.strictEqual(row?.fault, broken?.fault);
      // What stands before the event is kept, and nothing of what stands behind it.
      assert.lengthOf(yield* rowsOf("breaks"), 1699);
    }).pipe(Effect.provide(freshStore)),
  );

  it.live("is tried again at the next start, and goes on where it stood once it is mended", () =>
    Effect.gen(function* () {
      yield* tableOfBreaks;
      yield* store(long(1500));
      yield* restart([...PROJECTORS, breaksAt(1200)]);
      const still = yield* restart([...PROJECTORS, breaksAt(1200)]);
      assert.isNotNull(still.at(-1)?.fault);
      const mended = yield* restart([...PROJECTORS, breaksAt(-1)]);
      assert.deepInclude(mended.at(-1), { lastAppliedSequence: 1500, fault: null });
      assert.lengthOf(yield* rowsOf("breaks"), 1500);
      const sql = yield* SqlClient.SqlClient;
      const [row] = yield* sql<{
        fault: string | null;
      }>`SELECT fault FROM projection_state WHERE projector = 'breaks'`;
      assert.isNull(row?.fault);
    }).pipe(Effect.provide(freshStore)),
  );

  it.live("live, says so to the writer, who marks it; from then on it is left out", () =>
    Effect.gen(function* () {
      yield* tableOfBreaks;
      const log = long(9);
      yield* Effect.gen(function* () {
        const runner = yield* Runner;
        yield* commit(log.slice(0, 4));
        const fault = yield* Effect.flip(commit(log.slice(4, 6)));
        assert.deepInclude({ ...fault }, { _tag: "ProjectorFault", projector: "breaks", sequence: 5 });
        yield* runner.markFaulted(fault as ProjectorFault);
        yield* commit(log.slice(4, 6));
        yield* commit(log.slice(6));
        assert.deepStrictEqual(yield* cursors, { ...every(9), breaks: 4 });
      }).pipe(Effect.provide(Runner.layer([...PROJECTORS, breaksAt(6)])));
    }).pipe(Effect.provide(freshStore)),
  );

  it.live("because its table refuses a row, is marked with what the table said", () =>
    Effect.gen(function* () {
      yield* tableOfBreaks;
      yield* store(long(5));
      yield* restart([...PROJECTORS, breaksAt(-1)]);
      const sql = yield* SqlClient.SqlClient;
      yield* sql`UPDATE projection_state SET last_applied_sequence = 2 WHERE projector = 'breaks'`;
      const status = yield* restart([...PROJECTORS, breaksAt(-1)]);
      assert.match(
        status.at(-1)?.fault ?? "",
        /breaks failed at sequence 3: .*UNIQUE constraint failed: breaks.sequence/,
      );
      assert.lengthOf(yield* rowsOf("breaks"), 5);
    }).pipe(Effect.provide(freshStore)),
  );

  it.live(
    "in a batch, is located: it has taken what stands before the event, and is marked at that one",
    () =>
      Effect.gen(function* () {
        yield* tableOfBreaks;
        const log = long(9);
        yield* Effect.gen(function* () {
          const runner = yield* Runner;
          const store = yield* EventStore;
          const readPage: ReadPage<SqlError.SqlError> = (fromSequenceExclusive, limit) =>
            store.readAll({ fromSequenceExclusive, limit });
          const fault = yield* Effect.flip(commit(log));
          yield* runner.markFaulted(fault as ProjectorFault);
          yield* commit(log);
          yield* runner.locateFaults(readPage);
          assert.deepStrictEqual(yield* cursors, { ...every(9), breaks: 6 });
          assert.lengthOf(yield* rowsOf("breaks"), 6);
          const status = (yield* runner.status).at(-1);
          assert.deepInclude(status, { state: "faulted", lastAppliedSequence: 6 });
          assert.match(status?.fault ?? "", /breaks failed at sequence 7: a bug/);
        }).pipe(Effect.provide(Runner.layer([...PROJECTORS, breaksAt(7)])));
      }).pipe(Effect.provide(freshStore)),
  );

  it.live("is not blamed for an event that cannot be read: all of them leave it out, and go on", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient;
      yield* store(long(5));
      yield* sql`UPDATE orchestration_events SET payload_json = '{}' WHERE sequence IN (4, 5)`;
      const status = yield* restart();
      assert.isTrue(
        status.every(({ lastAppliedSequence, fault }) => lastAppliedSequence === 5 && fault === null),
      );
    }).pipe(Effect.provide(freshStore)),
  );
});

describe("a projector that has passed an event which can be read now", () => {
  it.live("is built anew, if it handles such events; the others stay where they are", () =>
    Effect.gen(function* () {
      const runner = yield* Runner;
      yield* commit(long(5));
      yield* runner.restartFor(new Map([["thread.meta-updated", 9]]));
      assert.isTrue((yield* runner.status).every(({ lastAppliedSequence }) => lastAppliedSequence === 5));
      yield* runner.restartFor(new Map([["thread.meta-updated", 3]]));
      const anew = (yield* runner.status).filter(({ state }) => state === "filling");
      assert.deepStrictEqual(
        anew.map(({ projector, lastAppliedSequence }) => [projector, lastAppliedSequence]),
        [["threads", 0]],
      );
      const log = yield* EventStore;
      const sql = yield* SqlClient.SqlClient;
      yield* sql`UPDATE projection_threads SET title = 'of the events that it was given'`;
      yield* runner.catchUp((fromSequenceExclusive, limit) => log.readAll({ fromSequenceExclusive, limit }));
      assert.notInclude(
        JSON.stringify(yield* rowsOf("projection_threads")),
        "of the events that it was given",
      );
      assert.deepStrictEqual(yield* cursors, every(5));
    }).pipe(Effect.provide(freshProjections)),
  );
});
