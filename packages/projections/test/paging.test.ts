import { assert, describe, it } from "@effect/vitest";
import {
  approvalRequested,
  aThread,
  done,
  event,
  NOW,
  running,
  threadCreated,
  turnOf,
} from "@heddle/domain/testing/support";
import type { NewEvent } from "@heddle/contracts/Events";
import { ThreadId } from "@heddle/contracts/Ids";
import type { ThreadSnapshot } from "@heddle/contracts/ReadModel";
import { Effect } from "effect";
import fc from "fast-check";
import { Queries } from "../src/Queries.ts";
import { commit, freshProjections, logOf } from "./support.ts";

const MIB = 1_048_576;
const t1 = ThreadId.make("t1");

const message = (name: string, text: string, threadId = "t1", attachment = ""): NewEvent =>
  event("thread.message-sent", {
    threadId,
    messageId: name,
    turnId: null,
    role: "user",
    text,
    offset: 0,
    streaming: false,
    attachments: attachment === "" ? [] : [{ name: "a", mimeType: "text/plain", data: attachment }],
    createdAt: NOW,
  });

const activity = (name: string, text: string, threadId = "t1"): NewEvent =>
  event("thread.activity-appended", {
    threadId,
    turnId: null,
    tone: "tool",
    kind: "tool.completed",
    summary: name,
    detail: { text },
    createdAt: NOW,
  });

const entriesOf = ({ thread }: ThreadSnapshot) =>
  [
    ...thread.messages.map(({ sequence, text, attachments }) => ({
      sequence,
      size: Buffer.byteLength(text) + Buffer.byteLength(JSON.stringify(attachments)),
    })),
    ...thread.activities.map(({ sequence, payload }) => ({
      sequence,
      size: Buffer.byteLength(JSON.stringify(payload)),
    })),
  ].toSorted((left, right) => left.sequence - right.sequence);

/** All pages, from the newest to the oldest. */
const walk = (limit: number) =>
  Effect.gen(function* () {
    const queries = yield* Queries;
    const pages: Array<ThreadSnapshot> = [];
    let before: number | undefined;
    do {
      const page = yield* queries.threadSnapshot({
        threadId: t1,
        limit,
        ...(before !== undefined && { before }),
      });
      pages.push(page);
      before = page.olderCursor ?? undefined;
    } while (before !== undefined);
    return pages;
  });

const sequences = (page: ThreadSnapshot) => entriesOf(page).map(({ sequence }) => sequence);

describe("pages of a thread", () => {
  it.effect("begin with the newest, and each cursor leads to the one before", () =>
    Effect.gen(function* () {
      yield* commit(logOf(aThread, ...["a", "b", "c", "d", "e"].map((name) => message(name, name))));
      const pages = yield* walk(2);
      assert.deepStrictEqual(pages.map(sequences), [[6, 7], [4, 5], [3]]);
      assert.deepStrictEqual(
        pages.map(({ olderCursor }) => olderCursor),
        [6, 4, null],
      );
    }).pipe(Effect.provide(freshProjections)),
  );

  it.effect("end where nothing is older: a full last page has no cursor", () =>
    Effect.gen(function* () {
      yield* commit(logOf(aThread, ...["a", "b", "c", "d"].map((name) => message(name, name))));
      assert.deepStrictEqual((yield* walk(2)).map(sequences), [
        [5, 6],
        [3, 4],
      ]);
    }).pipe(Effect.provide(freshProjections)),
  );

  it.effect("of an empty thread are one", () =>
    Effect.gen(function* () {
      yield* commit(logOf(aThread));
      const [page, ...others] = yield* walk(10);
      assert.deepInclude({ ...page?.thread }, { messages: [], activities: [], turns: [], checkpoints: [] });
      assert.isEmpty(others);
    }).pipe(Effect.provide(freshProjections)),
  );

  it.live("hold every message and activity once, in order, whatever their sizes and the limit", () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(
          fc.array(
            fc.record({
              kind: fc.constantFrom("message", "activity", "elsewhere"),
              size: fc.oneof(
                { weight: 5, arbitrary: fc.nat(50) },
                { weight: 1, arbitrary: fc.integer({ min: 100_000, max: 600_000 }) },
              ),
            }),
            { maxLength: 30 },
          ),
          fc.integer({ min: 1, max: 12 }),
          (entries, limit) =>
            Effect.gen(function* () {
              const events = entries.map(({ kind, size }, index) => {
                const name = `entry-${index}`;
                const text = "x".repeat(size);
                if (kind === "message") return message(name, text);
                return activity(name, text, kind === "activity" ? "t1" : "t2");
              });
              yield* commit(logOf(aThread, threadCreated("t2"), events));
              const pages = yield* walk(limit);
              const expected = entries.flatMap(({ kind }, index) =>
                kind === "elsewhere" ? [] : [index + 4],
              );
              assert.deepStrictEqual(pages.toReversed().flatMap(sequences), expected);
              for (const page of pages) assert.isAtMost(entriesOf(page).length, limit);
            }).pipe(Effect.provide(freshProjections), Effect.runPromise),
        ),
        { numRuns: 40 },
      ),
    ),
  );
});

describe("a page", () => {
  it.effect("ends at about 1 MiB", () =>
    Effect.gen(function* () {
      yield* commit(
        logOf(aThread, ...["a", "b", "c", "d", "e"].map((name) => message(name, "x".repeat(400_000)))),
      );
      const pages = yield* walk(100);
      assert.deepStrictEqual(pages.map(sequences), [[6, 7], [4, 5], [3]]);
    }).pipe(Effect.provide(freshProjections)),
  );

  it.effect("has one entry at least, be it larger than a page", () =>
    Effect.gen(function* () {
      yield* commit(
        logOf(aThread, message("a", "small"), activity("b", "x".repeat(2 * MIB)), message("c", "small")),
      );
      assert.deepStrictEqual((yield* walk(100)).map(sequences), [[5], [4], [3]]);
    }).pipe(Effect.provide(freshProjections)),
  );

  it.effect("counts bytes, not characters", () =>
    Effect.gen(function* () {
      // 1.2 MB in UTF-8 together, 400,000 characters.
      yield* commit(logOf(aThread, message("a", "編".repeat(200_000)), message("b", "織".repeat(200_000))));
      assert.deepStrictEqual((yield* walk(100)).map(sequences), [[4], [3]]);
    }).pipe(Effect.provide(freshProjections)),
  );

  it.effect("counts what is attached, and what stands behind a NUL", () =>
    Effect.gen(function* () {
      yield* commit(
        logOf(
          aThread,
          message("a", "see", "t1", "AAAA".repeat(200_000)),
          message("b", "see", "t1", "AAAA".repeat(200_000)),
          message("c", `\0${"x".repeat(800_000)}`),
        ),
      );
      assert.deepStrictEqual((yield* walk(100)).map(sequences), [[5], [4], [3]]);
    }).pipe(Effect.provide(freshProjections)),
  );

  it.effect("counts what is asked, and the files that its turns changed", () =>
    Effect.gen(function* () {
      const files = Array.from({ length: 1000 }, (_, index) => ({
        path: `${index}`.padStart(500, "x"),
        kind: "added" as const,
        additions: 1,
        deletions: 0,
      }));
      const changed = (messageId: string, turnCount: number): ReadonlyArray<NewEvent> =>
        done(messageId, turnCount).map((each) =>
          each.eventType === "thread.turn-diff-completed"
            ? { ...each, payload: { ...each.payload, files } }
            : each,
        );
      const asks = (requestId: string) =>
        event("thread.approval-requested", {
          threadId: "t1",
          turnId: null,
          requestId,
          kind: "execute",
          title: "Run",
          detail: { input: "x".repeat(400_000) },
          createdAt: NOW,
        });
      yield* commit(
        logOf(aThread, changed("m1", 1), changed("m2", 2), asks("a"), message("x", ""), asks("b"), asks("c")),
      );
      const pages = yield* walk(100);
      assert.deepStrictEqual(
        pages.map(({ thread }) => thread.messages.map(({ messageId }) => String(messageId))),
        [["x"], ["m2"], ["m1"]],
      );
      assert.lengthOf(pages[1]?.thread.checkpoints ?? [], 1);
      for (const { thread } of pages.slice(1)) assert.isBelow(JSON.stringify(thread).length, 2 * MIB);
    }).pipe(Effect.provide(freshProjections)),
  );

  it.effect("has the turns and checkpoints of its entries; the newest has the latest turn as well", () =>
    Effect.gen(function* () {
      yield* commit(
        logOf(aThread, done("m1", 1), done("m2", 2), running("m3", 3), message("x", ""), message("y", "")),
      );
      const pages = yield* walk(2);
      const shown = pages.map(({ thread }) => ({
        messages: thread.messages.map(({ messageId }) => String(messageId)),
        turns: thread.turns.map(({ turnId }) => turnId),
        checkpoints: thread.checkpoints.map(({ turnId }) => turnId),
      }));
      assert.deepStrictEqual(shown, [
        { messages: ["x", "y"], turns: [turnOf("m3")], checkpoints: [] },
        { messages: ["m2", "m3"], turns: [turnOf("m2"), turnOf("m3")], checkpoints: [turnOf("m2")] },
        { messages: ["m1"], turns: [turnOf("m1")], checkpoints: [turnOf("m1")] },
      ]);
    }).pipe(Effect.provide(freshProjections)),
  );

  it.effect("has what waits for an answer, if it is the newest, however long ago it was asked", () =>
    Effect.gen(function* () {
      yield* commit(
        logOf(
          aThread,
          approvalRequested("old"),
          message("a", ""),
          message("b", ""),
          approvalRequested("new"),
          message("c", ""),
        ),
      );
      const pages = yield* walk(1);
      assert.deepStrictEqual(
        pages.map(({ thread }) => thread.pendingApprovals.map(({ requestId }) => String(requestId))),
        [["old", "new"], ["new"], ["old"]],
      );
    }).pipe(Effect.provide(freshProjections)),
  );
});
