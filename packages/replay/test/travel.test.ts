import { assert, describe, it } from "@effect/vitest";
import type { EventEnvelope } from "@heddle/contracts/Events";
import { ThreadId } from "@heddle/contracts/Ids";
import type { ThreadSnapshot } from "@heddle/contracts/ReadModel";
import { play, randomSteps } from "@heddle/domain/testing/Steps";
import { ThreadMoments } from "@heddle/event-store/ThreadMoments";
import { commit, freshProjections, logOf, store } from "@heddle/projections/testing/support";
import { Queries } from "@heddle/projections/Queries";
import { Context, Effect, Layer } from "effect";
import { SqlClient } from "effect/sql";
import fc from "fast-check";
import { momentReader } from "../src/travel/Moments.ts";
import { threadAt } from "../src/travel/TravelThread.ts";
import { randomThread } from "./RandomThread.ts";

/** A database of its own, with moments. */
const database = Layer.fresh(ThreadMoments.layer.pipe(Layer.provideMerge(freshProjections)));

type Ask = (page: {
  readonly threadId: ThreadId;
  readonly limit: number;
  readonly before?: number;
}) => Effect.Effect<ThreadSnapshot, unknown>;

/** All pages of a thread, or the word for why there are none. */
const walk = (ask: Ask, threadId: ThreadId, limit: number) =>
  Effect.gen(function* () {
    const pages: Array<ThreadSnapshot> = [];
    let before: number | undefined;
    do {
      const page: ThreadSnapshot = yield* ask({ threadId, limit, ...(before !== undefined && { before }) });
      pages.push(page);
      before = page.olderCursor ?? undefined;
    } while (before !== undefined);
    return pages;
  }).pipe(Effect.catchIf(isNotFound, () => Effect.succeed("not found" as const)));

const isNotFound = (error: unknown): boolean =>
  typeof error === "object" && error !== null && "_tag" in error && error._tag === "NotFound";

/** Compares each page of a thread at some sequences with what a server that had only the events up to there would say. */
const compare = (
  log: ReadonlyArray<EventEnvelope>,
  sequences: ReadonlyArray<number>,
  limit: number,
  every: number,
) =>
  Effect.gen(function* () {
    const threads = new Set(
      log.flatMap(({ aggregateKind, streamId }) => (aggregateKind === "thread" ? [streamId] : [])),
    );
    const travelled = yield* Layer.build(database);
    const lived = yield* Layer.build(database);
    const sql = Context.get(travelled, SqlClient.SqlClient);
    const moments = Context.get(travelled, ThreadMoments);
    const queries = Context.get(lived, Queries);
    yield* Effect.provide(store(log), travelled);
    let at = 0;
    for (const sequence of sequences.toSorted((left, right) => left - right)) {
      yield* Effect.provide(commit(log.slice(at, sequence)), lived);
      at = sequence;
      for (const name of threads) {
        const threadId = ThreadId.make(name);
        const expected = yield* walk(queries.threadSnapshot, threadId, limit);
        const ask: Ask = (page) =>
          Effect.gen(function* () {
            const { snapshot, moments: made } = yield* threadAt(sql, { ...page, sequence }, every);
            yield* moments.put({ threadId, reader: momentReader(every), moments: made });
            return snapshot;
          });
        assert.deepStrictEqual(yield* walk(ask, threadId, limit), expected, `${name} at ${sequence}`);
      }
    }
  }).pipe(Effect.scoped);

const places = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 6 });
const limits = fc.integer({ min: 1, max: 9 });
const distances = fc.constantFrom(1, 3, 10, 40, 1000);

const property = (logs: fc.Arbitrary<ReadonlyArray<EventEnvelope>>, numRuns: number) =>
  Effect.promise(() =>
    fc.assert(
      fc.asyncProperty(logs, places, limits, distances, (log, shares, limit, every) => {
        const sequences = [...new Set(shares.map((share) => Math.ceil(share * (log.length - 1)) + 1))];
        return Effect.runPromise(compare(log, sequences, limit, every));
      }),
      { numRuns, endOnFailure: true },
    ),
  );

describe("a thread at a sequence", () => {
  it.live(
    "is what a server that had only the events up to there would have shown, page by page",
    () =>
      property(
        randomSteps(400).map((steps) => play(steps).log),
        30,
      ),
    120_000,
  );

  it.live(
    "is that, too, where messages go on late, turns are reverted, and requests stay open for long",
    () =>
      property(
        randomThread.map((events) => logOf(events)),
        80,
      ),
    120_000,
  );
});
