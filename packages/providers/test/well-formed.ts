/** The laws of a session's events, whatever agent they come from. */
import { assert } from "@effect/vitest";
import type { Event, EventOf } from "./support.ts";

/** What holds of every session, however it went. */
export const assertWellFormed = (events: ReadonlyArray<Event>): void => {
  assert.strictEqual(events[0]?.type, "session.started");
  assert.strictEqual(events.at(-1)?.type, "session.exited");
  assert.lengthOf(
    events.filter(({ type }) => type === "session.started" || type === "session.exited"),
    2,
  );

  const tools = new Map<string, EventOf<"tool.updated">["status"]>();
  const speaking = new Set<string>();
  const finished = new Set<string>();
  const open = new Set<string>();
  let inTurn = false;
  for (const event of events) {
    if (event.type === "turn.started") inTurn = true;
    if (event.type === "turn.completed") inTurn = false;
    if (event.type === "usage.updated") assert.isTrue(inTurn, "what is used is told of no turn");
    if (event.type === "tool.updated") tools.set(event.itemId, event.status);
    if (event.type === "message.delta") {
      assert.isFalse(finished.has(event.itemId), "a message goes on after its end");
      speaking.add(event.itemId);
    }
    if (event.type === "message.completed") {
      assert.isTrue(speaking.delete(event.itemId), "a message ends that never began");
      finished.add(event.itemId);
    }
    if (event.type === "approval.requested") open.add(event.requestKey);
    if (event.type === "request.withdrawn") {
      assert.isTrue(open.delete(event.requestKey), "a request is withdrawn that was not open");
    }
  }
  assert.deepStrictEqual([...speaking], []);
  for (const status of tools.values()) assert.include(["completed", "failed"], status);
};
