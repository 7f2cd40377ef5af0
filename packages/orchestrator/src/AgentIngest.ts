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
import type { ProviderError } from "@heddle/providers/shared/Provider";
import { Clock, Effect, References, type Scope, Semaphore } from "effect";
import { makeAgentRequests } from "./AgentRequests.ts";
import { commandIdFrom, messageIdFrom, requestIdFrom } from "./DerivedId.ts";
import type { Engine } from "./Engine.ts";
import type { Feed } from "./Feed.ts";
import type { CommandError, Origin } from "./GroupWriter.ts";
import { makeLiveness } from "./Liveness.ts";
import { makeReplyText } from "./ReplyText.ts";
import { makeTurnUsage } from "./TurnUsage.ts";

/**
 * Runs what takes an agent's events in by small slices: a person's command waits for a slice of each agent's flood before
 * it has its turn, and before it has its answer. (Effect's own slices are of 2,048 operations.)
 */
export const inSmallSlices = Effect.provideService(References.MaxOpsBeforeYield, 64);

/** The turn that the agent works on. */
export interface CurrentTurn {
  readonly turnId: TurnId;
  readonly turnCount: number;
  /** `thread.turn-started`: the cause of all that the agent does in it. */
  readonly startedEventId: EventId;
  readonly correlationId: string | null;
}

type Of<Type extends ProviderRuntimeEvent["type"]> = Extract<ProviderRuntimeEvent, { type: Type }>;
/** A server command, but for what the ingest adds to each. */
export type Body = ServerCommand extends infer Command
  ? Command extends ServerCommand
    ? Omit<Command, "commandId" | "threadId">
    : never
  : never;

/** Dispatches a command; its id derives from the turn or session that it is in, and from `idParts`. */
export type RecordBody = (
  body: Body,
  idParts: ReadonlyArray<string | number>,
  event?: ProviderRuntimeEvent,
) => Effect.Effect<void, CommandError>;

/** The same for what the thread shows as an activity. */
export type RecordActivity = (
  tone: "info" | "tool" | "approval" | "error",
  kind: string,
  summary: string,
  detail: Extract<Body, { type: "thread.activity.append" }>["detail"],
  idParts: ReadonlyArray<string | number>,
  event?: ProviderRuntimeEvent,
) => Effect.Effect<void, CommandError>;

export interface IngestOptions {
  readonly threadId: ThreadId;
  readonly engine: Engine["Service"];
  readonly feed: Feed["Service"];
  readonly scope: Scope.Scope;
  /** Which adapter speaks to the agent. */
  readonly adapterKey: string;
  /** Names this process among those of the thread. */
  readonly instance: string;
  /** Why the session was started: the cause of what happens in it outside of turns. */
  readonly startedBy: Pick<Origin, "causationEventId" | "correlationId">;
  readonly onStarted: (event: Of<"session.started">) => void;
}

export type AgentIngest = Effect.Success<ReturnType<typeof makeAgentIngest>>;

export const makeAgentIngest = Effect.fnUntraced(function* (options: IngestOptions) {
  const { threadId, engine, feed, scope } = options;
  const step = yield* Semaphore.make(1);
  const toolPhases = new Map<string, "open" | "closed">();
  /** Titles of the tools that are at work, the one that is longest first. */
  const openTools = new Map<string, string>();
  let turn: CurrentTurn | null = null;
  let providerSessionId: ProviderSessionId | undefined;
  let providerThreadId: ProviderThreadId | undefined;
  let counter = 0;

  /** What ids of this moment derive from. */
  const place = () => turn?.turnId ?? `session:${options.instance}`;

  const origin = Effect.fnUntraced(function* (event?: ProviderRuntimeEvent) {
    const ingestedAt = new Date(yield* Clock.currentTimeMillis).toISOString();
    return {
      actor: "provider",
      causationEventId: turn?.startedEventId ?? options.startedBy.causationEventId,
      correlationId: turn ? turn.correlationId : options.startedBy.correlationId,
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
  const record: RecordBody = (body, idParts, event) =>
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

  const usage = makeTurnUsage(({ usage: used, context }, word) =>
    turn
      ? record(
          {
            type: "thread.turn.usage.record",
            turnId: turn.turnId,
            usage: used,
            ...(context && { context }),
          },
          [word],
        )
      : Effect.void,
  );

  const liveness = yield* makeLiveness<CommandError>({
    say: (stalled, time) =>
      turn
        ? record({ type: "thread.session.stall", turnId: turn.turnId, stalled }, [
            stalled ? "silent" : "heard",
            time,
          ])
        : Effect.void,
    waitsFor: () => {
      const question = requests.longestOpen();
      if (question !== undefined) return `your answer to: ${firstLine(question)}`;
      const [tool] = openTools.values();
      return tool === undefined ? "the agent" : `the tool: ${firstLine(tool)}`;
    },
  });

  const activity: RecordActivity = (tone, kind, summary, detail, idParts, event) =>
    record(
      { type: "thread.activity.append", turnId: turn?.turnId ?? null, tone, kind, summary, detail },
      idParts,
      event,
    );

  const onTool = Effect.fnUntraced(function* (event: Of<"tool.updated">) {
    yield* reply.complete;
    const known = toolPhases.get(event.itemId);
    const closed = event.status === "completed" || event.status === "failed";
    if (closed) openTools.delete(event.itemId);
    else if (known !== "closed") openTools.set(event.itemId, event.title);
    if (known === "closed" || (known === "open" && !closed)) return;
    toolPhases.set(event.itemId, closed ? "closed" : "open");
    const kind = closed ? `tool.${event.status}` : "tool.started";
    const detail = { itemId: event.itemId, kind: event.kind, status: event.status, content: event.payload };
    yield* activity("tool", kind, event.title, detail, [event.itemId, kind], event);
  });

  const requests = makeAgentRequests({
    record,
    activity,
    heard: Effect.suspend(liveness.heard),
    idOf: (requestKey) => requestIdFrom(threadId, place(), requestKey),
    turnId: () => turn?.turnId ?? null,
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
        return Effect.andThen(reply.complete, requests.open(event));
      case "request.withdrawn":
        return requests.withdraw(event.requestKey);
      case "usage.updated":
        return turn ? usage.take(event) : Effect.void;
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
    take: (event: ProviderRuntimeEvent) =>
      step.withPermits(1)(Effect.andThen(Effect.suspend(liveness.heard), handle(event))),
    /** The last word on what the turn has used goes into the log, if it is not there. */
    settleUsage: step.withPermits(1)(usage.settle),
    /** Shows a turn as stalled of which nothing was heard for so many milliseconds. */
    checkStall: (after: number) =>
      step.withPermits(1)(
        Effect.suspend(() => (turn ? liveness.check(after) : Effect.void)).pipe(
          Effect.catch((error) => Effect.logWarning(`A stall of thread ${threadId} was not stored`, error)),
        ),
      ),
    /** For how many milliseconds nothing was heard of the session; with a turn or a request open, it is not idle. */
    idleFor: () => (turn || requests.longestOpen() !== undefined ? 0 : liveness.silence()),
    /**
     * An answer that was given up: the request is open again, unless the agent has it all the same. False where the session
     * has no such request.
     */
    reopen: (requestId: ApprovalRequestId, reason: string) =>
      step.withPermits(1)(requests.reopen(requestId, reason)),
    /**
     * Gives the agent its answer and records it, before anything that the agent does next. An answer that the agent cannot
     * take opens the request again. Says what came of it.
     */
    answer: (
      requestId: ApprovalRequestId,
      outcome: RequestOutcome,
      deliver: Effect.Effect<void, ProviderError>,
    ) => step.withPermits(1)(requests.answer(requestId, outcome, deliver)),
    openRequest: requests.get,
    beginTurn: (begun: CurrentTurn) => {
      turn = begun;
      reply.reset();
      toolPhases.clear();
      openTools.clear();
      usage.reset();
      liveness.reset();
    },
    endTurn: () => {
      turn = null;
      requests.clear();
      openTools.clear();
      usage.reset();
      liveness.reset();
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
