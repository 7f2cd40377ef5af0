import { assert, describe, it } from "@effect/vitest";
import type { EventEnvelope } from "@heddle/contracts/Events";
import { ThreadId } from "@heddle/contracts/Ids";
import type { Thread } from "@heddle/contracts/ReadModel";
import type { ThreadChanges } from "@heddle/contracts/TravelRpc";
import { aThread, done, event, prompt, threadCreated } from "@heddle/domain/testing/support";
import { freshProjections, logOf, segment, store } from "@heddle/projections/testing/support";
import { Effect } from "effect";
import { SqlClient } from "effect/sql";
import fc from "fast-check";
import { threadChanges } from "../src/travel/Difference.ts";
import { threadAt } from "../src/travel/TravelThread.ts";
import { randomThread } from "./RandomThread.ts";

const threadId = ThreadId.make("t1");

/** The whole thread at a sequence, which fits into a page here. */
const whole = (sequence: number) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) => threadAt(sql, { threadId, sequence, limit: 1000 }, 1000)).pipe(
    Effect.map(({ snapshot }) => snapshot.thread),
  );

const between = (fromSequence: number, toSequence: number, limit = 1000, every = 7) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) =>
    threadChanges(sql, { threadId, fromSequence, toSequence, limit }, every),
  ).pipe(Effect.map(({ changes }) => changes));

type Kind = "messages" | "activities" | "turns" | "checkpoints" | "requests";

const KINDS: Readonly<Record<Kind, (thread: Thread) => ReadonlyMap<string, unknown>>> = {
  messages: ({ messages }) => new Map(messages.map((one) => [one.messageId, one])),
  activities: ({ activities }) => new Map(activities.map((one) => [one.activityId, one])),
  turns: ({ turns }) => new Map(turns.map((one) => [one.turnId, one])),
  checkpoints: ({ checkpoints }) => new Map(checkpoints.map((one) => [String(one.checkpointTurnCount), one])),
  requests: ({ pendingApprovals }) => new Map(pendingApprovals.map((one) => [one.requestId, one])),
};

/** Ids that came, changed and went. */
const idsIn = (changes: ThreadChanges, kind: Kind) => {
  const { added, changed, removed } = changes[kind];
  return {
    added: added.map((entry) => JSON.stringify(entry)).toSorted(),
    changed: changed.map(({ id }) => id).toSorted(),
    removed: removed.toSorted(),
  };
};

const expected = (before: ReadonlyMap<string, unknown>, after: ReadonlyMap<string, unknown>) => ({
  added: [...after].flatMap(([id, entry]) => (before.has(id) ? [] : [JSON.stringify(entry)])).toSorted(),
  changed: [...before]
    .flatMap(([id, entry]) =>
      after.has(id) && JSON.stringify(after.get(id)) !== JSON.stringify(entry) ? [id] : [],
    )
    .toSorted(),
  removed: [...before.keys()].filter((id) => !after.has(id)).toSorted(),
});

const law = (log: ReadonlyArray<EventEnvelope>, shares: readonly [number, number], every: number) =>
  Effect.gen(function* () {
    yield* store(log);
    const [from = 1, to = 1] = shares
      .map((share) => Math.ceil(share * (log.length - 1)) + 1)
      .toSorted((left, right) => left - right);
    const [before, after] = [yield* whole(from), yield* whole(to)];
    const changes = yield* between(from, to, 1000, every);
    assert.deepInclude(changes, { fromSequence: from, toSequence: to, cutAt: null, moreRemoved: false });
    for (const kind of ["messages", "activities", "requests"] as const) {
      const [left, right] = [KINDS[kind](before), KINDS[kind](after)];
      assert.deepStrictEqual(idsIn(changes, kind), expected(left, right), `${kind}, ${from} to ${to}`);
    }
    // A page leaves out turns that nothing is said or done in.
    for (const kind of ["turns", "checkpoints"] as const) {
      const [left, right] = [KINDS[kind](before), KINDS[kind](after)];
      const { changed } = expected(left, right);
      const found = idsIn(changes, kind);
      assert.includeMembers(found.changed, changed, `${kind}, ${from} to ${to}`);
      for (const id of found.removed) assert.isFalse(right.has(id), `${id} was removed`);
    }
    for (const field of ["title", "branch", "latestTurnId"] as const) {
      assert.strictEqual(
        changes.thread.some((change) => change.field === field),
        before[field] !== after[field],
        field,
      );
    }
  }).pipe(Effect.provide(freshProjections));

describe("the difference between two moments of a thread", () => {
  it.live(
    "names what came, changed and went, and nothing else",
    () =>
      Effect.promise(() =>
        fc.assert(
          fc.asyncProperty(
            randomThread.map((events) => logOf(events)),
            fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true })),
            fc.constantFrom(2, 9, 1000),
            (log, shares, every) => Effect.runPromise(law(log, shares, every)),
          ),
          { numRuns: 80, endOnFailure: true },
        ),
      ),
    120_000,
  );

  it.live("tells of a text that went on what was added, and of other fields both values", () =>
    Effect.gen(function* () {
      yield* store(
        logOf(
          aThread,
          done("m1", 1),
          segment("One", 0, true),
          segment(", two", 3, false),
          event("thread.meta-updated", { threadId: "t1", title: "New" }),
        ),
      );
      const head = 2 + done("m1", 1).length + 3;
      const changes = yield* between(head - 2, head);
      const [message] = changes.messages.changed;
      assert.strictEqual(message?.id, "reply-to-m1");
      assert.deepInclude(message?.changes ?? [], { field: "text", appended: ", two" });
      assert.deepInclude(message?.changes ?? [], { field: "isStreaming", before: true, after: false });
      assert.deepInclude(
        changes.thread.find(({ field }) => field === "title"),
        { after: "New" },
      );
    }).pipe(Effect.provide(freshProjections)),
  );

  it.live("from before its beginning is all that there is", () =>
    Effect.gen(function* () {
      yield* store(logOf(aThread, prompt("m1")));
      const changes = yield* between(0, 3);
      assert.deepInclude(changes.thread, { field: "threadId", before: null, after: "t1" });
      assert.lengthOf(changes.messages.added, 1);
      const missing = yield* Effect.flip(between(0, 1));
      assert.strictEqual(missing._tag, "NotFound");
    }).pipe(Effect.provide(freshProjections)),
  );

  it.live("ends where there is too much to tell, and says where; from there the rest is told", () =>
    Effect.gen(function* () {
      const prompts = Array.from({ length: 10 }, (_, index) => prompt(`m${index}`));
      yield* store(logOf(threadCreated("t1"), prompts));
      const first = yield* between(1, 11, 4);
      assert.strictEqual(first.messages.added.length, 4);
      assert.strictEqual(first.cutAt, 5);
      const rest = yield* between(first.cutAt ?? 0, 11, 100);
      assert.strictEqual(rest.messages.added.length, 6);
      assert.isNull(rest.cutAt);
    }).pipe(Effect.provide(freshProjections)),
  );
});
