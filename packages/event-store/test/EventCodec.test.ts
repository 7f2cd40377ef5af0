import { assert, describe, layer } from "@effect/vitest";
import {
  EVENT_TYPES,
  type EventEnvelope,
  EventMetadata,
  EventPayloads,
  OrchestrationEvent,
} from "@heddle/contracts/Events";
import { Arbitrary, Effect, Schema } from "effect";
import { encodeEvent } from "../src/EventCodec.ts";
import { EventStore } from "../src/EventStore.ts";
import { append, archived, freshStore } from "./support.ts";

const RUNS = 25;

const payloadsOf = (type: (typeof EVENT_TYPES)[number]): Arbitrary.Arbitrary<unknown> => {
  const schema: Schema.Codec<unknown, unknown> = EventPayloads[type];
  return Arbitrary.schema(schema);
};

/** JSON has one zero. */
const asJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

layer(freshStore)("an event", (it) => {
  describe("comes back from the database as it went in:", () => {
    for (const type of EVENT_TYPES) {
      it.effect.prop(
        type,
        [payloadsOf(type), EventMetadata],
        ([payload, metadata]) =>
          Effect.gen(function* () {
            const store = yield* EventStore;
            const sequence = (yield* store.head) + 1;
            const event = {
              ...archived({ sequence }),
              aggregateKind: type.startsWith("project.") ? "project" : "thread",
              eventType: type,
              payload,
              metadata,
            } as EventEnvelope;
            yield* append(event);
            const { events } = yield* store.readAll({ fromSequenceExclusive: sequence - 1, limit: 1 });
            const [stored] = events;
            assert.deepStrictEqual(asJson(stored), asJson(event));
            // What the writer goes on with is what a reader gets, byte for byte: their rows are the same.
            assert.strictEqual(
              JSON.stringify(encodeEvent(event).event.payload),
              JSON.stringify(stored?.payload),
            );
            // And so it is what the contract says that a reader gets.
            const sent = yield* Schema.encodeEffect(OrchestrationEvent)(event);
            assert.deepStrictEqual(
              asJson(yield* Schema.decodeUnknownEffect(OrchestrationEvent)(sent)),
              asJson(event),
            );
          }),
        { arbitrary: { runs: RUNS, seed: type } },
      );
    }
  });

  describe("is refused on write", () => {
    const wrong = [
      ["without a field of its type", { threadId: "t1" }],
      [
        "with a field of another form",
        { threadId: "t1", turnId: "turn:1", status: "running", reason: null, completedAt: "" },
      ],
      ["with another type's payload", { projectId: "p1" }],
      ["with no payload at all", null],
    ] as const;

    it.effect.each(wrong)("%s", ([, payload]) =>
      Effect.sync(() => {
        const event = {
          ...archived({ sequence: 1 }),
          eventType: "thread.turn-completed",
          payload,
        } as EventEnvelope;
        assert.throws(() => encodeEvent(event), /Expected|Missing/);
      }),
    );

    it.effect("where its id is empty", () =>
      Effect.sync(() => {
        const event = { ...archived({ sequence: 1 }), payload: { threadId: "" } } as EventEnvelope;
        assert.throws(() => encodeEvent(event), /length/);
      }),
    );
  });
});
