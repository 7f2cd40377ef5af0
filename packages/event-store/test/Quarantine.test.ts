import { assert, describe, it } from "@effect/vitest";
import { Effect } from "effect";
import { SqlClient } from "effect/sql";
import { EventStore } from "../src/EventStore.ts";
import { Quarantine, quarantiningReads } from "../src/Quarantine.ts";
import { append, archivedMany, freshStore } from "./support.ts";

const all = { fromSequenceExclusive: 0, limit: 1000 };

const breakEvents = (where: string) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) =>
    sql.unsafe(`UPDATE orchestration_events SET event_type = 'thread.teleported' WHERE ${where}`),
  );

const mendEvents = (where: string) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) =>
    sql.unsafe(`UPDATE orchestration_events SET event_type = 'thread.archived' WHERE ${where}`),
  );

describe("an event that cannot be read", () => {
  it.effect("is noted with the reason when a read leaves it out, once", () =>
    Effect.gen(function* () {
      const quarantine = yield* Quarantine;
      const reads = quarantiningReads(yield* EventStore, quarantine);
      yield* append(...archivedMany(5));
      yield* breakEvents("sequence IN (2, 4)");
      assert.strictEqual(yield* quarantine.count, 0);
      yield* reads.readAll(all);
      yield* reads.readProjected(all);
      yield* reads.readStream({ aggregateKind: "thread", streamId: "t1", fromVersionExclusive: 0, limit: 9 });
      assert.strictEqual(yield* quarantine.count, 2);
      const [first, ...others] = yield* quarantine.list({ fromSequenceExclusive: 0, limit: 10 });
      assert.deepInclude(first, {
        sequence: 2,
        aggregateKind: "thread",
        streamId: "t1",
        eventType: "thread.teleported",
        eventVersion: 1,
        reason: "this version of Heddle does not know its type",
      });
      assert.deepStrictEqual(
        others.map(({ sequence }) => sequence),
        [4],
      );
      assert.lengthOf(yield* quarantine.list({ fromSequenceExclusive: 2, limit: 10 }), 1);
    }).pipe(Effect.provide(freshStore)),
  );

  it.effect("is released once it can be read, with the first place that was left out", () =>
    Effect.gen(function* () {
      const quarantine = yield* Quarantine;
      yield* append(...archivedMany(500));
      yield* breakEvents("sequence > 10");
      yield* quarantiningReads(yield* EventStore, quarantine).readAll(all);
      assert.deepStrictEqual(yield* quarantine.release, new Map());
      yield* mendEvents("sequence > 250");
      assert.deepStrictEqual(yield* quarantine.release, new Map([["thread.archived", 251]]));
      assert.strictEqual(yield* quarantine.count, 240);
      assert.deepStrictEqual(yield* quarantine.release, new Map());
    }).pipe(Effect.provide(freshStore)),
  );
});
