import { assert, describe, it } from "@effect/vitest";
import { OrchestrationEvent } from "@heddle/contracts/Events";
import { FeedItem } from "@heddle/contracts/Rpc";
import { Effect, Schema } from "effect";
import { FeedPage } from "../src/FeedPage.ts";
import { frameText } from "../src/RpcFrames.ts";

const contract = Schema.toCodecJson(Schema.Array(FeedItem));
const encode = Schema.encodeSync(contract);
const decode = Schema.decodeUnknownSync(contract);

/** JSON has one zero, and no undefined. */
const asJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

const sent = (...values: readonly [FeedPage, ...Array<FeedPage>]) =>
  JSON.parse(frameText({ _tag: "Chunk", requestId: "1", values }));
const RESET: FeedItem = { kind: "reset", headSequence: 1 };

describe("a page of a feed", () => {
  it.effect.prop(
    "says what the contract's schema would say, and decodes with it",
    [Schema.Array(FeedItem).check(Schema.isMinLength(1))],
    ([items]) =>
      Effect.sync(() => {
        const { values } = sent(new FeedPage(items), new FeedPage([RESET]));
        const given = [...items, RESET];
        assert.deepEqual(values, asJson(encode(given)));
        assert.deepEqual(asJson(decode(values)), asJson(given));
      }),
    { arbitrary: { runs: 300, seed: "feed-page" } },
  );

  it.effect.prop(
    "turns an event into JSON once, however many pages it is in",
    [OrchestrationEvent],
    ([sample]) =>
      Effect.sync(() => {
        let read = 0;
        const { payload } = sample;
        const event: typeof sample = Object.defineProperty({ ...sample }, "payload", {
          enumerable: true,
          get: () => {
            read += 1;
            return payload;
          },
        });
        const pages = Array.from({ length: 200 }, () => new FeedPage([{ kind: "event", event }]));
        assert.equal(read, 1);
        assert.equal(new Set(pages.map(({ text }) => text)).size, 1);
      }),
    { arbitrary: { runs: 10, seed: "feed-page" } },
  );
});
