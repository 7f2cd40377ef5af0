import { describe, it } from "@effect/vitest";
import { ProviderSessionId } from "@heddle/contracts/Ids";
import type { SessionEnd } from "../src/ServerCommand.ts";
import {
  approvalRequested,
  approvalResolved,
  AT,
  aThread,
  begins,
  done,
  event,
  given,
  questionAsked,
  questionResolved,
  requested,
  running,
  server,
  session,
  sessionSet,
  threadDeleted,
  turnCompleted,
  turnOf,
  turnQueued,
} from "./support.ts";

const alive = { providerName: "demo", providerSessionId: ProviderSessionId.make("s1") } as const;
const runningSession = sessionSet({ ...alive, status: "running", activeTurnId: turnOf("m1") });

const end = (changed: Partial<SessionEnd>) =>
  server({
    type: "thread.session.end",
    status: "stopped",
    turnStatus: "interrupted",
    reason: "Stopped.",
    ...changed,
  });

describe("thread.session.set", () => {
  it("takes over the session's state", () => {
    given(aThread)
      .when(server({ type: "thread.session.set", session: session({ ...alive, status: "starting" }) }))
      .gives(sessionSet({ ...alive, status: "starting" }));
  });
});

describe("thread.session.stop", () => {
  const stop = { type: "thread.session.stop", commandId: "c2", threadId: "t1", createdAt: AT } as const;
  const stopRequested = event("thread.session-stop-requested", { threadId: "t1", createdAt: AT });

  it.each(["starting", "running", "ready", "interrupted", "error"] as const)(
    "asks for the end of a session that is %s",
    (status) => {
      given(aThread, sessionSet({ ...alive, status }))
        .when(stop)
        .gives(stopRequested);
    },
  );

  it("takes back at once what no agent has yet", () => {
    const reason = "Stopped by a person.";
    given(aThread, requested("m1"), turnQueued("m2"))
      .when(stop)
      .gives(
        stopRequested,
        turnCompleted("m1", "interrupted", reason),
        turnCompleted("m2", "interrupted", reason),
      );
    given(aThread, running("m1"), runningSession, turnQueued("m2"))
      .when(stop)
      .gives(stopRequested, turnCompleted("m2", "interrupted", reason));
  });

  it("leaves a prompt that is sent behind it alone: it goes on in the next session", () => {
    given(aThread, running("m1"), runningSession, stopRequested, turnQueued("m2"))
      .when(end({}))
      .gives(
        turnCompleted("m1", "interrupted", "Stopped."),
        sessionSet({ ...alive, status: "stopped" }),
        begins("m2"),
      );
    given(aThread, sessionSet({ ...alive, status: "ready" }), stopRequested, requested("m1"))
      .when(end({}))
      .gives(sessionSet({ ...alive, status: "stopped" }));
  });

  it("is refused where nothing runs: never, or not any more", () => {
    given(aThread).when(stop).rejected("no-session");
    given(aThread, done("m1", 1), sessionSet({ ...alive, status: "stopped" }))
      .when(stop)
      .rejected("no-session");
  });
});

describe("thread.session.end", () => {
  const busy = [
    ...aThread,
    ...running("m1"),
    runningSession,
    approvalRequested("r1"),
    questionAsked("r2", "q"),
    turnQueued("m2"),
    turnQueued("m3"),
  ];

  it("ends requests and the turn with the session, and goes on with the queue, in one decision", () => {
    given(busy)
      .when(end({ status: "error", turnStatus: "error", reason: "The agent crashed." }))
      .gives(
        approvalResolved("r1", "expired"),
        questionResolved("r2", "expired"),
        turnCompleted("m1", "error", "The agent crashed."),
        sessionSet({ ...alive, status: "error", lastError: "The agent crashed." }),
        begins("m2"),
      );
  });

  it("leaves a turn that was asked for, and all behind it, to the next session", () => {
    given(aThread, requested("m1"), turnQueued("m2"), sessionSet({ ...alive, status: "starting" }))
      .when(end({ status: "error", turnStatus: "error", reason: "The agent crashed." }))
      .gives(sessionSet({ ...alive, status: "error", lastError: "The agent crashed." }));
  });

  it("keeps the reason as the session's error only where the session ended in error", () => {
    given(aThread, sessionSet({ ...alive, status: "ready", lastError: "Earlier." }))
      .when(end({ status: "interrupted", reason: "The server was restarted." }))
      .gives(sessionSet({ ...alive, status: "interrupted" }));
  });
});

describe("thread.delete", () => {
  const remove = { type: "thread.delete", commandId: "c2", threadId: "t1" } as const;

  it("ends requests, turn, queue and session in the same decision", () => {
    const reason = "The thread was deleted.";
    given(
      aThread,
      running("m1"),
      runningSession,
      approvalRequested("r1"),
      questionAsked("r2", "q"),
      turnQueued("m2"),
    )
      .when(remove)
      .gives(
        approvalResolved("r1", "expired"),
        questionResolved("r2", "expired"),
        turnCompleted("m1", "interrupted", reason),
        turnCompleted("m2", "interrupted", reason),
        sessionSet({ ...alive, status: "stopped" }),
        threadDeleted(),
      );
  });

  it("ends a turn that was only asked for", () => {
    given(aThread, requested("m1"))
      .when(remove)
      .gives(turnCompleted("m1", "interrupted", "The thread was deleted."), threadDeleted());
  });

  it("says nothing of a session that is not there", () => {
    given(aThread).when(remove).gives(threadDeleted());
    given(aThread, sessionSet({ ...alive, status: "stopped" }))
      .when(remove)
      .gives(threadDeleted());
  });
});
