import { describe, it } from "@effect/vitest";
import { MAX_QUEUED_TURNS } from "../src/Thread.ts";
import {
  AT,
  aThread,
  begins,
  causedBy,
  done,
  event,
  given,
  prompt,
  requested,
  running,
  sessionSet,
  startTurn,
  threadArchived,
  threadCreated,
  turnOf,
  turnQueued,
} from "./support.ts";

const revertRequested = event("thread.checkpoint-revert-requested", {
  threadId: "t1",
  turnCount: 1,
  createdAt: AT,
});

const queue = (messageId: string) => startTurn(messageId, { dispatchMode: "queue" });
const steerable = (able: boolean) =>
  sessionSet({
    status: "running",
    activeTurnId: turnOf("m1"),
    capabilities: { steer: able, resume: false },
  });

describe("thread.turn.start", () => {
  it("puts the prompt into the transcript and asks for its turn", () => {
    given(aThread)
      .when(startTurn("m1"))
      .gives(
        causedBy(
          "start-m1",
          event("thread.message-sent", {
            threadId: "t1",
            messageId: "m1",
            turnId: "turn:start-m1",
            role: "user",
            text: "Please do m1",
            offset: 0,
            streaming: false,
            attachments: [],
            createdAt: AT,
          }),
          event("thread.turn-start-requested", {
            threadId: "t1",
            turnId: "turn:start-m1",
            messageId: "m1",
            createdAt: AT,
          }),
        ),
      );
  });

  it("carries attachments with the message, model and effort with the turn", () => {
    const attachments = [{ name: "a.png", mimeType: "image/png", data: "aGk=" }];
    given(aThread)
      .when(
        startTurn("m1", {
          message: { messageId: "m1", role: "user", text: "Look", attachments },
          model: "codex/gpt-5",
          effort: "high",
        }),
      )
      .gives(
        causedBy(
          "start-m1",
          event("thread.message-sent", {
            threadId: "t1",
            messageId: "m1",
            turnId: turnOf("m1"),
            role: "user",
            text: "Look",
            offset: 0,
            streaming: false,
            attachments,
            createdAt: AT,
          }),
          event("thread.turn-start-requested", {
            threadId: "t1",
            turnId: turnOf("m1"),
            messageId: "m1",
            model: { provider: "codex", model: "gpt-5" },
            effort: "high",
            createdAt: AT,
          }),
        ),
      );
  });

  it("starts after a turn that has ended", () => {
    given(aThread, done("m1", 1)).when(startTurn("m2")).gives(begins("m2"));
  });

  it.each(["queue", "steer"] as const)(
    "starts at once with dispatchMode %s where nothing runs",
    (dispatchMode) => {
      given(aThread).when(startTurn("m1", { dispatchMode })).gives(begins("m1"));
    },
  );

  it("gives no second turn, neither while one runs nor while one is asked for", () => {
    given(aThread, running("m1")).when(startTurn("m2")).rejected("turn-in-progress");
    given(aThread, requested("m1")).when(startTurn("m2")).rejected("turn-in-progress");
    given(aThread, running("m1"))
      .when(startTurn("m2", { dispatchMode: "start" }))
      .rejected("turn-in-progress");
  });

  it("is refused in an archived thread", () => {
    given(aThread, threadArchived).when(startTurn("m1")).rejected("thread-archived");
  });

  it("is refused while a revert is under way, and taken after it failed", () => {
    const failed = event("thread.checkpoint-revert-failed", { threadId: "t1", turnCount: 1, reason: "git" });
    const thread = [...aThread, ...done("m1", 1), revertRequested];
    given(thread).when(startTurn("m2")).rejected("revert-in-progress");
    given(thread, failed).when(startTurn("m2")).gives(begins("m2"));
  });

  it("is refused where the message id is taken, in this thread or in another", () => {
    given(aThread, done("m1", 1))
      .when(startTurn("m1", { commandId: "another" }))
      .rejected("message-exists");
    given(aThread, done("m1", 1), threadCreated("t2"))
      .when(startTurn("m1", { commandId: "another", threadId: "t2" }))
      .rejected("message-exists");
  });
});

describe("dispatchMode queue", () => {
  it("keeps the whole prompt on the server, out of the transcript", () => {
    given(aThread, running("m1"))
      .when(startTurn("m2", { dispatchMode: "queue", model: "codex", effort: "low" }))
      .gives(
        event("thread.turn-queued", {
          threadId: "t1",
          turnId: turnOf("m2"),
          messageId: "m2",
          commandId: "start-m2",
          text: "Please do m2",
          attachments: [],
          model: { provider: "codex" },
          effort: "low",
          createdAt: AT,
        }),
      );
  });

  it("queues behind a turn that was asked for and behind others", () => {
    given(aThread, requested("m1")).when(queue("m2")).gives(turnQueued("m2"));
    given(aThread, running("m1"), turnQueued("m2")).when(queue("m3")).gives(turnQueued("m3"));
  });

  it("is refused where the message waits already", () => {
    given(aThread, running("m1"), turnQueued("m2"))
      .when({ ...queue("m2"), commandId: "another" })
      .rejected("message-exists");
  });

  it(`is refused where ${MAX_QUEUED_TURNS} wait`, () => {
    const waiting = Array.from({ length: MAX_QUEUED_TURNS }, (_, index) => turnQueued(`waits-${index}`));
    given(aThread, running("m1"), waiting).when(queue("late")).rejected("queue-full");
    given(aThread, running("m1"), waiting.slice(1)).when(queue("last")).gives(turnQueued("last"));
  });
});

describe("dispatchMode steer", () => {
  const steer = startTurn("m2", { dispatchMode: "steer" });

  it("hands the prompt to the running turn, as a message of that turn", () => {
    given(aThread, running("m1"), steerable(true))
      .when(steer)
      .gives(
        prompt("m2", turnOf("m1")),
        event("thread.turn-steer-requested", {
          threadId: "t1",
          turnId: turnOf("m1"),
          messageId: "m2",
          createdAt: AT,
        }),
      );
  });

  it("is refused where the agent cannot, or has not said that it can", () => {
    given(aThread, running("m1"), steerable(false)).when(steer).rejected("steer-unsupported");
    given(aThread, running("m1")).when(steer).rejected("steer-unsupported");
  });

  it("is refused while the turn is only asked for", () => {
    given(aThread, requested("m1"), steerable(true)).when(steer).rejected("steer-unsupported");
  });
});
