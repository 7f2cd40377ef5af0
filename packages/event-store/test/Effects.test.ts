import { assert, describe, it } from "@effect/vitest";
import { EventId } from "@heddle/contracts/Ids";
import { Clock, Effect } from "effect";
import { SqlClient } from "effect/sql";
import { TestClock } from "effect/testing";
import { Effects, type NewEffect } from "../src/Effects.ts";
import { freshStore } from "./support.ts";

const wanted = (kind: string, lane: string, dueAt = 0, more: Partial<NewEffect> = {}): NewEffect => ({
  eventSequence: 1,
  eventId: EventId.make("event-1"),
  correlationId: null,
  kind,
  lane,
  payload: { kind },
  dueAt,
  ...more,
});

const insert = (...effects: ReadonlyArray<NewEffect>) =>
  Effect.flatMap(Effects, (service) => service.insert(effects));

const claimAll = Effect.flatMap(Effects, (effects) =>
  effects.claim({ owner: "worker", leaseMillis: 60_000, limit: 100 }),
);
/** Kinds of what is claimed. */
const claim = Effect.map(claimAll, (claimed) => claimed.map((effect) => effect.kind));
const nextDue = Effect.flatMap(Effects, (effects) => effects.nextDue("worker"));

/** Claims one effect, which there is. */
const claimOne = Effect.flatMap(claimAll, ([first]) =>
  first ? Effect.succeed(first) : Effect.die("nothing to claim"),
);

interface StoredRow {
  readonly status: string;
  readonly attempts: number;
  readonly lease_owner: string | null;
  readonly lease_until: number | null;
  readonly outcome: string | null;
}
const stored = (kind: string) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient;
    const [row] = yield* sql<StoredRow>`
      SELECT status, attempts, lease_owner, lease_until, outcome FROM orchestration_effects WHERE kind = ${kind}`;
    return { ...row };
  });

describe("an effect", () => {
  it.effect("is claimed with all that was written of it", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(5000);
      const effect = wanted("a", "thread/t1", 5000, {
        eventSequence: 42,
        eventId: EventId.make("event-42"),
        correlationId: "command-1",
        payload: { threadId: "t1", list: [1, null, { deep: true }] },
      });
      yield* insert(effect);
      const claimed = yield* claimOne;
      assert.deepStrictEqual(claimed, {
        ...effect,
        effectId: claimed.effectId,
        owner: "worker",
        attempts: 1,
      });
      assert.deepStrictEqual(yield* stored("a"), {
        status: "claimed",
        attempts: 1,
        lease_owner: "worker",
        lease_until: 65_000,
        outcome: null,
      });
    }).pipe(Effect.provide(freshStore)),
  );

  it.effect("is claimed once", () =>
    Effect.gen(function* () {
      yield* insert(wanted("a", "one"));
      assert.deepStrictEqual(yield* claim, ["a"]);
      assert.deepStrictEqual(yield* claim, []);
    }).pipe(Effect.provide(freshStore)),
  );

  it.effect("is claimed by one of many who ask at once", () =>
    Effect.gen(function* () {
      yield* insert(wanted("a", "one"), wanted("b", "two"));
      const claims = yield* Effect.all(
        Array.from({ length: 10 }, () => claim),
        { concurrency: "unbounded" },
      );
      assert.deepStrictEqual(claims.flat().toSorted(), ["a", "b"]);
    }).pipe(Effect.provide(freshStore)),
  );

  it.effect("waits until it is due", () =>
    Effect.gen(function* () {
      yield* insert(wanted("later", "one", 1000));
      assert.deepStrictEqual(yield* claim, []);
      yield* TestClock.setTime(999);
      assert.deepStrictEqual(yield* claim, []);
      yield* TestClock.setTime(1000);
      assert.deepStrictEqual(yield* claim, ["later"]);
    }).pipe(Effect.provide(freshStore)),
  );

  it.effect("goes with its event: a transaction that fails leaves none", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient;
      yield* Effect.flip(sql.withTransaction(Effect.andThen(insert(wanted("a", "one")), Effect.fail("no"))));
      assert.deepStrictEqual(yield* claim, []);
    }).pipe(Effect.provide(freshStore)),
  );
});

describe("a lane", () => {
  it.effect("is worked through in order, one at a time", () =>
    Effect.gen(function* () {
      const effects = yield* Effects;
      yield* insert(wanted("a", "one"), wanted("b", "one"), wanted("c", "one"));
      const done: Array<string> = [];
      for (let left = 3; left > 0; left -= 1) {
        const claimed = yield* claimOne;
        assert.deepStrictEqual(yield* claim, [], "the lane is taken");
        yield* effects.complete(claimed, "ok");
        done.push(claimed.kind);
      }
      assert.deepStrictEqual(done, ["a", "b", "c"]);
      assert.deepStrictEqual(yield* claim, []);
    }).pipe(Effect.provide(freshStore)),
  );

  it.effect("does not wait for another", () =>
    Effect.gen(function* () {
      const effects = yield* Effects;
      yield* insert(
        wanted("a1", "a"),
        wanted("a2", "a"),
        wanted("b1", "b"),
        wanted("c1", "c", 1000),
        wanted("b2", "b"),
      );
      const first = yield* claimAll;
      assert.deepStrictEqual(
        first.map(({ kind }) => kind),
        ["a1", "b1"],
      );
      yield* effects.complete({ effectId: first[1]?.effectId ?? 0, owner: "worker" }, "ok");
      assert.deepStrictEqual(yield* claim, ["b2"]);
    }).pipe(Effect.provide(freshStore)),
  );

  it.effect("waits for its first even where a later one is due earlier", () =>
    Effect.gen(function* () {
      yield* insert(wanted("first", "one", 1000), wanted("second", "one", 0));
      assert.deepStrictEqual(yield* claim, []);
      yield* TestClock.setTime(1000);
      assert.deepStrictEqual(yield* claim, ["first"]);
    }).pipe(Effect.provide(freshStore)),
  );

  it.effect("gives the oldest first where only some can be claimed", () =>
    Effect.gen(function* () {
      const effects = yield* Effects;
      yield* insert(...["z", "y", "x", "w"].map((name) => wanted(name, name)));
      const two = yield* effects.claim({ owner: "worker", leaseMillis: 1, limit: 2 });
      assert.deepStrictEqual(
        two.map(({ kind }) => kind),
        ["z", "y"],
      );
      assert.deepStrictEqual(yield* claim, ["x", "w"]);
    }).pipe(Effect.provide(freshStore)),
  );
});

describe("an effect that was carried out", () => {
  it.effect("is done, and its row says how", () =>
    Effect.gen(function* () {
      const effects = yield* Effects;
      yield* insert(wanted("a", "one"));
      yield* effects.complete(yield* claimOne, "started");
      assert.deepStrictEqual(yield* stored("a"), {
        status: "done",
        attempts: 1,
        lease_owner: null,
        lease_until: null,
        outcome: "started",
      });
    }).pipe(Effect.provide(freshStore)),
  );

  it.effect(
    "and failed is tried again when it is due, before what stands behind it, with its attempts counted",
    () =>
      Effect.gen(function* () {
        const effects = yield* Effects;
        yield* insert(wanted("a", "one"), wanted("b", "one"));
        yield* effects.retry(yield* claimOne, 500, "refused");
        assert.deepInclude(yield* stored("a"), { status: "pending", outcome: "refused", lease_owner: null });
        assert.deepStrictEqual(yield* claim, []);
        yield* TestClock.setTime(500);
        const again = yield* claimOne;
        assert.deepInclude(again, { kind: "a", attempts: 2, dueAt: 500 });
      }).pipe(Effect.provide(freshStore)),
  );

  it.effect("and is given up stays as a row, and its lane goes on", () =>
    Effect.gen(function* () {
      const effects = yield* Effects;
      yield* insert(wanted("a", "one"), wanted("b", "one"));
      yield* effects.bury(yield* claimOne, "no such agent");
      assert.deepInclude(yield* stored("a"), { status: "dead", outcome: "no such agent", lease_owner: null });
      assert.deepStrictEqual(yield* claim, ["b"]);
    }).pipe(Effect.provide(freshStore)),
  );
});

describe("at a start", () => {
  it.effect(
    "what a dead process had claimed is open again, in its place in the lane, with its attempts counted",
    () =>
      Effect.gen(function* () {
        const effects = yield* Effects;
        yield* insert(wanted("a", "one"), wanted("b", "one"), wanted("done", "two"), wanted("dead", "three"));
        for (const claimed of yield* claimAll) {
          if (claimed.kind === "done") yield* effects.complete(claimed, "ok");
          if (claimed.kind === "dead") yield* effects.bury(claimed, "no");
        }
        yield* effects.releaseClaims;
        assert.deepInclude(yield* stored("a"), {
          status: "pending",
          attempts: 1,
          lease_owner: null,
          lease_until: null,
        });
        const reclaimed = yield* claimAll;
        assert.deepStrictEqual(
          reclaimed.map(({ kind, attempts }) => [kind, attempts]),
          [["a", 2]],
        );
      }).pipe(Effect.provide(freshStore)),
  );
});

describe("a lease", () => {
  const claimAs = (owner: string) =>
    Effect.flatMap(Effects, (effects) => effects.claim({ owner, leaseMillis: 1000, limit: 100 }));
  const kindsFor = (owner: string) =>
    Effect.map(claimAs(owner), (claimed) => claimed.map(({ kind }) => kind));

  it.effect("keeps others away until it expires, and then another takes the effect over", () =>
    Effect.gen(function* () {
      yield* insert(wanted("a", "one"), wanted("b", "one"));
      assert.deepStrictEqual(yield* kindsFor("first"), ["a"]);
      yield* TestClock.setTime(999);
      assert.deepStrictEqual(yield* kindsFor("second"), []);
      yield* TestClock.setTime(1000);
      const [taken] = yield* claimAs("second");
      assert.deepInclude(taken, { kind: "a", owner: "second", attempts: 2 });
      assert.deepInclude(yield* stored("a"), { lease_owner: "second", lease_until: 2000 });
    }).pipe(Effect.provide(freshStore)),
  );

  it.effect("is renewed for all that its owner has, and for nothing else", () =>
    Effect.gen(function* () {
      const effects = yield* Effects;
      yield* insert(wanted("a", "one"), wanted("waits", "one"), wanted("other", "two"));
      const other = (yield* claimAs("second")).find(({ kind }) => kind === "other");
      assert.isDefined(other);
      const [a] = yield* claimAs("first");
      assert.isUndefined(a, "both lanes are the second's");
      yield* TestClock.setTime(600);
      assert.deepStrictEqual(yield* effects.renew({ owner: "first", leaseMillis: 1000 }), new Set());
      const kept = yield* effects.renew({ owner: "second", leaseMillis: 1000 });
      assert.strictEqual(kept.size, 2);
      assert.isTrue(kept.has(other.effectId));
      assert.deepInclude(yield* stored("a"), { lease_until: 1600 });
      assert.deepInclude(yield* stored("waits"), { status: "pending", lease_until: null });
      yield* TestClock.setTime(1599);
      assert.deepStrictEqual(yield* kindsFor("first"), []);
    }).pipe(Effect.provide(freshStore)),
  );

  it.effect("that went to another is not settled by the one who had it", () =>
    Effect.gen(function* () {
      const effects = yield* Effects;
      yield* insert(wanted("a", "one"));
      const [had] = yield* claimAs("first");
      assert.isDefined(had);
      yield* TestClock.setTime(1000);
      yield* claimAs("second");
      yield* effects.complete(had, "too late");
      yield* effects.retry(had, 0, "too late");
      yield* effects.bury(had, "too late");
      assert.deepInclude(yield* stored("a"), { status: "claimed", lease_owner: "second", outcome: null });
    }).pipe(Effect.provide(freshStore)),
  );

  it.effect("that expired is not taken over by the one who has it: it carries the effect out still", () =>
    Effect.gen(function* () {
      const effects = yield* Effects;
      yield* insert(wanted("a", "one"));
      yield* claimAs("first");
      yield* TestClock.setTime(5000);
      assert.deepStrictEqual(yield* kindsFor("first"), []);
      assert.isNull(yield* effects.nextDue("first"));
      assert.strictEqual(yield* effects.nextDue("second"), 1000);
    }).pipe(Effect.provide(freshStore)),
  );
});

describe("after a claim of which it is not known whether it stood", () => {
  it.effect("effects are open again, but for those that are being carried out", () =>
    Effect.gen(function* () {
      const effects = yield* Effects;
      yield* insert(wanted("a", "one"), wanted("b", "two"));
      const claimed = yield* claimAll;
      const [a, b] = claimed;
      assert.isDefined(b);
      yield* effects.releaseLost("worker", a ? [a.effectId] : []);
      assert.deepInclude(yield* stored("a"), { status: "claimed" });
      assert.deepInclude(yield* stored("b"), { status: "pending", lease_owner: null });
      yield* effects.releaseLost("another", []);
      assert.deepInclude(yield* stored("a"), { status: "claimed" });
      yield* effects.releaseLost("worker", []);
      assert.deepInclude(yield* stored("a"), { status: "pending" });
    }).pipe(Effect.provide(freshStore)),
  );
});

describe("the next due time", () => {
  it.effect("is that of the first effect of a lane that is free, or null", () =>
    Effect.gen(function* () {
      const effects = yield* Effects;
      assert.isNull(yield* nextDue);
      yield* insert(wanted("a", "one", 300), wanted("behind", "one", 100), wanted("b", "two", 200));
      assert.strictEqual(yield* nextDue, 200);
      yield* TestClock.setTime(200);
      const b = yield* claimOne;
      assert.strictEqual(b.kind, "b");
      assert.strictEqual(yield* nextDue, 300);
      yield* TestClock.setTime(300);
      const a = yield* claimOne;
      assert.isNull(yield* nextDue, "both lanes are taken");
      yield* effects.complete(a, "ok");
      assert.strictEqual(yield* nextDue, 100, "overdue");
      yield* effects.complete(yield* claimOne, "ok");
      yield* effects.retry(b, (yield* Clock.currentTimeMillis) + 1000, "busy");
      assert.strictEqual(yield* nextDue, 1300);
    }).pipe(Effect.provide(freshStore)),
  );
});
