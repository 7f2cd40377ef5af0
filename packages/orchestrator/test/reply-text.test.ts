import { assert, describe, it } from "@effect/vitest";
import { MessageId, ThreadId } from "@heddle/contracts/Ids";
import { Effect, Semaphore } from "effect";
import { TestClock } from "effect/testing";
import fc from "fast-check";
import { Feed } from "../src/Feed.ts";
import { makeReplyText, type Segment } from "../src/ReplyText.ts";

/** The words of a session, with what it stores. */
const replyText = Effect.gen(function* () {
  const stored: Array<Segment> = [];
  const step = yield* Semaphore.make(1);
  const reply = makeReplyText<never>({
    threadId: ThreadId.make("t1"),
    feed: yield* Feed,
    scope: yield* Effect.scope,
    messageIdOf: (itemId, part) => MessageId.make(`${itemId}/${part}`),
    store: (segment) => Effect.sync(() => stored.push(segment)),
    exclusively: step.withPermits(1),
  });
  return { reply, stored };
});

/** Each message's text from its segments; fails where a segment leaves a gap or goes back. */
const joined = (segments: ReadonlyArray<Segment>): Record<string, string> => {
  const texts: Record<string, string> = {};
  for (const { messageId, offset, text } of segments) {
    assert.strictEqual(offset, texts[messageId]?.length ?? 0);
    texts[messageId] = (texts[messageId] ?? "") + text;
  }
  return texts;
};

describe("the words of a reply", () => {
  it.effect("are stored by time, by size, and at the end", () =>
    Effect.gen(function* () {
      const { reply, stored } = yield* replyText;
      yield* reply.append("a", "soon ");
      assert.strictEqual(stored.length, 0);
      yield* TestClock.adjust("500 millis");
      assert.strictEqual(stored.length, 1);
      yield* reply.append("a", "x".repeat(5000));
      assert.strictEqual(stored.length, 2);
      yield* reply.append("a", "end");
      yield* reply.finish("a", undefined);
      assert.deepStrictEqual(
        stored.map(({ last }) => last),
        [false, false, true],
      );
      assert.deepStrictEqual(joined(stored), { "a/0": `soon ${"x".repeat(5000)}end` });
    }).pipe(Effect.provide(Feed.layer), Effect.scoped),
  );

  it.effect("that the database did not take go again as they were, before what comes after", () =>
    Effect.gen(function* () {
      const stored: Array<Segment> = [];
      let refused = 2;
      const reply = makeReplyText<string>({
        threadId: ThreadId.make("t1"),
        feed: yield* Feed,
        scope: yield* Effect.scope,
        messageIdOf: (itemId, part) => MessageId.make(`${itemId}/${part}`),
        store: (segment) =>
          Effect.suspend(() => {
            refused -= 1;
            return refused < 0 ? Effect.sync(() => stored.push(segment)) : Effect.fail("full");
          }),
        exclusively: Effect.ignore,
      });
      for (const words of ["one ", "two ", "three "]) {
        yield* reply.append("a", words);
        yield* TestClock.adjust("500 millis");
      }
      yield* reply.finish("a", undefined);
      assert.deepStrictEqual(
        stored.map(({ text }) => text),
        ["one ", "two ", "three ", ""],
      );
      assert.deepStrictEqual(joined(stored), { "a/0": "one two three " });
    }).pipe(Effect.provide(Feed.layer), Effect.scoped),
  );

  it.effect("are stored in segments of at most 16 KiB where they come at once, in whole characters", () =>
    Effect.gen(function* () {
      const { reply, stored } = yield* replyText;
      const text = `a${"🧵".repeat(20_000)}`;
      yield* reply.finish("a", text);
      assert.isAbove(stored.length, 4);
      for (const segment of stored) {
        assert.isAtMost(Buffer.byteLength(segment.text), 16 * 1024);
        assert.isTrue(segment.text.isWellFormed());
      }
      assert.deepStrictEqual(joined(stored), { "a/0": text });
      assert.strictEqual(
        stored.findIndex(({ last }) => last),
        stored.length - 1,
      );
    }).pipe(Effect.provide(Feed.layer), Effect.scoped),
  );

  it.effect("end with their last segment where what is left is long", () =>
    Effect.gen(function* () {
      const { reply, stored } = yield* replyText;
      // Less than is stored at once, in characters, and more than one segment in bytes.
      yield* reply.append("a", "x".repeat(4000));
      yield* reply.finish("a", `${"x".repeat(4000)}${"𝒳".repeat(6000)}`);
      assert.deepStrictEqual(
        stored.map(({ last }) => last),
        [...stored.slice(1).map(() => false), true],
      );
      assert.deepStrictEqual(joined(stored), { "a/0": `${"x".repeat(4000)}${"𝒳".repeat(6000)}` });
    }).pipe(Effect.provide(Feed.layer), Effect.scoped),
  );

  it.effect("go on in a message of their own after something else came between", () =>
    Effect.gen(function* () {
      const { reply, stored } = yield* replyText;
      yield* reply.append("a", "before ");
      yield* reply.complete;
      yield* reply.append("a", "after");
      yield* reply.finish("a", "before after, and more");
      assert.deepStrictEqual(joined(stored), { "a/0": "before ", "a/1": "after, and more" });
    }).pipe(Effect.provide(Feed.layer), Effect.scoped),
  );

  it.effect("that are repeated in full at the end are not stored twice", () =>
    Effect.gen(function* () {
      const { reply, stored } = yield* replyText;
      yield* reply.append("a", "once");
      yield* reply.finish("a", "once");
      yield* reply.finish("a", "once");
      yield* reply.finish("b", "never streamed");
      assert.deepStrictEqual(joined(stored), { "a/0": "once", "b/0": "never streamed" });
    }).pipe(Effect.provide(Feed.layer), Effect.scoped),
  );

  const step = fc.oneof(
    fc.record({
      do: fc.constant("append"),
      item: fc.constantFrom("a", "b"),
      text: fc.string({ maxLength: 3000 }),
    }),
    fc.record({ do: fc.constant("complete"), item: fc.constant("a"), text: fc.constant("") }),
    fc.record({ do: fc.constant("wait"), item: fc.constant("a"), text: fc.constant("") }),
  );
  it.effect("come through whole and in order, whatever comes between and however long it takes", () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 30 }), (steps) =>
          Effect.gen(function* () {
            const { reply, stored } = yield* replyText;
            let said = "";
            for (const { do: what, item, text } of steps) {
              if (what === "append") {
                yield* reply.append(item, text);
                said += text;
              } else if (what === "complete") yield* reply.complete;
              else yield* TestClock.adjust("500 millis");
            }
            yield* reply.complete;
            joined(stored);
            assert.strictEqual(stored.map(({ text }) => text).join(""), said);
          }).pipe(Effect.provide([Feed.layer, TestClock.layer()]), Effect.scoped, Effect.runPromise),
        ),
        { numRuns: 200 },
      ),
    ),
  );
});
