import { assert, describe, it } from "@effect/vitest";
import type { ThreadId } from "@heddle/contracts/Ids";
import { ShellSnapshot } from "@heddle/contracts/ReadModel";
import {
  approvalRequested,
  projectCreated,
  running,
  threadCreated,
  threadDeleted,
} from "@heddle/domain/testing/support";
import { Effect, Schema } from "effect";
import { Queries } from "../src/Queries.ts";
import { commit, freshProjections, logOf } from "./support.ts";

const log = logOf(
  projectCreated("p1"),
  ...["t5", "t1", "t4", "t2", "t3", "t6"].map((threadId) => threadCreated(threadId)),
  running("m1", 1),
  approvalRequested("r1"),
  threadDeleted("t4"),
);

/** All pages, from the first to the last. */
const walk = (limit: number) =>
  Effect.gen(function* () {
    const queries = yield* Queries;
    const pages: Array<ShellSnapshot> = [];
    let after: ThreadId | null | undefined;
    while (after !== null) {
      const page: ShellSnapshot = yield* queries.shellSnapshot({
        limit,
        ...(after !== undefined && { after }),
      });
      pages.push(page);
      after = page.nextCursor;
    }
    return pages;
  });

const namesIn = ({ threads }: ShellSnapshot): ReadonlyArray<string> =>
  threads.map(({ threadId }) => threadId);

describe("pages of the list of threads", () => {
  it.effect.each([1, 2, 3, 4, 5, 6])(
    "of %i hold each thread that is not deleted once, in the order of their ids, as the whole list does",
    (limit) =>
      Effect.gen(function* () {
        yield* commit(log);
        const pages = yield* walk(limit);
        const whole = yield* (yield* Queries).shellSnapshot({});
        assert.deepStrictEqual<unknown>(
          pages.flatMap(({ threads }) => threads),
          whole.threads,
        );
        assert.deepStrictEqual(namesIn(whole), ["t1", "t2", "t3", "t5", "t6"]);
        assert.strictEqual(whole.nextCursor, null);
        assert.strictEqual(whole.threads[0]?.session?.status, "running");
        assert.strictEqual(whole.threads[0]?.pendingApprovals.length, 1);
        assert.strictEqual(pages.length, Math.ceil(5 / limit));
        for (const page of pages) {
          assert.deepStrictEqual(page.projects, whole.projects);
          assert.strictEqual(page.snapshotSequence, log.length);
          yield* Schema.encodeEffect(ShellSnapshot)(page);
        }
      }).pipe(Effect.provide(freshProjections)),
  );

  it.effect("keep their place while threads come and go", () =>
    Effect.gen(function* () {
      const queries = yield* Queries;
      const after = log.length;
      const later = logOf(...log, threadDeleted("t2"), threadCreated("t0"), threadCreated("t25")).slice(
        after,
      );
      yield* commit(log);
      const first = yield* queries.shellSnapshot({ limit: 2 });
      assert.deepStrictEqual(namesIn(first), ["t1", "t2"]);
      yield* commit(later);
      const next = yield* queries.shellSnapshot({
        limit: 2,
        ...(first.nextCursor && { after: first.nextCursor }),
      });
      assert.deepStrictEqual(namesIn(next), ["t25", "t3"]);
    }).pipe(Effect.provide(freshProjections)),
  );

  it.effect("of a list without threads hold none, and no cursor", () =>
    Effect.gen(function* () {
      const { threads, nextCursor } = yield* (yield* Queries).shellSnapshot({ limit: 2 });
      assert.deepStrictEqual({ threads, nextCursor }, { threads: [], nextCursor: null });
    }).pipe(Effect.provide(freshProjections)),
  );
});
