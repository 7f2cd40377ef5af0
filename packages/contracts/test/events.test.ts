import { assert, describe, it } from "@effect/vitest";
import { Exit, Schema } from "effect";
import {
  EVENT_TYPES,
  EventMetadata,
  EventPayloads,
  eventVersion,
  OrchestrationEvent,
} from "../src/Events.ts";

/** What SPEC sections 4 and 4.1 name. A type is never renamed, and none is taken away: there are logs with it. */
const TYPES = [
  "project.created",
  "project.deleted",
  "project.meta-updated",
  "thread.activity-appended",
  "thread.approval-requested",
  "thread.approval-resolved",
  "thread.approval-response-requested",
  "thread.archived",
  "thread.checkpoint-revert-failed",
  "thread.checkpoint-revert-requested",
  "thread.created",
  "thread.deleted",
  "thread.message-sent",
  "thread.meta-updated",
  "thread.queue-reordered",
  "thread.reverted",
  "thread.runtime-mode-set",
  "thread.session-set",
  "thread.session-stop-requested",
  "thread.turn-completed",
  "thread.turn-diff-completed",
  "thread.turn-interrupt-requested",
  "thread.turn-queued",
  "thread.turn-start-requested",
  "thread.turn-started",
  "thread.turn-steer-requested",
  "thread.turn-usage-recorded",
  "thread.unarchived",
  "thread.user-input-requested",
  "thread.user-input-resolved",
  "thread.user-input-response-requested",
  "thread.worktree-failed",
  "thread.worktree-made",
  "thread.worktree-requested",
];

const envelope = {
  sequence: 1,
  eventId: "c#1",
  aggregateKind: "thread",
  streamId: "t1",
  streamVersion: 1,
  eventType: "thread.archived",
  eventVersion: 1,
  occurredAt: "2026-02-03T04:05:06.000Z",
  commandId: "c",
  causationEventId: null,
  correlationId: "c",
  actorKind: "client",
  payload: { threadId: "t1" },
  metadata: {},
};

const accepts = (value: unknown) => Exit.isSuccess(Schema.decodeUnknownExit(OrchestrationEvent)(value));

describe("event types", () => {
  it("are these", () => {
    assert.deepStrictEqual<ReadonlyArray<string>>(EVENT_TYPES.toSorted(), TYPES);
  });

  it.each(EVENT_TYPES)("%s names its aggregate in its payload", (type) => {
    const [kind] = type.split(".");
    assert.property(EventPayloads[type].fields, `${kind}Id`);
    assert.isAtLeast(eventVersion(type), 1);
  });

  it.each(EVENT_TYPES)("%s has no provider's id as a field of its own", (type) => {
    const names = Object.keys(EventPayloads[type].fields).filter((name) => name.startsWith("provider"));
    assert.deepStrictEqual(names, []);
  });
});

describe("an envelope", () => {
  it("is taken whole", () => {
    assert.isTrue(accepts(envelope));
  });

  it.each(Object.keys(envelope))("is not one without %s", (field) => {
    const { [field]: _, ...rest }: Record<string, unknown> = envelope;
    assert.isFalse(accepts(rest));
  });

  it("has the payload of its type and of no other", () => {
    assert.isFalse(accepts({ ...envelope, payload: { projectId: "p1" } }));
    assert.isFalse(accepts({ ...envelope, eventType: "thread.reverted" }));
    assert.isFalse(accepts({ ...envelope, eventType: "thread.teleported" }));
    assert.isTrue(accepts({ ...envelope, eventType: "project.deleted", payload: { projectId: "p1" } }));
  });

  it.each(["commandId", "causationEventId", "correlationId"])("may have no %s, and says so", (field) => {
    assert.isTrue(accepts({ ...envelope, [field]: null }));
  });

  it("keeps an agent's ids in its metadata, and these alone", () => {
    assert.deepStrictEqual(Object.keys(EventMetadata.fields), [
      "providerSessionId",
      "providerThreadId",
      "providerTurnId",
      "providerItemId",
      "adapterKey",
      "requestId",
      "ingestedAt",
    ]);
  });
});
