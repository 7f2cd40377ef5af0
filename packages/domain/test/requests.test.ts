import { describe, it } from "@effect/vitest";
import type { ClientCommandInput } from "@heddle/contracts/Commands";
import type { ApprovalDecision } from "@heddle/contracts/Model";
import { ApprovalRequestId } from "@heddle/contracts/Ids";
import {
  approvalRequested,
  approvalResolved,
  AT,
  aThread,
  event,
  given,
  NOW,
  questionAsked,
  questionResolved,
  running,
  sessionSet,
  server,
  turnCompleted,
  turnOf,
} from "./support.ts";

const respond = (requestId: string, decision: ApprovalDecision = "accept"): ClientCommandInput => ({
  type: "thread.approval.respond",
  commandId: "c2",
  threadId: "t1",
  requestId,
  decision,
  createdAt: AT,
});
const responded = (requestId: string, decision: ApprovalDecision = "accept") =>
  event("thread.approval-response-requested", { threadId: "t1", requestId, decision, createdAt: AT });

const answer = (requestId: string, answers: Record<string, string>): ClientCommandInput => ({
  type: "thread.user-input.respond",
  commandId: "c2",
  threadId: "t1",
  requestId,
  answers,
  createdAt: AT,
});
const answered = (requestId: string, answers: Record<string, string>) =>
  event("thread.user-input-response-requested", { threadId: "t1", requestId, answers, createdAt: AT });

const r1 = ApprovalRequestId.make("r1");
const turn = [...aThread, ...running("m1")];

describe("thread.approval.respond", () => {
  it.each(["accept", "acceptForSession", "decline", "cancel"] as const)(
    "asks for the answer %s to be given; the request is not resolved before the agent has it",
    (decision) => {
      given(turn, approvalRequested("r1")).when(respond("r1", decision)).gives(responded("r1", decision));
    },
  );

  it("takes the first answer only", () => {
    given(turn, approvalRequested("r1"), responded("r1"))
      .when(respond("r1", "decline"))
      .rejected("request-closed");
  });

  it("takes an answer to each of several requests", () => {
    given(turn, approvalRequested("r1"), approvalRequested("r2"), responded("r1"))
      .when(respond("r2"))
      .gives(responded("r2"));
  });

  it("is refused where no such request is open: never made, resolved, or ended with its turn", () => {
    given(turn).when(respond("r1")).rejected("request-not-found");
    given(turn, approvalRequested("r1"), approvalResolved("r1", "accept"))
      .when(respond("r1"))
      .rejected("request-not-found");
    given(turn, approvalRequested("r1"), approvalResolved("r1", "expired"), turnCompleted("m1"))
      .when(respond("r1"))
      .rejected("request-not-found");
  });

  it("is refused for a question", () => {
    given(turn, questionAsked("r1", "q")).when(respond("r1")).rejected("request-kind-mismatch");
  });
});

describe("thread.user-input.respond", () => {
  it("asks for the answers to be given", () => {
    given(turn, questionAsked("r1", "name", "size"))
      .when(answer("r1", { name: "Ada", size: "" }))
      .gives(answered("r1", { name: "Ada", size: "" }));
  });

  it("is refused where a question has no answer", () => {
    given(turn, questionAsked("r1", "name", "size"))
      .when(answer("r1", { name: "Ada" }))
      .rejected("answer-missing");
    given(turn, questionAsked("r1", "toString"))
      .when(answer("r1", { q: "1" }))
      .rejected("answer-missing");
  });

  it("declines all questions where it answers none", () => {
    given(turn, questionAsked("r1", "name", "size"))
      .when(answer("r1", {}))
      .gives(answered("r1", {}));
  });

  it("takes the first answer only", () => {
    given(turn, questionAsked("r1", "q"), answered("r1", { q: "1" }))
      .when(answer("r1", { q: "2" }))
      .rejected("request-closed");
  });

  it("is refused where no such question is open", () => {
    given(turn).when(answer("r1", {})).rejected("request-not-found");
    given(turn, questionAsked("r1", "q"), questionResolved("r1", "answered"))
      .when(answer("r1", { q: "1" }))
      .rejected("request-not-found");
  });

  it("is refused for an approval", () => {
    given(turn, approvalRequested("r1")).when(answer("r1", {})).rejected("request-kind-mismatch");
  });
});

describe("thread.approval.request and .resolve", () => {
  it("opens the request in its turn", () => {
    given(turn)
      .when(
        server({
          type: "thread.approval.request",
          turnId: turnOf("m1"),
          requestId: r1,
          kind: "edit",
          title: "Edit a file",
          detail: { path: "a.ts" },
        }),
      )
      .gives(
        event("thread.approval-requested", {
          threadId: "t1",
          turnId: turnOf("m1"),
          requestId: "r1",
          kind: "edit",
          title: "Edit a file",
          detail: { path: "a.ts" },
          createdAt: NOW,
        }),
      );
  });

  const resolve = server({ type: "thread.approval.resolve", requestId: r1, outcome: "accept" });

  it("resolves it, answered or taken back by the agent", () => {
    given(turn, approvalRequested("r1"), responded("r1"))
      .when(resolve)
      .gives(approvalResolved("r1", "accept"));
    given(turn, approvalRequested("r1")).when(resolve).gives(approvalResolved("r1", "accept"));
  });

  it("resolves it once, and not by the other command", () => {
    given(turn).when(resolve).rejected("request-not-found");
    given(turn, approvalRequested("r1"), approvalResolved("r1", "accept"))
      .when(resolve)
      .rejected("request-not-found");
    given(turn, questionAsked("r1", "q")).when(resolve).rejected("request-not-found");
  });
});

describe("thread.user-input.request and .resolve", () => {
  it("asks the questions", () => {
    const questions = [{ id: "q", prompt: "Which?", options: [{ value: "a", label: "A" }] }];
    given(turn)
      .when(server({ type: "thread.user-input.request", turnId: turnOf("m1"), requestId: r1, questions }))
      .gives(
        event("thread.user-input-requested", {
          threadId: "t1",
          turnId: turnOf("m1"),
          requestId: "r1",
          questions,
          createdAt: NOW,
        }),
      );
  });

  const resolve = server({ type: "thread.user-input.resolve", requestId: r1, outcome: "answered" });

  it("resolves them once, and not by the other command", () => {
    given(turn, questionAsked("r1", "q")).when(resolve).gives(questionResolved("r1", "answered"));
    given(turn, questionAsked("r1", "q"), questionResolved("r1", "answered"))
      .when(resolve)
      .rejected("request-not-found");
    given(turn, approvalRequested("r1")).when(resolve).rejected("request-not-found");
  });
});

describe("the end of a turn", () => {
  const complete = server({
    type: "thread.turn.complete",
    turnId: turnOf("m1"),
    status: "completed",
    reason: null,
  });

  it("expires what is open, answered or not, before the turn is complete", () => {
    given(turn, approvalRequested("r1"), questionAsked("r2", "q"), approvalRequested("r3"), responded("r1"))
      .when(complete)
      .gives(
        approvalResolved("r1", "expired"),
        questionResolved("r2", "expired"),
        approvalResolved("r3", "expired"),
        turnCompleted("m1"),
        sessionSet({ status: "ready" }),
      );
  });

  it("leaves alone what was resolved before", () => {
    given(turn, approvalRequested("r1"), approvalResolved("r1", "decline"))
      .when(complete)
      .gives(turnCompleted("m1"), sessionSet({ status: "ready" }));
  });
});
