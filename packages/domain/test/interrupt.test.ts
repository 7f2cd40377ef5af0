import { describe, it } from "@effect/vitest";
import type { NewEvent } from "@heddle/contracts/Events";
import {
  AT,
  aThread,
  begins,
  done,
  event,
  given,
  NOW,
  requested,
  running,
  turnOf,
  turnQueued,
} from "./support.ts";

const interrupt = (turnId?: string) =>
  ({
    type: "thread.turn.interrupt",
    commandId: "c2",
    threadId: "t1",
    ...(turnId !== undefined && { turnId }),
    createdAt: AT,
  }) as const;
const interruptRequested = (messageId: string) =>
  event("thread.turn-interrupt-requested", { threadId: "t1", turnId: turnOf(messageId), createdAt: AT });
const interruptedBeforeItBegan = (messageId: string): NewEvent =>
  event("thread.turn-completed", {
    threadId: "t1",
    turnId: turnOf(messageId),
    status: "interrupted",
    reason: "Interrupted before it began.",
    completedAt: NOW,
  });

describe("thread.turn.interrupt", () => {
  it("asks the agent to end the turn that runs; the turn is not over yet", () => {
    given(aThread, running("m1")).when(interrupt()).gives(interruptRequested("m1"));
    given(aThread, running("m1"), turnQueued("m2"))
      .when(interrupt(turnOf("m1")))
      .gives(interruptRequested("m1"));
  });

  it("can be asked for again: the first may not have reached the agent", () => {
    given(aThread, running("m1"), interruptRequested("m1")).when(interrupt()).gives(interruptRequested("m1"));
  });

  it("ends a turn that no agent has yet, here and now", () => {
    given(aThread, requested("m1"))
      .when(interrupt())
      .gives(interruptRequested("m1"), interruptedBeforeItBegan("m1"));
  });

  it("then starts the next in the queue, due to its own prompt", () => {
    given(aThread, requested("m1"), turnQueued("m2"), turnQueued("m3"))
      .when(interrupt())
      .gives(interruptRequested("m1"), interruptedBeforeItBegan("m1"), begins("m2"));
  });

  it("takes a queued turn out of the queue and leaves the running one alone", () => {
    const queued = given(aThread, running("m1"), turnQueued("m2"), turnQueued("m3"));
    queued.when(interrupt(turnOf("m3"))).gives(interruptRequested("m3"), interruptedBeforeItBegan("m3"));
    queued.when(interrupt(turnOf("m2"))).gives(interruptRequested("m2"), interruptedBeforeItBegan("m2"));
  });

  it("is refused where no turn is in progress", () => {
    given(aThread).when(interrupt()).rejected("no-turn-in-progress");
    given(aThread, done("m1", 1)).when(interrupt()).rejected("no-turn-in-progress");
  });

  it("is refused for a turn that has ended, or never was", () => {
    given(aThread, done("m1", 1))
      .when(interrupt(turnOf("m1")))
      .rejected("turn-not-found");
    given(aThread, running("m1")).when(interrupt("turn:unknown")).rejected("turn-not-found");
  });
});
