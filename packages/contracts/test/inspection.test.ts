import { assert, describe, it } from "@effect/vitest";
import { Exit, Schema } from "effect";
import { EventFilter, GetChainInput, GetEventInput, ListEventsInput } from "../src/InspectionRpc.ts";

const accepts = (schema: Schema.Codec<unknown, unknown>) => {
  const decode = Schema.decodeUnknownExit(schema);
  return (value: unknown) => Exit.isSuccess(decode(value));
};

describe("a filter of events", () => {
  const filter = accepts(EventFilter);

  it.each([
    {},
    { types: ["thread.turn-*", "*"] },
    { since: "2026-01-31T12:00:00Z", until: "2026-01-31T14:00+02:00" },
    { text: '100% of "it" 🌍\n' },
    { stream: { aggregateKind: "project", streamId: "p1" }, fromSequence: 0 },
  ])("may be %j", (value) => assert.isTrue(filter(value)));

  it.each([
    { types: [] },
    { types: ["Thread"] },
    { types: ["a b"] },
    { since: "2026-02-45T12:00:00Z" },
    { since: "yesterday" },
    { text: "" },
    { text: "x".repeat(201) },
    { text: "\ud83d" },
    { actor: "agent" },
    { stream: { aggregateKind: "turn", streamId: "p1" } },
    { fromSequence: -1 },
  ])("may not be %j", (value) => assert.isFalse(filter(value)));
});

describe("what one looks for", () => {
  it("is all of the log, the oldest hundred first, where nothing else is said", () => {
    assert.deepStrictEqual(Schema.decodeUnknownSync(ListEventsInput)({}), {
      filter: {},
      order: "oldest",
      limit: 100,
    });
  });

  it("is one thing, by one of its names", () => {
    const event = accepts(GetEventInput);
    assert.isTrue(event({ sequence: 1 }));
    assert.isTrue(event({ eventId: "c1#1" }));
    assert.isFalse(event({}));
    assert.isFalse(event({ sequence: 1, eventId: "c1#1" }));
    const chain = accepts(GetChainInput);
    assert.isTrue(chain({ commandId: "c1", limit: 2000 }));
    assert.isFalse(chain({ commandId: "c1", sequence: 1 }));
    assert.isFalse(chain({ limit: 10 }));
  });
});
