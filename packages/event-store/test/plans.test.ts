import { assert, describe, it, layer } from "@effect/vitest";
import { CommandId, EventId, ProviderSessionId, ThreadId } from "@heddle/contracts/Ids";
import { Effect } from "effect";
import { SqlClient } from "effect/sql";
import { DiffBlobs } from "../src/DiffBlobs.ts";
import { Effects } from "../src/Effects.ts";
import { EventStore } from "../src/EventStore.ts";
import { Receipts } from "../src/Receipts.ts";
import { SessionRuntime } from "../src/SessionRuntime.ts";
import { plansOf, scans } from "./Plans.ts";
import { freshDatabase, freshStore } from "./support.ts";

const ids = Array.from({ length: 300 }, (_, index) => CommandId.make(`c${index}`));
const claim = { effectId: 1, owner: "worker" };
const threadId = ThreadId.make("t1");

type Call = Effect.Effect<unknown, unknown, EventStore | Receipts | DiffBlobs | SessionRuntime | Effects>;

const READS: Readonly<Record<string, Call>> = {
  "EventStore.head": Effect.flatMap(EventStore, (store) => store.head),
  "EventStore.readAll": Effect.flatMap(EventStore, (store) =>
    store.readAll({ fromSequenceExclusive: 5, limit: 10 }),
  ),
  "EventStore.readStream": Effect.flatMap(EventStore, (store) =>
    store.readStream({ aggregateKind: "thread", streamId: "t1", fromVersionExclusive: 5, limit: 10 }),
  ),
  "EventStore.readById": Effect.flatMap(EventStore, (store) => store.readById(EventId.make("e1"))),
  "EventStore.streamVersionAt": Effect.flatMap(EventStore, (store) =>
    store.streamVersionAt("thread", "t1", 5),
  ),
  "Receipts.find": Effect.flatMap(Receipts, (receipts) => receipts.find(ids)),
  "DiffBlobs.find": Effect.flatMap(DiffBlobs, (blobs) =>
    blobs.find({ threadId, fromTurnCount: 0, toTurnCount: 1 }),
  ),
  "DiffBlobs.dropAfter": Effect.flatMap(DiffBlobs, (blobs) => blobs.dropAfter(threadId, 1)),
  "SessionRuntime.latest": Effect.flatMap(SessionRuntime, (runtime) => runtime.latest(threadId)),
  "SessionRuntime.alive": Effect.flatMap(SessionRuntime, (runtime) => runtime.alive),
  "SessionRuntime.setStatus": Effect.flatMap(SessionRuntime, (runtime) =>
    runtime.setStatus(ProviderSessionId.make("s1"), "stopped"),
  ),
  "SessionRuntime.setCursor": Effect.flatMap(SessionRuntime, (runtime) =>
    runtime.setCursor(ProviderSessionId.make("s1"), null),
  ),
  "Effects.complete": Effect.flatMap(Effects, (effects) => effects.complete(claim, "ok")),
  "Effects.retry": Effect.flatMap(Effects, (effects) => effects.retry(claim, 0, "busy")),
};

const EFFECTS: Readonly<Record<string, Call>> = {
  "Effects.claim": Effect.flatMap(Effects, (effects) =>
    effects.claim({ owner: "worker", leaseMillis: 1, limit: 64 }),
  ),
  "Effects.nextDue": Effect.flatMap(Effects, (effects) => effects.nextDue("worker")),
  "Effects.renew": Effect.flatMap(Effects, (effects) => effects.renew({ owner: "worker", leaseMillis: 1 })),
  "Effects.releaseClaims": Effect.flatMap(Effects, (effects) => effects.releaseClaims),
};

/** The index of what is open, which is short however many effects have been; and the rows that came of it. */
const OPEN_EFFECTS =
  /^SCAN (orchestration_effects USING (COVERING )?INDEX orchestration_effects_open|first)$/;

layer(freshStore)("no call walks a table, however full it is:", (it) => {
  it.effect.each(Object.entries(READS))("%s", ([, read]) =>
    Effect.gen(function* () {
      const plans = yield* plansOf(read);
      assert.isNotEmpty(plans);
      assert.deepStrictEqual(scans(plans), []);
    }),
  );

  it.effect.each(Object.entries(EFFECTS))("%s, which reads the index of open effects alone", ([, call]) =>
    Effect.gen(function* () {
      const plans = yield* plansOf(call);
      assert.isNotEmpty(plans);
      assert.deepStrictEqual(scans(plans, OPEN_EFFECTS), []);
      assert.include(plans.flatMap((plan) => plan.steps).join("\n"), "orchestration_effects_open");
    }),
  );
});

describe("this test sees a walk", () => {
  it.effect.each([
    "SELECT * FROM orchestration_events WHERE occurred_at > '2026'",
    "SELECT count(*) FROM orchestration_events",
    "SELECT * FROM orchestration_command_receipts WHERE error IS NOT NULL",
    "UPDATE orchestration_effects SET outcome = NULL WHERE kind = 'a'",
  ])("%s", (statement) =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient;
      assert.lengthOf(scans(yield* plansOf(sql.unsafe(statement)), OPEN_EFFECTS), 1);
    }).pipe(Effect.provide(freshDatabase)),
  );
});
