/** A log of one's own making for inspection: any envelope, in a real database. */
import type { ActorKind, EventEnvelope, EventType } from "@heddle/contracts/Events";
import { CommandId, EventId } from "@heddle/contracts/Ids";
import type { ListEventsInput } from "@heddle/contracts/InspectionRpc";
import { append, envelope, freshStore } from "@heddle/event-store/testing/support";
import { Effect } from "effect";
import { SqlClient } from "effect/sql";
import { eventSearch, type SearchBounds, usualBounds } from "../src/inspect/EventSearch.ts";

export { freshStore };

export interface Made {
  readonly type: EventType;
  readonly payload?: Record<string, unknown>;
  readonly streamId?: string;
  readonly command?: string;
  /** Place among the events of the command, from 1. */
  readonly place?: number;
  readonly cause?: string | null;
  readonly correlation?: string;
  readonly actor?: ActorKind;
  readonly at?: string;
}

const AT = "2026-02-03T04:05:06.000Z";

/** What a payload of a type needs, where a test does not care. */
const usual = (type: EventType, streamId: string): Record<string, unknown> => {
  const threadId = streamId;
  switch (type) {
    case "project.created":
      return { projectId: streamId, title: "P", workspaceRoot: "/p", defaultModel: null, createdAt: AT };
    case "project.meta-updated":
      return { projectId: streamId };
    case "thread.created":
      return {
        threadId,
        projectId: "p1",
        title: "T",
        model: { provider: "demo" },
        branch: null,
        worktreePath: null,
        runtimeMode: "full-access",
        forkedFrom: null,
        createdAt: AT,
      };
    case "thread.message-sent":
      return {
        threadId,
        messageId: "m1",
        turnId: null,
        role: "user",
        text: "hello",
        offset: 0,
        streaming: false,
        attachments: [],
        createdAt: AT,
      };
    case "thread.turn-start-requested":
    case "thread.turn-steer-requested":
      return { threadId, turnId: "turn-1", messageId: "m1", createdAt: AT };
    case "thread.turn-interrupt-requested":
      return { threadId, turnId: "turn-1", createdAt: AT };
    case "thread.turn-started":
      return { threadId, turnId: "turn-1", turnCount: 1, messageId: "m1", startedAt: AT };
    case "thread.turn-completed":
      return { threadId, turnId: "turn-1", status: "completed", reason: null, completedAt: AT };
    case "thread.activity-appended":
      return {
        threadId,
        turnId: null,
        tone: "tool",
        kind: "tool.started",
        summary: "ls",
        detail: null,
        createdAt: AT,
      };
    case "thread.approval-requested":
      return {
        threadId,
        turnId: "turn-1",
        requestId: "request-1",
        kind: "execute",
        title: "ls",
        detail: null,
        createdAt: AT,
      };
    case "thread.approval-response-requested":
      return { threadId, requestId: "request-1", decision: "accept", createdAt: AT };
    default:
      return { threadId };
  }
};

/** The events as they would stand in a log of their own. */
export const logOf = (made: ReadonlyArray<Made>): ReadonlyArray<EventEnvelope> => {
  const versions = new Map<string, number>();
  return made.map(({ type, payload, streamId: given, ...rest }, index) => {
    const sequence = index + 1;
    const streamId = given ?? (type.startsWith("project.") ? "p1" : "t1");
    const stream = `${type.split(".")[0]} ${streamId}`;
    const streamVersion = (versions.get(stream) ?? 0) + 1;
    versions.set(stream, streamVersion);
    const command = rest.command ?? `command-${sequence}`;
    const base = envelope(type, { ...usual(type, streamId), ...payload } as never, {
      sequence,
      streamId,
      streamVersion,
      eventId: `${command}#${rest.place ?? 1}`,
    });
    return {
      ...base,
      commandId: CommandId.make(command),
      causationEventId: typeof rest.cause === "string" ? EventId.make(rest.cause) : null,
      correlationId: rest.correlation ?? command,
      actorKind: rest.actor ?? "client",
      occurredAt: rest.at ?? AT,
    } as EventEnvelope;
  });
};

/** Appends them, and gives them. */
export const logged = (...made: ReadonlyArray<Made>) =>
  Effect.gen(function* () {
    const log = logOf(made);
    if (log.length > 0) yield* append(...log);
    return log;
  });

/** The sequences of all that a search finds, page by page, in the order in which they came. */
export const searchAll = (
  input: Partial<ListEventsInput> & Pick<ListEventsInput, "filter">,
  bounds: Partial<SearchBounds> = {},
) =>
  Effect.gen(function* () {
    const search = eventSearch(yield* SqlClient.SqlClient, { ...usualBounds, ...bounds });
    const sequences: Array<number> = [];
    let cursor: number | null | undefined;
    let pages = 0;
    let examined = 0;
    do {
      const page = yield* search({
        order: "oldest",
        limit: 100,
        ...input,
        ...(typeof cursor === "number" && { cursor }),
      });
      sequences.push(...page.events.map(({ sequence }) => sequence));
      cursor = page.nextCursor;
      pages += 1;
      examined += page.examined;
    } while (cursor !== null);
    return { sequences, pages, examined };
  });
