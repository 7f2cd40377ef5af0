/** The small parts that every adapter stands on. */
import { assert, describe, it } from "@effect/vitest";
import { Effect, Fiber, Stream } from "effect";
import fc from "fast-check";
import { boundJson, boundText, TextTail } from "../src/shared/Bounded.ts";
import { CHARACTERS_AHEAD, EVENTS_AHEAD, EventQueue } from "../src/shared/EventQueue.ts";
import { jsonLines } from "../src/shared/JsonLines.ts";
import type { Event } from "./support.ts";

const MAX = 64 * 1024;

const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));

describe("bounded values", () => {
  it("stay as they are where they fit", () => {
    const value = { a: ["x", 1, true, null], b: { c: "🧵" } };
    assert.deepStrictEqual(boundJson(value), value);
  });

  it("lose the middle of what is long, and say how much", () => {
    const bounded = boundText(`head${"x".repeat(1000)}tail`, 100);
    assert.match(bounded, /^head.*…\[908 characters left out\].*tail$/);
  });

  it("never take more than they may, and tell where something is missing", () => {
    fc.assert(
      fc.property(
        fc.jsonValue({ maxDepth: 6, noUnicodeString: false }),
        fc.integer({ min: 200, max: 2000 }),
        (value, max) => {
          const bounded = boundJson(value, max);
          assert.isAtMost(bytesOf(bounded), max);
          if (bytesOf(value) > max) assert.match(JSON.stringify(bounded), /left out/);
        },
      ),
    );
  });

  it.each([
    ["one long text", { text: "x".repeat(1_000_000) }],
    ["a text of wide characters", { text: "🧵".repeat(500_000) }],
    ["many short texts", Array.from({ length: 100_000 }, () => "x")],
    ["many keys", Object.fromEntries(Array.from({ length: 100_000 }, (_, index) => [`key ${index}`, index]))],
    ["depth", JSON.parse(`${"[".repeat(50_000)}${"]".repeat(50_000)}`)],
    ["what JSON cannot say", { undefined, infinite: Infinity, symbol: Symbol("x"), lone: "\uD83E" }],
  ])("hold of %s", (_, value) => {
    const bounded = boundJson(value, MAX);
    assert.isAtMost(bytesOf(bounded), MAX);
    assert.isTrue(JSON.stringify(bounded).isWellFormed());
  });

  it("count what they left out", () => {
    const bounded = boundJson({ deep: [{ text: "x".repeat(1_000_000) }] }, MAX);
    const [, head = "", count = "", tail = ""] =
      /"(x+)…\[(\d+) characters left out\](x+)"/.exec(JSON.stringify(bounded)) ?? [];
    assert.strictEqual(head.length + Number(count) + tail.length, 1_000_000);
  });

  it("show the output beside a huge input", () => {
    const input = Array.from({ length: 1_000_000 }, () => 1234);
    const bounded = boundJson({ input, output: "the end" }, MAX);
    assert.deepInclude(bounded as object, { output: "the end" });
  });

  it("keep the end of what grows", () => {
    const tail = new TextTail(10);
    for (let index = 0; index < 1000; index++) tail.append(`${index} `);
    assert.strictEqual(tail.last(), "7 998 999 ");
  });
});

const readAll = async (chunks: ReadonlyArray<Uint8Array>, maxLineBytes = 1_000_000) => {
  const noise: Array<string> = [];
  let tooLong = 0;
  async function* input() {
    yield* chunks;
  }
  const lines = jsonLines(input(), {
    onNoise: (line) => noise.push(line),
    onTooLong: () => {
      tooLong += 1;
    },
    maxLineBytes,
  });
  const messages: Array<unknown> = [];
  for await (const message of lines) messages.push(message);
  return { messages, noise, tooLong };
};

describe("lines of JSON", () => {
  it("are the same however they are cut, and whether or not the last one is ended", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ id: fc.nat(), text: fc.string({ unit: "grapheme" }) }), { maxLength: 8 }),
        fc.array(fc.nat(200)),
        fc.constantFrom("", "\n", "\r\n"),
        async (messages, cuts, end) => {
          const bytes = Buffer.from(messages.map((message) => JSON.stringify(message)).join("\n") + end);
          const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].toSorted(
            (a, b) => a - b,
          );
          const chunks = at.slice(1).map((to, index) => bytes.subarray(at[index], to));
          assert.deepStrictEqual((await readAll(chunks)).messages, messages);
        },
      ),
    ));

  it("leave out what is no object, and say so", async () => {
    const { messages, noise } = await readAll([
      Buffer.from('npm notice\n{"a":1}\n\n[1]\n"x"\n{"b":\n{"c":3}'),
    ]);
    assert.deepStrictEqual(messages, [{ a: 1 }, { c: 3 }]);
    assert.deepStrictEqual(noise, ["npm notice", "[1]", '"x"', '{"b":']);
  });

  it("leave out what is too long, and read on behind it", async () => {
    const long = Buffer.from(`{"text":"${"x".repeat(500)}"}`);
    const chunks = [
      long.subarray(0, 100),
      long.subarray(100, 300),
      long.subarray(300),
      Buffer.from('\n{"a":1}\n'),
    ];
    const { messages, tooLong } = await readAll(chunks, 200);
    assert.deepStrictEqual(messages, [{ a: 1 }]);
    assert.strictEqual(tooLong, 1);
  });
});

describe("the queue of events", () => {
  const event: Event = { type: "turn.started" };

  it.effect("gives what was pushed, in order, to its end", () =>
    Effect.gen(function* () {
      const queue = yield* EventQueue.make;
      const reader = yield* Effect.forkChild(Stream.runCollect(queue.stream));
      queue.push(event);
      yield* Effect.yieldNow;
      queue.push({ type: "turn.completed", status: "completed" });
      queue.end();
      const events = yield* Fiber.join(reader);
      assert.deepStrictEqual(
        events.map(({ type }) => type),
        ["turn.started", "turn.completed"],
      );
    }),
  );

  it.effect("has no room while its reader is behind, and has room again when it has caught up", () =>
    Effect.gen(function* () {
      const queue = yield* EventQueue.make;
      for (let index = 0; index < EVENTS_AHEAD - 1; index++) queue.push(event);
      assert.isUndefined(queue.room());
      queue.push(event);
      const room = queue.room();
      assert.isTrue(queue.braking);
      yield* queue.stream.pipe(Stream.take(1), Stream.runDrain);
      yield* Effect.promise(async () => room);
      assert.isFalse(queue.braking);
      assert.isUndefined(queue.room());
    }),
  );

  it.effect("has no room while few events that wait hold much", () =>
    Effect.gen(function* () {
      const queue = yield* EventQueue.make;
      const output = "x".repeat(CHARACTERS_AHEAD / 2);
      const large = {
        type: "notice",
        tone: "info",
        kind: "agent",
        summary: "",
        payload: { output },
      } as const;
      queue.push(large);
      assert.isUndefined(queue.room());
      queue.push(large);
      const room = queue.room();
      assert.isTrue(queue.braking);
      yield* queue.stream.pipe(Stream.take(1), Stream.runDrain);
      yield* Effect.promise(async () => room);
      assert.isUndefined(queue.room());
    }),
  );

  it.effect("has room for ever once nobody need be waited for", () =>
    Effect.gen(function* () {
      const queue = yield* EventQueue.make;
      for (let index = 0; index < EVENTS_AHEAD; index++) queue.push(event);
      const room = queue.room();
      queue.release();
      yield* Effect.promise(async () => room);
      assert.isUndefined(queue.room());
    }),
  );
});
