import { join } from "node:path";
import { assert, describe, it } from "@effect/vitest";
import { EventStore } from "@heddle/event-store/EventStore";
import { writerLayer } from "@heddle/event-store/SqliteDatabase";
import type { Projector } from "@heddle/projections/Projector";
import { PROJECTORS } from "@heddle/projections/Projectors";
import { Queries } from "@heddle/projections/Queries";
import { Runner } from "@heddle/projections/Runner";
import { breaksAt, tableOfBreaks } from "@heddle/projections/testing/Breaking";
import { rowsOf } from "@heddle/projections/testing/support";
import { Effect, Layer } from "effect";
import { engineLayer } from "../src/EngineLayer.ts";
import { createProject, createThread, send, startTurn, temporaryFolder } from "./support.ts";

/** A database in which the table of the projector that breaks is there already. */
const database = Effect.gen(function* () {
  const file = join(yield* temporaryFolder, "heddle.db");
  yield* Effect.provide(tableOfBreaks, Layer.fresh(writerLayer(file)));
  /** Runs a server with the projectors of the server and one more. */
  return (projector: Projector) => Layer.fresh(engineLayer(file, [...PROJECTORS, projector]));
});

const statusOfBreaks = Effect.gen(function* () {
  const runner = yield* Runner;
  return (yield* runner.status).find((status) => status.projector === "breaks");
});

describe("a projector that breaks", () => {
  it.live("is marked at its sequence, while commands and all other projectors go on", () =>
    Effect.gen(function* () {
      const server = yield* database;
      yield* Effect.gen(function* () {
        const queries = yield* Queries;
        yield* send(createProject("p1"));
        yield* send(createThread("t1"));
        // The third event breaks it, in the middle of a group; its neighbours do not feel it.
        const answers = yield* Effect.all(
          [send(startTurn("t1", "m1")), send(createThread("t2")), send(createProject("p2"))],
          { concurrency: "unbounded" },
        );
        assert.deepStrictEqual(
          answers.map(({ sequence }) => sequence),
          [4, 5, 6],
        );
        yield* send(startTurn("t2", "m2"));
        const snapshot = yield* queries.snapshot;
        assert.deepStrictEqual(
          snapshot.threads.map(({ messages }) => messages.map(({ messageId }) => String(messageId))),
          [["m1"], ["m2"]],
        );
        assert.strictEqual(snapshot.snapshotSequence, 2, "the snapshot says that something in it is behind");
        const status = yield* statusOfBreaks;
        assert.strictEqual(status?.lastAppliedSequence, 2);
        assert.match(status?.fault ?? "", /breaks failed at sequence 3: a bug/);
        assert.lengthOf(yield* rowsOf("breaks"), 2);
      }).pipe(Effect.provide(server(breaksAt(3))));
    }).pipe(Effect.scoped),
  );

  it.live("is tried again at the next start, which serves whether or not it is mended", () =>
    Effect.gen(function* () {
      const server = yield* database;
      yield* Effect.gen(function* () {
        yield* send(createProject("p1"));
        yield* send(createThread("t1"));
        yield* send(startTurn("t1", "m1"));
      }).pipe(Effect.provide(server(breaksAt(3))));

      yield* Effect.gen(function* () {
        assert.isNotNull((yield* statusOfBreaks)?.fault);
        yield* send(createThread("t2"));
      }).pipe(Effect.provide(server(breaksAt(3))));

      yield* Effect.gen(function* () {
        const queries = yield* Queries;
        assert.deepInclude({ ...(yield* statusOfBreaks) }, { lastAppliedSequence: 5, fault: null });
        assert.lengthOf(yield* rowsOf("breaks"), 5);
        assert.strictEqual((yield* queries.snapshot).snapshotSequence, 5);
        const { sequence } = yield* send(createThread("t3"));
        assert.strictEqual((yield* queries.snapshot).snapshotSequence, sequence);
      }).pipe(Effect.provide(server(breaksAt(-1))));
    }).pipe(Effect.scoped),
  );

  it.live("leaves no trace in the log: a command that it broke on is there once, with its receipt", () =>
    Effect.gen(function* () {
      const server = yield* database;
      yield* Effect.gen(function* () {
        const first = yield* send(createProject("p1"));
        assert.deepStrictEqual(yield* send(createProject("p1")), first);
        const store = yield* EventStore;
        assert.strictEqual(yield* store.head, 1);
        assert.isNotNull((yield* statusOfBreaks)?.fault);
      }).pipe(Effect.provide(server(breaksAt(1))));
    }).pipe(Effect.scoped),
  );
});
