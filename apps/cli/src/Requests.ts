/** Answers what an agent asks while somebody watches: by `--yes`, by the person at the terminal, or not at all. */
import type { HeddleClientService } from "@heddle/client/HeddleClient";
import type { ApprovalRequestId, ThreadId } from "@heddle/contracts/Ids";
import type { ApprovalDecision, UserInputQuestion } from "@heddle/contracts/Model";
import type { PendingApproval } from "@heddle/contracts/ReadModel";
import { Clock, Deferred, Effect, Predicate, Queue, Schedule, Terminal } from "effect";
import { askLine } from "./Ask.ts";
import { dispatch } from "./Connection.ts";
import { invocation } from "./Environment.ts";
import { newCommandId } from "./NewIds.ts";
import { Output } from "./Output.ts";
import { dim, yellow } from "./render/Colour.ts";
import { shortRequestId } from "./render/Request.ts";

/** What is open: an approval, or questions. */
export type OpenRequest = Pick<PendingApproval, "requestId" | "kind" | "questions">;

export interface RequestsOptions {
  readonly client: HeddleClientService;
  readonly threadId: ThreadId;
  /** Accepts every approval. Questions are not answered by it. */
  readonly acceptAll: boolean;
  /** Told before an answer is sent from here. */
  readonly answering: (requestId: ApprovalRequestId) => void;
}

/** `at` is a label; the server has its own clock. */
export const now = Effect.map(Clock.currentTimeMillis, (millis) => new Date(millis).toISOString());

/** While the connection is being made again, an answer waits for it. The command's id stays, so it counts once. */
const sent = (...args: Parameters<typeof dispatch>) =>
  dispatch(...args).pipe(
    Effect.retry({
      schedule: Schedule.spaced("500 millis"),
      while: (error) => Predicate.isTagged(error, "RpcClientError"),
    }),
  );

export const makeRequests = Effect.fnUntraced(function* (options: RequestsOptions) {
  const { client, threadId, acceptAll } = options;
  const output = yield* Output;
  const waiting = yield* Queue.unbounded<OpenRequest>();
  const closed = new Map<ApprovalRequestId, Deferred.Deferred<void>>();
  let asking = false;

  const decide = Effect.fnUntraced(function* (requestId: ApprovalRequestId, decision: ApprovalDecision) {
    const createdAt = yield* now;
    const commandId = newCommandId();
    yield* sent(client, {
      type: "thread.approval.respond",
      commandId,
      threadId,
      requestId,
      decision,
      createdAt,
    });
  });

  const askApproval = Effect.fnUntraced(function* ({ requestId }: OpenRequest) {
    let decision: ApprovalDecision | undefined;
    while (decision === undefined) {
      const answer = yield* askLine(`  ${yellow("Allow?")} [y]es, [a]lways, [n]o, [c]ancel the turn: `);
      decision = decisions[answer.toLowerCase()];
    }
    options.answering(requestId);
    yield* decide(requestId, decision);
  });

  const askQuestions = Effect.fnUntraced(function* ({ requestId, questions }: OpenRequest) {
    const answers: Record<string, string> = {};
    for (const question of questions) {
      let answer = "";
      while (answer === "") {
        const prompt =
          questions.length > 1 ? `  ${yellow("Answer")} (${question.id}): ` : `  ${yellow("Answer:")} `;
        answer = chosen(question, yield* askLine(prompt));
      }
      answers[question.id] = answer;
    }
    options.answering(requestId);
    const createdAt = yield* now;
    const commandId = newCommandId();
    yield* sent(client, {
      type: "thread.user-input.respond",
      commandId,
      threadId,
      requestId,
      answers,
      createdAt,
    });
  });

  const sayHow = (request: OpenRequest) => output.print(howToAnswer(threadId, request));

  const ask = (request: OpenRequest, resolved: Deferred.Deferred<void>) =>
    (request.kind === "user-input" ? askQuestions(request) : askApproval(request)).pipe(
      // Answered elsewhere, or taken back: the question is void.
      Effect.raceFirst(Deferred.await(resolved)),
      Effect.catchIf(Terminal.isQuitError, () => sayHow(request)),
      Effect.catchTag("CommandRejected", (error) => output.print(`  ${dim(`Not sent: ${error.message}`)}\n`)),
    );

  /** Asks one after the other, in the order in which they came. Never ends. */
  const run = Effect.gen(function* () {
    for (;;) {
      const request = yield* Queue.take(waiting);
      const resolved = closed.get(request.requestId);
      if (resolved === undefined) continue;
      asking = true;
      yield* ask(request, resolved).pipe(
        Effect.ensuring(
          Effect.sync(() => {
            asking = false;
          }),
        ),
      );
    }
  });

  return {
    run,
    /** Somebody is being asked; the status line is theirs. */
    asking: () => asking,
    opened: Effect.fnUntraced(function* (request: OpenRequest) {
      if (acceptAll && request.kind !== "user-input") {
        yield* decide(request.requestId, "accept").pipe(
          // Somebody else was faster.
          Effect.catchTag("CommandRejected", () => Effect.void),
        );
      } else if (output.interactive) {
        closed.set(request.requestId, yield* Deferred.make<void>());
        yield* Queue.offer(waiting, request);
      } else if (!output.json) yield* sayHow(request);
    }),
    resolved: (requestId: ApprovalRequestId) =>
      Effect.suspend(() => {
        const deferred = closed.get(requestId);
        closed.delete(requestId);
        return deferred ? Deferred.succeed(deferred, undefined) : Effect.void;
      }),
  };
});

const decisions: Readonly<Record<string, ApprovalDecision>> = {
  y: "accept",
  yes: "accept",
  a: "acceptForSession",
  always: "acceptForSession",
  n: "decline",
  no: "decline",
  c: "cancel",
  cancel: "cancel",
};

/** The value that an answer means: of an option by its number, its label or its value, else the words themselves. */
export const chosen = ({ options }: UserInputQuestion, answer: string): string => {
  const option =
    options?.[Number(answer) - 1] ??
    options?.find(({ value, label }) => value === answer || label.toLowerCase() === answer.toLowerCase());
  return option?.value ?? answer;
};

const howToAnswer = (threadId: ThreadId, { kind, requestId }: OpenRequest): string => {
  const id = shortRequestId(requestId);
  return kind === "user-input"
    ? `  ${dim(`Answer with: ${invocation} thread answer ${threadId} ${id} TEXT`)}\n`
    : `  ${dim(`Answer with: ${invocation} thread approve ${threadId} ${id} (or --decline, --for-session, --cancel)`)}\n`;
};
