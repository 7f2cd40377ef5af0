import { describe, it } from "@effect/vitest";
import { ApprovalRequestId } from "@heddle/contracts/Ids";
import {
  approvalRequested,
  aThread,
  event,
  given,
  NOW,
  running,
  server,
  sessionSet,
  turnCompleted,
  turnOf,
} from "./support.ts";

const stalled = { since: NOW, waitsFor: "the agent" };
const stall = (messageId: string, value: typeof stalled | null) =>
  server({ type: "thread.session.stall", turnId: turnOf(messageId), stalled: value });
const inTurn = { status: "running", activeTurnId: turnOf("m1") } as const;

describe("a turn that is not heard of", () => {
  it("is shown as stalled, with what it waits for", () => {
    given(aThread, running("m1"))
      .when(stall("m1", stalled))
      .gives(sessionSet({ ...inTurn, stalled }));
  });

  it("is not shown so any more once it is heard", () => {
    given(aThread, running("m1"), sessionSet({ ...inTurn, stalled }))
      .when(stall("m1", null))
      .gives(sessionSet(inTurn));
  });

  it("is not shown so any more once it is over", () => {
    given(aThread, running("m1"), sessionSet({ ...inTurn, stalled }))
      .when(server({ type: "thread.turn.complete", turnId: turnOf("m1"), status: "completed", reason: null }))
      .gives(turnCompleted("m1"), sessionSet({ status: "ready" }));
  });

  it("is nothing to say of a turn that is over", () => {
    given(aThread, running("m1")).when(stall("m2", stalled)).rejected("turn-not-found");
  });
});

describe("what a person accepts for the session", () => {
  const accepted = [
    { requestId: ApprovalRequestId.make("r1"), kind: "execute", title: "Run a command" },
  ] as const;
  const resolve = server({
    type: "thread.approval.resolve",
    requestId: ApprovalRequestId.make("r1"),
    outcome: "acceptForSession",
  });

  it("is shown with the session", () => {
    given(aThread, running("m1"), approvalRequested("r1"))
      .when(resolve)
      .gives(
        event("thread.approval-resolved", {
          threadId: "t1",
          requestId: "r1",
          outcome: "acceptForSession",
          resolvedAt: NOW,
        }),
        sessionSet({ ...inTurn, accepted }),
      );
  });

  it("stays with the session from turn to turn", () => {
    given(aThread, running("m1"), sessionSet({ ...inTurn, accepted }))
      .when(server({ type: "thread.turn.complete", turnId: turnOf("m1"), status: "completed", reason: null }))
      .gives(turnCompleted("m1"), sessionSet({ status: "ready", accepted }));
  });

  it("ends with the session", () => {
    given(aThread, running("m1"), sessionSet({ ...inTurn, accepted }))
      .when(
        server({
          type: "thread.session.end",
          status: "stopped",
          turnStatus: "interrupted",
          reason: null,
        }),
      )
      .gives(turnCompleted("m1", "interrupted"), sessionSet({ status: "stopped" }));
  });
});
