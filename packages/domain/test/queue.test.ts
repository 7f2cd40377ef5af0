import { describe, it } from "@effect/vitest";
import type { ClientCommandInput } from "@heddle/contracts/Commands";
import {
  aThread,
  begins,
  event,
  given,
  requested,
  running,
  server,
  sessionSet,
  turnCompleted,
  turnOf,
  turnQueued,
} from "./support.ts";

const reorder = (...messageIds: ReadonlyArray<string>): ClientCommandInput => ({
  type: "thread.queue.reorder",
  commandId: "c1",
  threadId: "t1",
  turnIds: messageIds.map(turnOf),
});
const reordered = (...messageIds: ReadonlyArray<string>) =>
  event("thread.queue-reordered", { threadId: "t1", turnIds: messageIds.map(turnOf) });

const waiting = [...aThread, ...running("m1"), turnQueued("m2"), turnQueued("m3"), turnQueued("m4")];

describe("thread.queue.reorder", () => {
  it("gives the prompts that wait their new order", () => {
    given(waiting)
      .when(reorder("m4", "m3", "m2"))
      .gives(reordered("m4", "m3", "m2"));
  });

  it("puts those that it does not name behind, as they stand", () => {
    given(waiting)
      .when(reorder("m4"))
      .gives(reordered("m4", "m2", "m3"));
  });

  it("counts a prompt that is named twice once", () => {
    given(waiting)
      .when(reorder("m3", "m3"))
      .gives(reordered("m3", "m2", "m4"));
  });

  it("is refused where a prompt does not wait any more", () => {
    given(waiting, requested("m2")).when(reorder("m2")).rejected("turn-not-found");
    given(aThread).when(reorder("m1")).rejected("turn-not-found");
  });
});

describe("the queue", () => {
  it("goes on with the prompt that was put first", () => {
    given(waiting, reordered("m4", "m2", "m3"))
      .when(server({ type: "thread.turn.complete", turnId: turnOf("m1"), status: "completed", reason: null }))
      .gives(turnCompleted("m1"), sessionSet({ status: "ready" }), begins("m4"));
  });

  it("lets what came in while a client reordered it wait behind", () => {
    given(waiting, reordered("m4", "m2", "m3"), turnQueued("m5"))
      .when(reorder("m5"))
      .gives(reordered("m5", "m4", "m2", "m3"));
  });
});
