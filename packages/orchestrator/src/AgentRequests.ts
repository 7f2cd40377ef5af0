/**
 * What an agent asked and waits for: opened in the thread, answered once, opened again where the agent cannot take the
 * answer. The ingest sees to it that one thing happens at a time.
 */
import type { ApprovalRequestId, TurnId } from "@heddle/contracts/Ids";
import type { RequestOutcome } from "@heddle/contracts/Model";
import type { ProviderRuntimeEvent } from "@heddle/contracts/ProviderRuntimeEvent";
import type { ProviderError } from "@heddle/providers/shared/Provider";
import { Effect } from "effect";
import type { RecordActivity, RecordBody } from "./AgentIngest.ts";
import type { CommandError } from "./GroupWriter.ts";

type Requested = Extract<ProviderRuntimeEvent, { type: "approval.requested" | "user-input.requested" }>;

export interface OpenRequest {
  readonly requestKey: string;
  readonly kind: "approval" | "user-input";
  readonly title: string;
  /** Opens the request in the thread; `part` tells one time from the next. */
  readonly ask: (part: number) => Effect.Effect<void, CommandError>;
  asked: number;
  /** The answer that the agent has; undefined until then. */
  given: RequestOutcome | undefined;
}

export interface AgentRequestsOptions {
  readonly record: RecordBody;
  readonly activity: RecordActivity;
  /** Takes back what was said of an agent that is silent. */
  readonly heard: Effect.Effect<void, CommandError>;
  readonly idOf: (requestKey: string) => ApprovalRequestId;
  readonly turnId: () => TurnId | null;
}

export const makeAgentRequests = ({ record, activity, heard, idOf, turnId }: AgentRequestsOptions) => {
  const openRequests = new Map<ApprovalRequestId, OpenRequest>();

  const asking = (event: Requested, requestId: ApprovalRequestId): OpenRequest["ask"] => {
    const of = { turnId: turnId(), requestId };
    return event.type === "user-input.requested"
      ? (part) =>
          record(
            { type: "thread.user-input.request", ...of, questions: event.questions },
            [requestId, part],
            event,
          )
      : (part) => {
          const { kind, title, payload: detail } = event;
          return record(
            { type: "thread.approval.request", ...of, kind, title, detail },
            [requestId, part],
            event,
          );
        };
  };

  /** The agent could not take an answer: the request is open again, and the thread says why. */
  const askAgain = Effect.fnUntraced(function* (requestId: ApprovalRequestId, reason: string) {
    const request = openRequests.get(requestId);
    if (!request) return;
    request.asked += 1;
    yield* request.ask(request.asked);
    yield* activity("error", "answer.refused", "The answer could not be given", { requestId, reason }, [
      requestId,
      "refused",
      request.asked,
    ]);
  });

  const resolve = Effect.fnUntraced(function* (requestId: ApprovalRequestId, outcome: RequestOutcome) {
    const request = openRequests.get(requestId);
    if (!request) return;
    yield* record({ type: `thread.${request.kind}.resolve`, requestId, outcome }, [requestId, "resolved"]);
    if (request.kind === "approval") {
      yield* activity("approval", "approval.resolved", `Answered: ${outcome}`, { requestId, outcome }, [
        requestId,
        "told",
      ]);
    }
    // Not before: what could not be stored is tried again.
    openRequests.delete(requestId);
  });

  return {
    open: Effect.fnUntraced(function* (event: Requested) {
      const { requestKey } = event;
      const requestId = idOf(requestKey);
      const isApproval = event.type === "approval.requested";
      const kind = isApproval ? "approval" : "user-input";
      const title = isApproval ? event.title : (event.questions[0]?.prompt ?? "");
      const ask = asking(event, requestId);
      openRequests.set(requestId, { requestKey, kind, title, ask, asked: 0, given: undefined });
      yield* ask(0);
      if (isApproval) {
        const detail = { requestId, kind: event.kind };
        yield* activity("approval", "approval.requested", title, detail, [requestId, "asked"], event);
      }
    }),
    /** The agent does not wait for it any more. */
    withdraw: (requestKey: string): Effect.Effect<void, CommandError> => {
      const found = [...openRequests].find(([, request]) => request.requestKey === requestKey);
      return found ? resolve(found[0], found[1].given ?? "cancel") : Effect.void;
    },
    answer: (
      requestId: ApprovalRequestId,
      outcome: RequestOutcome,
      deliver: Effect.Effect<void, ProviderError>,
    ) =>
      Effect.suspend(() => {
        const request = openRequests.get(requestId);
        if (request?.given) return Effect.void;
        return Effect.map(deliver, () => {
          if (request) request.given = outcome;
        });
      }).pipe(
        // The agent goes on from here.
        Effect.andThen(heard),
        Effect.andThen(resolve(requestId, outcome)),
        Effect.as<string>(outcome),
        Effect.catchTag("ProviderError", (error) =>
          Effect.as(askAgain(requestId, error.message), `refused: ${error.message}`),
        ),
      ),
    reopen: (requestId: ApprovalRequestId, reason: string) =>
      Effect.suspend(() => {
        const request = openRequests.get(requestId);
        if (!request) return Effect.succeed(false);
        const { given } = request;
        return Effect.as(given ? resolve(requestId, given) : askAgain(requestId, reason), true);
      }),
    get: (requestId: ApprovalRequestId): OpenRequest | undefined => openRequests.get(requestId),
    /** What is asked in the one that waits longest. */
    longestOpen: (): string | undefined => openRequests.values().next().value?.title,
    clear: () => openRequests.clear(),
  };
};
