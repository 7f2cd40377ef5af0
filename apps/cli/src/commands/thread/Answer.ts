/** `heddle thread approve` and `heddle thread answer`: what an agent waits for, answered from anywhere. */
import type { HeddleClientService } from "@heddle/client/HeddleClient";
import type { ApprovalDecision, RequestOutcome } from "@heddle/contracts/Model";
import type { PendingApproval, ThreadSnapshot } from "@heddle/contracts/ReadModel";
import { Effect, Option } from "effect";
import { Argument, Command, Flag } from "effect/cli";
import { CliFailure, wrongUsage } from "../../CliFailure.ts";
import { connected, dispatch } from "../../Connection.ts";
import { followUntil } from "../../FollowUntil.ts";
import { findThread, openRequests } from "../../Lookup.ts";
import { newCommandId } from "../../NewIds.ts";
import { Output } from "../../Output.ts";
import { green, yellow } from "../../render/Colour.ts";
import { isCalled, shortRequestId } from "../../render/Request.ts";
import { cleanLine, revealLine } from "../../render/Sanitize.ts";
import { chosen, now } from "../../Requests.ts";
import * as Flags from "../Flags.ts";

const describe = (request: PendingApproval): string => {
  const what = request.kind === "user-input" ? (request.questions[0]?.prompt ?? "") : request.title;
  return `${shortRequestId(request.requestId)}  ${revealLine(what)}`;
};

/** The open request that is meant: the named one, or the only one. */
const chooseRequest = (
  snapshot: ThreadSnapshot,
  given: string | undefined,
  noun: "approval" | "question",
): Effect.Effect<PendingApproval, CliFailure> => {
  const open = openRequests(snapshot).filter(({ kind }) => (kind === "user-input") === (noun === "question"));
  const found = given === undefined ? open : open.filter(({ requestId }) => isCalled(requestId, given));
  const [only] = found;
  if (only !== undefined && found.length === 1) return Effect.succeed(only);
  const lines = open.map(describe);
  if (only !== undefined) {
    return Effect.fail(
      wrongUsage([`Several ${noun}s are open:`, ...lines].join("\n"), "Name one behind the thread."),
    );
  }
  return Effect.fail(
    new CliFailure({
      kind: "request-not-found",
      message:
        given === undefined || open.length === 0
          ? `No ${noun} is open in ${snapshot.thread.threadId}.`
          : [`No open ${noun} is called ${given}. Open:`, ...lines].join("\n"),
    }),
  );
};

/** How a request ended, once it has. */
const outcomeOf = (client: HeddleClientService, snapshot: ThreadSnapshot, { requestId }: PendingApproval) =>
  followUntil(client, snapshot.thread.threadId, snapshot.snapshotSequence, (event) =>
    (event.eventType === "thread.approval-resolved" || event.eventType === "thread.user-input-resolved") &&
    event.payload.requestId === requestId
      ? event.payload.outcome
      : undefined,
  );

const tell = Effect.fnUntraced(function* (
  request: PendingApproval,
  outcome: RequestOutcome | undefined,
  words: string,
) {
  const output = yield* Output;
  if (outcome === "expired") {
    return yield* new CliFailure({
      kind: "request-expired",
      message: "It expired: nobody is left to receive the answer.",
    });
  }
  if (output.json) {
    return yield* output.printJson({ requestId: request.requestId, outcome: outcome ?? "sent" });
  }
  const late = outcome === undefined ? yellow(" The agent has not taken it yet.") : "";
  yield* output.print(`${green("✓")} ${words}${late}\n`);
});

const approveWords: Readonly<Record<ApprovalDecision, string>> = {
  accept: "Accepted",
  acceptForSession: "Accepted for this session",
  decline: "Declined",
  cancel: "Cancelled, and the turn with it",
};

const choice = (name: string, what: string) =>
  Flag.Boolean(name).pipe(Flag.withDescription(what), Flag.withDefault(false));

export const approve = Command.make(
  "approve",
  {
    thread: Flags.threadId,
    request: Argument.String("request").pipe(
      Argument.withDescription("Which request (else the only one that is open)"),
      Argument.optional,
    ),
    forSession: choice("for-session", "Accept this kind of act from now on"),
    decline: choice("decline", "Decline it; the agent goes on without it"),
    cancel: choice("cancel", "Decline it, and end the turn"),
  },
  ({ thread, request, forSession, decline, cancel }) =>
    connected((client) =>
      Effect.gen(function* () {
        if ([forSession, decline, cancel].filter(Boolean).length > 1) {
          return yield* wrongUsage("Only one of --for-session, --decline and --cancel can be.");
        }
        const decision = forSession ? "acceptForSession" : decline ? "decline" : cancel ? "cancel" : "accept";
        const snapshot = yield* findThread(client, thread);
        const found = yield* chooseRequest(snapshot, Option.getOrUndefined(request), "approval");
        yield* dispatch(client, {
          type: "thread.approval.respond",
          commandId: newCommandId(),
          threadId: snapshot.thread.threadId,
          requestId: found.requestId,
          decision,
          createdAt: yield* now,
        });
        const outcome = yield* outcomeOf(client, snapshot, found);
        yield* tell(found, outcome, `${approveWords[decision]}: ${revealLine(found.title)}`);
      }),
    ),
).pipe(
  Command.withDescription("Answer what an agent asks leave for: yes, unless a flag says otherwise"),
  Command.withShortDescription("Allow, or not, what an agent asks leave for"),
);

export const answer = Command.make(
  "answer",
  {
    thread: Flags.threadId,
    words: Argument.String("text").pipe(
      Argument.withDescription(
        "The answer, or the number of an option; which request before it, if several are open",
      ),
      Argument.variadic(),
    ),
    each: Flag.KeyValuePair("answer").pipe(
      Flag.withMetavar("<question=text>"),
      Flag.withDescription("For a request of several questions: the answer to each"),
      Flag.optional,
    ),
  },
  ({ thread, words, each }) =>
    connected((client) =>
      Effect.gen(function* () {
        const snapshot = yield* findThread(client, thread);
        const [first = "", ...rest] = words;
        const questions = openRequests(snapshot).filter(({ kind }) => kind === "user-input");
        // The first word may name the request; short ones are more likely to be the answer.
        const named =
          first.length >= 4 &&
          (rest.length > 0 || Option.isSome(each)) &&
          questions.some((request) => isCalled(request.requestId, first));
        const found = yield* chooseRequest(snapshot, named ? first : undefined, "question");
        const answers = yield* answersTo(
          found,
          (named ? rest : words).join(" "),
          Option.getOrUndefined(each),
        );
        yield* dispatch(client, {
          type: "thread.user-input.respond",
          commandId: newCommandId(),
          threadId: snapshot.thread.threadId,
          requestId: found.requestId,
          answers,
          createdAt: yield* now,
        });
        const outcome = yield* outcomeOf(client, snapshot, found);
        yield* tell(found, outcome, `Answered: ${Object.values(answers).map(cleanLine).join(", ")}`);
      }),
    ),
).pipe(
  Command.withDescription("Answer an agent's question"),
  Command.withExamples([
    { command: "heddle thread answer fix-login-7f3k use the staging database" },
    { command: "heddle thread answer fix-login-7f3k 2", description: "The second of the options" },
  ]),
);

const answersTo = Effect.fnUntraced(function* (
  { questions }: PendingApproval,
  text: string,
  each: Readonly<Record<string, string>> | undefined,
) {
  const [only] = questions;
  if (each === undefined && text === "") {
    return yield* wrongUsage(
      "Missing the answer.",
      `The question is: ${questions.map(({ prompt }) => prompt).join(" / ")}`,
    );
  }
  if (each !== undefined) {
    const entries = questions.flatMap((question) => {
      const given = each[question.id];
      return given === undefined ? [] : [[question.id, chosen(question, given)] as const];
    });
    return Object.fromEntries(entries);
  }
  if (only === undefined || questions.length > 1) {
    return yield* wrongUsage(
      ["There are several questions:", ...questions.map(({ id, prompt }) => `${id}: ${prompt}`)].join("\n"),
      "Answer each with --answer, as in --answer name=Heddle --answer size=2",
    );
  }
  return { [only.id]: chosen(only, text) };
});
