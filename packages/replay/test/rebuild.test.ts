import { existsSync } from "node:fs";
import { assert, describe, it } from "@effect/vitest";
import { EVENT_TYPES } from "@heddle/contracts/Events";
import { freshStore } from "@heddle/event-store/testing/support";
import { nothingToRemember, type Projector } from "@heddle/projections/Projector";
import { PROJECTORS } from "@heddle/projections/Projectors";
import { Runner } from "@heddle/projections/Runner";
import { tableOfBreaks } from "@heddle/projections/testing/Breaking";
import { commit, readModel, rowsOf, store } from "@heddle/projections/testing/support";
import { Effect, Layer, Stream } from "effect";
import { SqlClient } from "effect/sql";
import { Rebuild } from "../src/rebuild/Rebuild.ts";
import { shadowThread } from "../src/rebuild/ShadowThread.ts";
import {
  catchUp,
  freshRebuilds,
  history,
  inWords,
  rebuilds,
  run,
  said,
  shadowFile,
} from "./rebuild-support.ts";

const statement = (text: string) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) => sql.unsafe<Readonly<Record<string, unknown>>>(text));

/** Writes the sequence of each event, times its version, into `breaks`; throws at one, as long as it is to. */
const counts = (options: { version?: number; throwsAt?: () => number } = {}): Projector => {
  const { version = 1, throwsAt = () => -1 } = options;
  return {
    name: "counts",
    version,
    table: "breaks",
    key: ["sequence"],
    handles: EVENT_TYPES,
    bind: (sql, table) => (events) =>
      Effect.gen(function* () {
        for (const { sequence } of events) {
          if (sequence === throwsAt()) throw new Error("a bug");
          yield* sql`INSERT INTO ${sql(table)} (sequence) VALUES (${sequence * version})`;
        }
        return nothingToRemember;
      }),
  };
};

const stateOf = (name: string) =>
  Effect.gen(function* () {
    const runner = yield* Runner;
    return (yield* runner.status).find(({ projector }) => projector === name);
  });

const sequences = Effect.map(rowsOf("breaks"), (rows) =>
  rows.map(({ sequence }) => Number(sequence)).toSorted((left, right) => left - right),
);

const upTo = (count: number, factor = 1) => Array.from({ length: count }, (_, index) => (index + 1) * factor);

describe("verifying projections", () => {
  it.live("finds nothing in what the log gives, and leaves no file behind", () =>
    Effect.gen(function* () {
      yield* catchUp;
      yield* commit(history(3000));
      const { differences, report, progress } = yield* run({});
      assert.deepStrictEqual(differences, []);
      assert.isTrue(report.sound);
      for (const { projector, rows } of report.projections) assert.isAbove(rows, 0, projector);
      assert.deepStrictEqual([...new Set(progress.map(({ phase }) => phase))], ["building", "comparing"]);
      assert.isFalse(existsSync(yield* shadowFile));
    }).pipe(Effect.provide(freshRebuilds())),
  );

  it.live("says which columns of a row differ, what is stored and what the log gives", () =>
    Effect.gen(function* () {
      yield* catchUp;
      yield* commit(history(3000));
      yield* statement(`UPDATE projection_projects SET title = '${"long ".repeat(100)}' WHERE rowid = 1`);
      const [difference] = (yield* run({})).differences;
      const [column] = difference?.columns ?? [];
      assert.strictEqual(column?.column, "title");
      assert.strictEqual(column?.stored, `${"long ".repeat(40)}…`);
      const [project] = yield* statement("SELECT project_id FROM projection_projects WHERE rowid = 1");
      assert.deepStrictEqual(difference?.key, { project_id: String(project?.["project_id"]) });
    }).pipe(Effect.provide(freshRebuilds())),
  );

  it.live("lists as many of a table as it is asked for, and counts all", () =>
    Effect.gen(function* () {
      yield* catchUp;
      yield* commit(history(3000));
      yield* statement("UPDATE projection_thread_messages SET role = 'system'");
      const { differences, report } = yield* run({ limit: 2 });
      assert.lengthOf(differences, 2);
      const messages = report.projections.find(({ projector }) => projector === "thread-messages");
      assert.isAbove(messages?.differing ?? 0, 20);
      assert.isFalse(report.sound);
    }).pipe(Effect.provide(freshRebuilds())),
  );

  it.live("sees a cursor that somebody moved, and a state of nobody's", () =>
    Effect.gen(function* () {
      yield* catchUp;
      yield* commit(history(300));
      yield* statement("UPDATE projection_state SET last_applied_sequence = 1 WHERE projector = 'threads'");
      yield* statement("INSERT INTO projection_state VALUES ('nobody', 1, 0, NULL, '')");
      const before = (yield* run({})).differences.map(inWords);
      assert.deepStrictEqual(before, [
        "projection_state threads differs last_applied_sequence",
        "projection_state nobody surplus",
      ]);
      // What the runner reads again while it corrects rows must be right by then.
      yield* statement("UPDATE projection_threads SET title = 'changed'");
      assert.isTrue((yield* run({ purpose: "repair" })).report.sound);
      assert.deepInclude(yield* stateOf("threads"), { state: "live" });
      assert.deepStrictEqual((yield* run({})).differences, []);
    }).pipe(Effect.provide(freshRebuilds())),
  );

  it.live("that follows projectors on their way to the head compares them where they stand", () =>
    Effect.gen(function* () {
      yield* catchUp;
      const log = history(3000);
      yield* commit(log.slice(0, 100));
      // The rest is in the log, and none of them has had it.
      yield* store(log.slice(100));
      yield* statement("UPDATE projection_projects SET title = 'changed' WHERE rowid = 1");
      const { differences, report } = yield* run({ purpose: "repair" });
      assert.deepStrictEqual(
        differences.map(({ table, side }) => [table, side]),
        [["projection_projects", "differs"]],
      );
      assert.strictEqual(report.projections[0]?.sequence, 100);
      yield* catchUp;
      assert.deepStrictEqual((yield* run({})).differences, []);
    }).pipe(Effect.provide(freshRebuilds())),
  );

  it.live("puts a row into the place that a wrong one holds, and the wrong one into its own", () =>
    Effect.gen(function* () {
      yield* catchUp;
      yield* commit(history(3000));
      const right = yield* readModel;
      // The first by its key is gone, and the last by its key stands at its number.
      const turns = yield* statement(`SELECT min(turn_id) AS first, max(turn_id) AS last, thread_id
        FROM projection_thread_turns GROUP BY thread_id ORDER BY count(*) DESC LIMIT 1`);
      const [first, last] = [turns[0]?.["first"], turns[0]?.["last"]];
      const [row] = yield* statement(
        `SELECT turn_count AS n FROM projection_thread_turns WHERE turn_id = '${first}'`,
      );
      yield* statement(`DELETE FROM projection_thread_turns WHERE turn_id = '${first}'`);
      yield* statement(
        `UPDATE projection_thread_turns SET turn_count = ${row?.["n"]} WHERE turn_id = '${last}'`,
      );
      const { differences, report } = yield* run({ purpose: "repair" });
      assert.deepStrictEqual(differences.map(inWords), [
        `projection_thread_turns ${first} missing`,
        `projection_thread_turns ${last} differs turn_count`,
      ]);
      assert.isTrue(report.sound);
      assert.deepStrictEqual(yield* readModel, right);
    }).pipe(Effect.provide(freshRebuilds())),
  );

  it.live("corrects what the runner remembers, too: the next event does not bring the wrong row back", () =>
    Effect.gen(function* () {
      yield* catchUp;
      const log = history(3000);
      const [first, second] = [Math.floor(log.length / 3), Math.floor((2 * log.length) / 3)];
      yield* commit(log.slice(0, first));
      yield* statement("UPDATE projection_threads SET title = 'changed'");
      yield* Effect.flatMap(Runner, ({ reload }) => reload);
      // These are folded into the wrong rows, which are remembered.
      yield* commit(log.slice(first, second));
      assert.isTrue((yield* run({ purpose: "repair" })).report.sound);
      yield* commit(log.slice(second));
      assert.deepStrictEqual((yield* run({})).differences, []);
    }).pipe(Effect.provide(freshRebuilds())),
  );

  it.live("goes on where a run was killed, and begins anew where the projectors or the log are others", () =>
    Effect.gen(function* () {
      yield* catchUp;
      const log = history(3000);
      yield* commit(log);
      const rebuild = yield* Rebuild;
      const killed = rebuild.run({ purpose: "rebuild", names: [], limit: 0, keep: true });
      yield* Stream.runDrain(
        Stream.takeUntil(killed, (item) => item.kind === "progress" && item.phase === "comparing"),
      );
      assert.isTrue(existsSync(yield* shadowFile));
      const { report } = yield* run({ names: ["threads"] });
      assert.strictEqual(report.resumedFrom, 0, "of one projector, not of all");

      yield* Stream.runDrain(
        Stream.takeUntil(killed, (item) => item.kind === "progress" && item.phase === "comparing"),
      );
      const whole = yield* run({});
      assert.strictEqual(whole.report.resumedFrom, log.length);
      assert.strictEqual(whole.report.events, 0);
      assert.isTrue(whole.report.sound);

      yield* Stream.runDrain(
        Stream.takeUntil(killed, (item) => item.kind === "progress" && item.phase === "comparing"),
      );
      yield* statement(
        `UPDATE orchestration_events SET event_id = 'another' WHERE sequence = (SELECT max(sequence) FROM orchestration_events)`,
      );
      assert.strictEqual((yield* run({})).report.resumedFrom, 0, "another log");
    }).pipe(Effect.provide(freshRebuilds())),
  );

  it.live("that is no longer read leaves no file, and the next can begin", () =>
    Effect.gen(function* () {
      yield* catchUp;
      yield* commit(history(3000));
      const rebuild = yield* Rebuild;
      yield* Stream.runDrain(Stream.take(rebuild.run({ purpose: "verify", names: [], limit: 20 }), 1));
      assert.isFalse(existsSync(yield* shadowFile));
      assert.isTrue((yield* run({})).report.sound);
    }).pipe(Effect.provide(freshRebuilds())),
  );

  it.live("refuses to run twice at a time, and says which job runs", () =>
    Effect.gen(function* () {
      yield* catchUp;
      yield* commit(history(300));
      const rebuild = yield* Rebuild;
      const request = { purpose: "verify", names: [], limit: 20 } as const;
      const refused = yield* Stream.runDrain(
        Stream.mapEffect(rebuild.run(request), () => Effect.flip(run({}))),
      ).pipe(
        Effect.andThen(
          Effect.flip(Stream.runDrain(Stream.flatMap(rebuild.run(request), () => rebuild.run(request)))),
        ),
      );
      assert.strictEqual(refused._tag, "MaintenanceBusy");
      assert.include(refused.message, "A verification of projections");
    }).pipe(Effect.provide(freshRebuilds())),
  );

  it.live("does all that on a thread of its own", () =>
    Effect.gen(function* () {
      yield* catchUp;
      yield* commit(history(3000));
      const right = yield* readModel;
      yield* statement("UPDATE projection_projects SET title = 'Another' WHERE rowid = 1");
      yield* statement("DELETE FROM projection_thread_turns WHERE rowid = 1");
      yield* statement(
        "INSERT INTO projection_thread_sessions (thread_id, status, updated_at) VALUES (x'00ff', 'idle', '')",
      );
      assert.lengthOf((yield* run({})).differences, 3);
      const { report } = yield* run({ purpose: "repair" });
      assert.isTrue(report.sound);
      assert.deepStrictEqual(yield* readModel, right);
      assert.isFalse(existsSync(yield* shadowFile));
    }).pipe(Effect.provide(freshRebuilds(PROJECTORS, { openShadow: shadowThread }))),
  );
});

describe("the event from which on a row differs", () => {
  const sinceOf = Effect.fnUntraced(function* (table: string) {
    const { differences } = yield* run({});
    return differences.filter((difference) => difference.table === table);
  });

  it.live("is the one after which the log no longer gives what is stored", () =>
    Effect.gen(function* () {
      yield* catchUp;
      const log = history(3000);
      // As if the projector had not seen the project's last change.
      const changed = log.findLast(({ eventType }) => eventType === "project.meta-updated");
      const before = log.slice(0, (changed?.sequence ?? 1) - 1);
      yield* commit(before);
      const [old] = yield* statement(
        `SELECT * FROM projection_projects WHERE project_id = '${changed?.streamId}'`,
      );
      yield* commit(log.slice(before.length));
      yield* statement(
        `UPDATE projection_projects SET title = '${old?.["title"]}', updated_at = '${old?.["updated_at"]}'
          WHERE project_id = '${changed?.streamId}'`,
      );
      const [difference] = yield* sinceOf("projection_projects");
      assert.strictEqual(difference?.since, changed?.sequence);
    }).pipe(Effect.provide(freshRebuilds())),
  );

  it.live("is the one that made it, where it is missing; none, where the log never gave the row", () =>
    Effect.gen(function* () {
      yield* catchUp;
      const log = history(3000);
      yield* commit(log);
      const created = log.find(({ eventType }) => eventType === "project.created");
      yield* statement(`DELETE FROM projection_projects WHERE project_id = '${created?.streamId}'`);
      yield* statement(`INSERT INTO projection_projects SELECT 'nobodys', title, workspace_root, default_model,
        scripts_json, created_at, updated_at, deleted_at FROM projection_projects LIMIT 1`);
      const found = yield* sinceOf("projection_projects");
      assert.deepStrictEqual(found.map(({ side, since }) => [side, since] as const).toSorted(), [
        ["missing", created?.sequence ?? null],
        ["surplus", null],
      ]);
    }).pipe(Effect.provide(freshRebuilds())),
  );
});

describe("rebuilding a projector", () => {
  /** A server's runner and rebuilds, over a database that stays. */
  const server = (...own: ReadonlyArray<Projector>) => {
    const projectors = [...PROJECTORS, ...own];
    return Layer.fresh(rebuilds(projectors).pipe(Layer.provideMerge(Runner.layer(projectors))));
  };
  const log = history(3000);

  it.live(
    "that fails leaves it at the event before, with the rows up to there; once mended, it is live",
    () =>
      Effect.gen(function* () {
        let throwsAt = 100;
        yield* tableOfBreaks;
        yield* store(log);
        yield* Effect.gen(function* () {
          yield* catchUp;
          assert.deepInclude(yield* stateOf("counts"), { state: "faulted", lastAppliedSequence: 99 });
          yield* statement("DELETE FROM breaks WHERE sequence = 50");

          const verified = yield* run({ names: ["counts"] });
          assert.deepStrictEqual(verified.differences.map(inWords), ["breaks 50 missing"]);
          assert.isFalse(verified.report.sound);

          const failed = yield* run({ purpose: "rebuild", names: ["counts"] });
          assert.isFalse(failed.report.sound);
          assert.match(failed.report.projections[0]?.fault ?? "", /counts failed at sequence 100: a bug/);
          assert.deepInclude(yield* stateOf("counts"), { state: "faulted", lastAppliedSequence: 99 });
          assert.deepStrictEqual(yield* sequences, upTo(99));

          throwsAt = -1;
          const { report } = yield* run({ purpose: "rebuild", names: ["counts"] });
          assert.isTrue(report.sound);
          assert.deepInclude(yield* stateOf("counts"), {
            state: "live",
            lastAppliedSequence: log.length,
            fault: null,
          });
          assert.deepStrictEqual(yield* sequences, upTo(log.length));
        }).pipe(Effect.provide(server(counts({ throwsAt: () => throwsAt }))));
      }).pipe(Effect.provide(freshStore)),
  );

  it.live("of another version fills it in the background: it is served as it was until then", () =>
    Effect.gen(function* () {
      yield* tableOfBreaks;
      yield* store(log);
      yield* Effect.provide(catchUp, server(counts()));
      yield* Effect.gen(function* () {
        assert.deepInclude(yield* stateOf("counts"), { state: "filling" });
        assert.lengthOf(yield* sequences, log.length);
        const verified = yield* run({});
        assert.isFalse(verified.report.sound);
        assert.deepStrictEqual(verified.differences, []);
        yield* Effect.flatMap(Rebuild, ({ fill }) => fill);
        assert.deepInclude(yield* stateOf("counts"), { state: "live", lastAppliedSequence: log.length });
        assert.deepStrictEqual(yield* sequences, upTo(log.length, 2));
        assert.isTrue((yield* run({})).report.sound);
      }).pipe(Effect.provide(server(counts({ version: 2 }))));
    }).pipe(Effect.provide(freshStore)),
  );

  it.live("that is new fills it, also after a kill in the middle of it", () =>
    Effect.gen(function* () {
      yield* tableOfBreaks;
      yield* store(log);
      yield* Effect.provide(catchUp, server());
      yield* Effect.gen(function* () {
        const rebuild = yield* Rebuild;
        const filling = rebuild.run({ purpose: "rebuild", names: ["counts"], limit: 0, keep: true });
        yield* Stream.runDrain(
          Stream.takeUntil(filling, (item) => item.kind === "progress" && item.phase === "correcting"),
        );
        assert.deepInclude(yield* stateOf("counts"), { state: "filling" });
      }).pipe(Effect.provide(server(counts())));
      yield* Effect.gen(function* () {
        assert.deepInclude(yield* stateOf("counts"), { state: "filling" });
        const items = yield* Stream.runCollect(
          (yield* Rebuild).run({ purpose: "rebuild", names: ["counts"], limit: 0 }),
        );
        assert.strictEqual(said(items).report.resumedFrom, log.length);
        assert.isTrue(said(items).report.sound);
        assert.deepStrictEqual(yield* sequences, upTo(log.length));
        assert.deepInclude(yield* stateOf("counts"), { state: "live", lastAppliedSequence: log.length });
      }).pipe(Effect.provide(server(counts())));
    }).pipe(Effect.provide(freshStore)),
  );
});
