import { join } from "node:path";
import { assert, describe, it } from "@effect/vitest";
import { EventId } from "@heddle/contracts/Ids";
import { Effects } from "@heddle/event-store/Effects";
import { migrate } from "@heddle/event-store/Migrations";
import { writerLayer } from "@heddle/event-store/SqliteDatabase";
import { Context, Deferred, Effect, Exit, Layer, Scope } from "effect";
import { SqlClient } from "effect/sql";
import { TestClock } from "effect/testing";
import { EffectSignal } from "../src/EffectSignal.ts";
import { EffectWorker, LEASE_MILLIS } from "../src/EffectWorker.ts";
import { Engine } from "../src/Engine.ts";
import { Reactions } from "../src/Reactions.ts";
import { atRest, eventually, pass } from "./agents.ts";
import { temporaryFolder } from "./support.ts";

/** Who has carried out what, and what became of it. */
interface Work {
  readonly worker: string;
  readonly done: Deferred.Deferred<string>;
  interrupted: boolean;
}

interface Worker {
  readonly wake: Effect.Effect<void>;
  readonly insert: (kind: string) => Effect.Effect<void, unknown>;
  readonly stored: (
    kind: string,
  ) => Effect.Effect<{ status: string; outcome: string | null } | undefined, unknown>;
  readonly dies: Effect.Effect<void>;
}

/** A worker of a process of its own: nothing is shared but the file. */
const startWorker = Effect.fnUntraced(function* (
  file: string,
  name: string,
  log: Array<Work>,
  renews: () => boolean = () => true,
) {
  const scope = yield* Scope.fork(yield* Effect.scope);
  const reactions = Layer.succeed(Reactions, {
    run: () =>
      Effect.gen(function* () {
        const work: Work = { worker: name, done: yield* Deferred.make<string>(), interrupted: false };
        log.push(work);
        return yield* Deferred.await(work.done).pipe(
          Effect.onInterrupt(() =>
            Effect.sync(() => {
              work.interrupted = true;
            }),
          ),
        );
      }),
    abandon: () => Effect.void,
  });
  const engine = Layer.mock(Engine, { submit: () => {}, forgetThread: () => {}, failure: () => null });
  const effects = Layer.effect(
    Effects,
    Effect.map(Effects, (real) => ({
      ...real,
      // A process that is suspended does not renew.
      renew: (request: Parameters<typeof real.renew>[0]) =>
        Effect.suspend(() => (renews() ? real.renew(request) : Effect.never)),
    })),
  ).pipe(Layer.provide(Effects.layer));
  const built = yield* Layer.buildWithMemoMap(
    EffectWorker.layer.pipe(
      Layer.provide(Layer.merge(reactions, engine)),
      Layer.provideMerge(Layer.merge(effects, EffectSignal.layer)),
      Layer.provideMerge(writerLayer(file)),
    ),
    Layer.makeMemoMapUnsafe(),
    scope,
  );
  const sql = Context.get(built, SqlClient.SqlClient);
  const signal = Context.get(built, EffectSignal);
  return {
    wake: Effect.andThen(Effect.sync(signal.notify), atRest),
    insert: (kind) =>
      Context.get(built, Effects).insert([
        {
          eventSequence: 1,
          eventId: EventId.make("event-1"),
          correlationId: null,
          kind,
          lane: kind,
          payload: {},
          dueAt: 0,
        },
      ]),
    stored: (kind) =>
      Effect.map(
        sql<{ status: string; outcome: string | null }>`
          SELECT status, outcome FROM orchestration_effects WHERE kind = ${kind}`,
        ([row]) => (row ? { ...row } : undefined),
      ),
    dies: Scope.close(scope, Exit.void),
  } satisfies Worker;
});

const freshFile = Effect.gen(function* () {
  const file = join(yield* temporaryFolder, "heddle.db");
  yield* Effect.scoped(
    Effect.flatMap(
      Layer.buildWithMemoMap(writerLayer(file), Layer.makeMemoMapUnsafe(), yield* Effect.scope),
      (sql) => Effect.provide(migrate(), sql),
    ),
  );
  return file;
});

const workers = (log: ReadonlyArray<Work>) => log.map(({ worker }) => worker);
const settle = (work: Work | undefined, outcome: string) =>
  work ? Deferred.succeed(work.done, outcome) : Effect.die("There is no such work.");

describe("two workers on one database", () => {
  it.effect("never carry out the same effect while its lease is held, however long it takes", () =>
    Effect.gen(function* () {
      const file = yield* freshFile;
      const log: Array<Work> = [];
      const first = yield* startWorker(file, "first", log);
      const second = yield* startWorker(file, "second", log);
      yield* first.insert("a");
      yield* first.wake;
      yield* eventually(Effect.sync(() => log.length === 1));
      for (let minute = 0; minute < 5; minute += 1) {
        yield* pass(60_000, 10_000);
        yield* second.wake;
        yield* first.wake;
      }
      assert.deepStrictEqual(workers(log), ["first"]);
      yield* settle(log[0], "carried out");
      yield* eventually(Effect.map(first.stored("a"), (row) => row?.status === "done"));
      yield* second.wake;
      assert.deepStrictEqual(workers(log), ["first"]);
    }).pipe(Effect.scoped),
  );

  it.effect("share the work: each takes what is free", () =>
    Effect.gen(function* () {
      const file = yield* freshFile;
      const log: Array<Work> = [];
      const first = yield* startWorker(file, "first", log);
      const second = yield* startWorker(file, "second", log);
      yield* first.insert("a");
      yield* first.wake;
      yield* second.insert("b");
      yield* second.wake;
      assert.deepStrictEqual(workers(log), ["first", "second"]);
    }).pipe(Effect.scoped),
  );

  it.effect("take over from each other: what a dead one had is carried out when its lease has expired", () =>
    Effect.gen(function* () {
      const file = yield* freshFile;
      const log: Array<Work> = [];
      const first = yield* startWorker(file, "first", log);
      const second = yield* startWorker(file, "second", log);
      yield* first.insert("a");
      yield* first.wake;
      yield* first.dies;
      // It waits for nothing but time.
      yield* second.wake;
      yield* TestClock.adjust(LEASE_MILLIS - 1);
      yield* atRest;
      assert.deepStrictEqual(workers(log), ["first"]);
      yield* TestClock.adjust(1);
      yield* eventually(Effect.sync(() => log.length === 2));
      assert.deepStrictEqual(workers(log), ["first", "second"]);
      yield* settle(log[1], "carried out");
      yield* eventually(Effect.map(second.stored("a"), (row) => row?.status === "done"));
    }).pipe(Effect.scoped),
  );

  it.effect(
    "settle only what is theirs: one whose lease went to the other is cut short, and says nothing",
    () =>
      Effect.gen(function* () {
        const file = yield* freshFile;
        const log: Array<Work> = [];
        let suspended = true;
        const first = yield* startWorker(file, "first", log, () => !suspended);
        const second = yield* startWorker(file, "second", log);
        yield* first.insert("slow");
        yield* first.insert("quick");
        yield* first.wake;
        yield* eventually(Effect.sync(() => log.length === 2));
        yield* second.wake;
        yield* TestClock.adjust(LEASE_MILLIS);
        yield* eventually(Effect.sync(() => log.length === 4));
        assert.deepStrictEqual(workers(log), ["first", "first", "second", "second"]);
        // The first wakes up: one of its works ends by itself, and of the other it hears that it is not its own any more.
        yield* settle(log[1], "too late");
        yield* atRest;
        assert.deepStrictEqual(yield* first.stored("quick"), { status: "claimed", outcome: null });
        suspended = false;
        yield* settle(log[3], "in time");
        yield* settle(log[2], "in time");
        yield* eventually(Effect.map(second.stored("quick"), (row) => row?.outcome === "in time"));
        yield* eventually(Effect.map(second.stored("slow"), (row) => row?.outcome === "in time"));
      }).pipe(Effect.scoped),
  );

  it.effect("notice that a lease is lost, and leave the effect to the one who has it", () =>
    Effect.gen(function* () {
      const file = yield* freshFile;
      const log: Array<Work> = [];
      const first = yield* startWorker(file, "first", log);
      yield* first.insert("a");
      yield* first.wake;
      // It starts as the only server does, and takes what it finds for left behind.
      const second = yield* startWorker(file, "second", log);
      yield* second.wake;
      yield* eventually(Effect.sync(() => log.length === 2));
      yield* pass(LEASE_MILLIS / 2, 5000);
      assert.isTrue(log[0]?.interrupted);
      assert.isFalse(log[1]?.interrupted);
    }).pipe(Effect.scoped),
  );
});
