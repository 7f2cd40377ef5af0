import { assert, describe, it } from "@effect/vitest";
import type { NewEvent } from "@heddle/contracts/Events";
import { aThread, done, event, NOW, running, turnOf } from "@heddle/domain/testing/support";
import { EventStore } from "@heddle/event-store/EventStore";
import { Quarantine, quarantiningReads } from "@heddle/event-store/Quarantine";
import { pipelineTo } from "@heddle/event-store/SqliteDatabase";
import { freshStore } from "@heddle/event-store/testing/support";
import { Effect, Layer } from "effect";
import { SqlClient } from "effect/sql";
import { PROJECTORS } from "../src/Projectors.ts";
import type { Projector } from "../src/Projector.ts";
import { Runner } from "../src/Runner.ts";
import { breaksAt, tableOfBreaks } from "./Breaking.ts";
import { dropReadModel, logOf, readModel, restart, rowsOf, segment, store } from "./support.ts";

const TURNS = 1000;
/** Of so many turns one is reverted, and its number given again. */
const REVERTED = 97;

const turn = (index: number): ReadonlyArray<NewEvent> => {
  const name = `m${index}`;
  const count = index + 1 - Math.floor(index / REVERTED);
  const events = [
    ...running(name, count),
    segment("Hello, ", 0, true, name),
    segment("Wörld", 7, true, name),
    segment(" — said.", 12, false, name),
    event("thread.activity-appended", {
      threadId: "t1",
      turnId: turnOf(name),
      tone: "info",
      kind: "notice",
      summary: `Number ${index}`,
      detail: { index, text: "„quoted“" },
      createdAt: NOW,
    }),
    ...done(name, count).slice(-3),
  ];
  const reverted = event("thread.reverted", {
    threadId: "t1",
    turnCount: count - 1,
    removedTurnIds: [turnOf(name)],
    latestTurnId: null,
    files: [],
    skipped: [],
    safetyRef: "refs/safety",
  });
  return index % REVERTED === REVERTED - 1 ? [...events, reverted] : events;
};

/** Pages enough for a pipeline, with replies that go on over their edges. */
const log = logOf(aThread, ...Array.from({ length: TURNS }, (_, index) => turn(index)));

/** Where the database of the test is. */
const filename = Effect.map(
  Effect.flatMap(
    SqlClient.SqlClient,
    (sql) => sql<{ file: string }>`SELECT file FROM pragma_database_list WHERE name = 'main'`,
  ),
  ([row]) => row?.file ?? "",
);

/** The same as `restart`, with a pipeline; tells how it settled. */
const restartWith = (pipeline: ReturnType<typeof pipelineTo>, projectors: ReadonlyArray<Projector>) =>
  Effect.gen(function* () {
    const settled: Array<string> = [];
    const told = Effect.map(pipeline, (opened) => ({
      ...opened,
      settle: Effect.tap(opened.settle, () => Effect.sync(() => settled.push("whole"))),
    }));
    const status = yield* Effect.gen(function* () {
      const events = quarantiningReads(yield* EventStore, yield* Quarantine);
      const runner = yield* Runner;
      yield* runner.catchUp((fromSequenceExclusive, limit) =>
        events.readProjected({ fromSequenceExclusive, limit }),
      );
      return yield* runner.status;
    }).pipe(Effect.provide(Layer.fresh(Runner.layer(projectors, told))));
    return { status, settled };
  });

const restartWithPipeline = (projectors: ReadonlyArray<Projector> = PROJECTORS) =>
  Effect.flatMap(filename, (file) => restartWith(pipelineTo(file), projectors));

/** Beyond what is taken before a pipeline is opened. */
const FAR = 7000;

describe("a long catch-up with a pipeline", () => {
  it.live("gives the rows and cursors that it gives without", () =>
    Effect.gen(function* () {
      yield* store(log);
      const alone = { status: yield* restart(), rows: yield* readModel };
      yield* dropReadModel;
      const { status, settled } = yield* restartWithPipeline();
      assert.deepStrictEqual({ status, rows: yield* readModel }, alone);
      assert.deepStrictEqual(settled, ["whole"]);
    }).pipe(Effect.provide(freshStore)),
  );

  it.live("notes what cannot be read beside it, and leaves it out as without", () =>
    Effect.gen(function* () {
      yield* store(log);
      const sql = yield* SqlClient.SqlClient;
      yield* sql`UPDATE orchestration_events SET payload_json = '{}' WHERE sequence % 301 = 0`;
      const alone = { status: yield* restart(), rows: yield* readModel };
      yield* dropReadModel;
      const { status, settled } = yield* restartWithPipeline();
      assert.deepStrictEqual({ status, rows: yield* readModel }, alone);
      assert.deepStrictEqual(settled, ["whole"]);
      assert.strictEqual(yield* (yield* Quarantine).count, Math.floor(log.length / 301));
    }).pipe(Effect.provide(freshStore)),
  );

  it.live("finds the very event that a projector fails on, and takes the others to the head", () =>
    Effect.gen(function* () {
      const projectors = [...PROJECTORS, breaksAt(FAR)];
      yield* tableOfBreaks;
      yield* store(log);
      const alone = { status: yield* restart(projectors), rows: yield* readModel };
      assert.deepInclude(alone.status.at(-1), { state: "faulted", lastAppliedSequence: FAR - 1 });
      yield* dropReadModel;
      const sql = yield* SqlClient.SqlClient;
      yield* sql`DELETE FROM breaks`;
      const { status, settled } = yield* restartWithPipeline(projectors);
      assert.deepStrictEqual({ status, rows: yield* readModel }, alone);
      assert.lengthOf(yield* rowsOf("breaks"), FAR - 1);
      assert.deepStrictEqual(settled, []);
    }).pipe(Effect.provide(freshStore)),
  );

  it.live("marks a projector whose table refuses a row, and blames no other", () =>
    Effect.gen(function* () {
      yield* store(log);
      const sql = yield* SqlClient.SqlClient;
      yield* sql`CREATE TRIGGER refuse BEFORE INSERT ON projection_thread_activities
        WHEN NEW.summary = 'Number 900' BEGIN SELECT RAISE(ABORT, 'not this one'); END`;
      const alone = { status: yield* restart(), rows: yield* readModel };
      const faulted = alone.status.filter(({ state }) => state === "faulted");
      assert.deepStrictEqual(
        faulted.map(({ projector }) => projector),
        ["thread-activities"],
      );
      yield* dropReadModel;
      const { status, settled } = yield* restartWithPipeline();
      assert.deepStrictEqual({ status, rows: yield* readModel }, alone);
      assert.deepStrictEqual(settled, []);
    }).pipe(Effect.provide(freshStore)),
  );

  it.live("goes on without where there can be none", () =>
    Effect.gen(function* () {
      yield* store(log);
      const alone = { status: yield* restart(), rows: yield* readModel };
      yield* dropReadModel;
      const nowhere = pipelineTo(`${yield* filename}/nothing`);
      const { status, settled } = yield* restartWith(nowhere, PROJECTORS);
      assert.deepStrictEqual({ status, rows: yield* readModel }, alone);
      assert.deepStrictEqual(settled, []);
    }).pipe(Effect.provide(freshStore)),
  );

  it.live("does not fail for a page that cannot be read: what stands before it is kept", () =>
    Effect.gen(function* () {
      yield* store(log);
      const events = yield* EventStore;
      const runner = yield* Runner;
      const failed = yield* Effect.flip(
        runner.catchUp((fromSequenceExclusive, limit) =>
          Effect.andThen(
            fromSequenceExclusive > FAR ? Effect.fail("cannot be read" as const) : Effect.void,
            events.readAll({ fromSequenceExclusive, limit }),
          ),
        ),
      );
      assert.strictEqual(failed, "cannot be read");
      const [first] = yield* runner.status;
      assert.isAbove(first?.lastAppliedSequence ?? 0, FAR);
    }).pipe(
      Effect.provide(
        Layer.provideMerge(
          Layer.unwrap(Effect.map(filename, (file) => Runner.layer(PROJECTORS, pipelineTo(file)))),
          freshStore,
        ),
      ),
    ),
  );
});
