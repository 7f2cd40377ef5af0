/**
 * From what an agent does to the server's commands (SPEC section 5). One ingest per session: it takes the agent's events
 * in order, one at a time, and each is on disk before the next is taken, so a fast agent is slowed by the disk and by
 * nothing else. Deltas of text are not waited for; see ReplyText.
 */
import type { EventId, ProviderSessionId, ProviderThreadId, ThreadId, TurnId } from "@heddle/contracts/Ids";
import type { RequestOutcome } from "@heddle/contracts/Model";
import type { ProviderRuntimeEvent } from "@heddle/contracts/ProviderRuntimeEvent";
import type { ApprovalRequestId } from "@heddle/contracts/Ids";
import type { ServerCommand } from "@heddle/domain/ServerCommand";
import { Clock, Effect, type Scope, Semaphore } from "effect";
import { commandIdFrom, messageIdFrom, requestIdFrom } from "./DerivedId.ts";
import type { Engine } from "./Engine.ts";
import type { Feed } from "./Feed.ts";
import type { CommandError, Origin } from "./GroupWriter.ts";
import { makeReplyText } from "./ReplyText.ts";

/** The turn that the agent works on. */
export interface CurrentTurn {
  readonly turnId: TurnId;
  readonly turnCount: number;
  /** `thread.turn-started`: the cause of all that the agent does in it. */
  readonly startedEventId: EventId;
  readonly correlationId: string | null;
}

export interface OpenRequest {
  readonly requestKey: string;
  readonly kind: "approval" | "user-input";
}

type Of<Type extends ProviderRuntimeEvent["type"]> = Extract<ProviderRuntimeEvent, { type: Type }>;
/** A server command, but for what the ingest adds to each. */
type Body = ServerCommand extends infer Command
  ? Command extends ServerCommand
    ? Omit<Command, "commandId" | "threadId">
    : never
  : never;

export interface IngestOptions {
  readonly threadId: ThreadId;
  readonly adapterKey: string;
  readonly engine: Engine["Service"];
  readonly feed: Feed["Service"];
  readonly scope: Scope.Scope;
  /** Names this process among those of the thread. */
  readonly instance: string;
  readonly onStarted: (event: Of<"session.started">) => void;
}

export type AgentIngest = Effect.Success<ReturnType<typeof makeAgentIngest>>;

export const makeAgentIngest = Effect.fnUntraced(function* (options: IngestOptions) {
  const { threadId, engine, feed, scope } = options;
  const step = yield* Semaphore.make(1);
  const openRequests = new Map<ApprovalRequestId, OpenRequest>();
  const toolPhases = new Map<string, "open" | "closed">();
  let turn: CurrentTurn | null = null;
  let providerSessionId: ProviderSessionId | undefined;
  let providerThreadId: ProviderThreadId | undefined;
  let counter = 0;

  /** What ids of this moment derive from. */
  const place = () => turn?.turnId ?? `session:${providerSessionId ?? threadId}`;

  const origin = Effect.fnUntraced(function* (event?: ProviderRuntimeEvent) {
    const ingestedAt = new Date(yield* Clock.currentTimeMillis).toISOString();
    return {
      actor: "provider",
      causationEventId: turn?.startedEventId ?? null,
      correlationId: turn?.correlationId ?? null,
      metadata: {
        adapterKey: options.adapterKey,
        ingestedAt,
        ...(providerSessionId !== undefined && { providerSessionId }),
        ...(providerThreadId !== undefined && { providerThreadId }),
        ...(event && "itemId" in event && event.itemId !== undefined && { providerItemId: event.itemId }),
        ...(event && "requestKey" in event && { requestId: event.requestKey }),
      },
    } satisfies Origin;
  });

  /**
   * What the thread refuses (it was deleted or stopped meanwhile) is left out: the agent's word came too late. All else
   * that fails ends the session.
   */
  const record = (body: Body, idParts: ReadonlyArray<string | number>, event?: ProviderRuntimeEvent) =>
    Effect.flatMap(origin(event), (from) =>
      engine.dispatch({ ...body, threadId, commandId: commandIdFrom(body.type, place(), ...idParts) }, from),
    ).pipe(
      Effect.asVoid,
      Effect.catchTag("CommandRejected", (rejected) =>
        Effect.logDebug(`Left out ${body.type} of thread ${threadId}: ${rejected.message}`),
      ),
    );

  const reply = makeReplyText<CommandError>({
    threadId,
    feed,
    scope,
    messageIdOf: (itemId, part) =>
      part === 0 ? messageIdFrom(threadId, place(), itemId) : messageIdFrom(threadId, place(), itemId, part),
    store: ({ messageId, offset, text, last }) =>
      record(
        {
          type: last ? "thread.message.assistant.complete" : "thread.message.assistant.delta",
          turnId: turn?.turnId ?? null,
          messageId,
          offset,
          text,
        },
        [messageId, offset],
      ),
    exclusively: (work) =>
      step.withPermits(1)(
        work.pipe(
          Effect.catch((error) => Effect.logError(`A segment of thread ${threadId} was not stored`, error)),
        ),
      ),
  });

  const activity = (
    tone: "info" | "tool" | "approval" | "error",
    kind: string,
    summary: string,
    detail: Extract<Body, { type: "thread.activity.append" }>["detail"],
    idParts: ReadonlyArray<string | number>,
    event?: ProviderRuntimeEvent,
  ) =>
    record(
      { type: "thread.activity.append", turnId: turn?.turnId ?? null, tone, kind, summary, detail },
      idParts,
      event,
    );

  const onTool = Effect.fnUntraced(function* (event: Of<"tool.updated">) {
    yield* reply.complete;
    const known = toolPhases.get(event.itemId);
    const closed = event.status === "completed" || event.status === "failed";
    if (known === "closed" || (known === "open" && !closed)) return;
    toolPhases.set(event.itemId, closed ? "closed" : "open");
    const kind = closed ? `tool.${event.status}` : "tool.started";
    const detail = { itemId: event.itemId, kind: event.kind, status: event.status, content: event.payload };
    yield* activity("tool", kind, event.title, detail, [event.itemId, kind], event);
  });

  const onRequest = Effect.fnUntraced(function* (
    event: Of<"approval.requested"> | Of<"user-input.requested">,
  ) {
    yield* reply.complete;
    const requestId = requestIdFrom(threadId, place(), event.requestKey);
    const turnId = turn?.turnId ?? null;
    if (event.type === "user-input.requested") {
      openRequests.set(requestId, { requestKey: event.requestKey, kind: "user-input" });
      const { questions } = event;
      yield* record({ type: "thread.user-input.request", turnId, requestId, questions }, [requestId], event);
      return;
    }
    openRequests.set(requestId, { requestKey: event.requestKey, kind: "approval" });
    const { kind, title, payload } = event;
    yield* record(
      { type: "thread.approval.request", turnId, requestId, kind, title, detail: payload },
      [requestId],
      event,
    );
    yield* activity(
      "approval",
      "approval.requested",
      title,
      { requestId, kind },
      [requestId, "asked"],
      event,
    );
  });

  const resolveRequest = Effect.fnUntraced(function* (requestId: ApprovalRequestId, outcome: RequestOutcome) {
    const request = openRequests.get(requestId);
    if (!request) return;
    openRequests.delete(requestId);
    yield* record({ type: `thread.${request.kind}.resolve`, requestId, outcome }, [requestId, "resolved"]);
    if (request.kind === "approval") {
      yield* activity("approval", "approval.resolved", `Answered: ${outcome}`, { requestId, outcome }, [
        requestId,
        "told",
      ]);
    }
  });

  const handle = (event: ProviderRuntimeEvent): Effect.Effect<void, CommandError> => {
    counter += 1;
    switch (event.type) {
      case "session.started":
        providerSessionId = event.providerSessionId;
        providerThreadId = event.providerThreadId;
        options.onStarted(event);
        return Effect.void;
      case "message.delta":
        return reply.append(event.itemId, event.text);
      case "message.completed":
        return reply.finish(event.itemId, event.text);
      case "reasoning":
        return Effect.andThen(
          reply.complete,
          activity(
            "info",
            "reasoning",
            firstLine(event.text),
            { text: event.text },
            [event.itemId, "reasoning"],
            event,
          ),
        );
      case "tool.updated":
        return onTool(event);
      case "plan.updated":
        return Effect.andThen(
          reply.complete,
          activity(
            "info",
            "plan",
            `Plan of ${event.entries.length} steps`,
            { entries: event.entries },
            ["plan", counter],
            event,
          ),
        );
      case "approval.requested":
      case "user-input.requested":
        return onRequest(event);
      case "request.withdrawn": {
        const found = [...openRequests].find(([, request]) => request.requestKey === event.requestKey);
        return found ? resolveRequest(found[0], "cancel") : Effect.void;
      }
      case "notice":
        return Effect.andThen(
          reply.complete,
          activity(event.tone, event.kind, event.summary, event.payload, ["notice", counter], event),
        );
      case "turn.started":
      case "turn.completed":
      case "session.exited":
        return reply.complete;
    }
  };

  return {
    /** Takes one event in; the words before it are stored first. */
    take: (event: ProviderRuntimeEvent) => step.withPermits(1)(handle(event)),
    /** Gives the agent its answer and records it, before anything that the agent does next. */
    answer: <E>(requestId: ApprovalRequestId, outcome: RequestOutcome, deliver: Effect.Effect<void, E>) =>
      step.withPermits(1)(Effect.andThen(deliver, resolveRequest(requestId, outcome))),
    openRequest: (requestId: ApprovalRequestId): OpenRequest | undefined => openRequests.get(requestId),
    beginTurn: (begun: CurrentTurn) => {
      turn = begun;
      reply.reset();
      toolPhases.clear();
    },
    endTurn: () => {
      turn = null;
      openRequests.clear();
    },
    currentTurn: () => turn,
    assistantMessageId: reply.latestMessageId,
    origin,
    instance: options.instance,
    ids: () => ({ providerSessionId, providerThreadId }),
  };
});

const firstLine = (text: string): string => {
  const line = text.trim().split("\n", 1)[0] ?? "";
  return line.length > 200 ? `${line.slice(0, 199)}…` : line;
};
