/** Whether an event is meant by a filter: for feeds, which the server does not filter. */
import type { EventEnvelope } from "@heddle/contracts/Events";
import type { EventFilter } from "@heddle/contracts/InspectionRpc";

/**
 * Tells of each event of a feed whether the filter means it, as `orchestration.listEvents` does of those that are stored.
 *
 * **Details**
 *
 * An event does not say which project its thread is in. Where the filter names a project, `projectThreads` are the threads
 * that were made in it so far (`listEvents` with that project and the type `thread.created` finds them), and the matcher learns
 * of others as it is shown `thread.created`: show it the whole feed, in order.
 */
export const eventMatcher = (
  filter: EventFilter,
  projectThreads: Iterable<string> = [],
): ((event: EventEnvelope) => boolean) => {
  const threads = new Set(projectThreads);
  const types = filter.types?.map(typePattern);
  const since = filter.since === undefined ? Number.NEGATIVE_INFINITY : Date.parse(filter.since);
  const until = filter.until === undefined ? Number.POSITIVE_INFINITY : Date.parse(filter.until);
  const { stream, threadId, projectId, text } = filter;
  const wanted = text && lower(text);
  return (event) => {
    const { aggregateKind, streamId, occurredAt } = event;
    if (event.eventType === "thread.created" && event.payload.projectId === projectId) threads.add(streamId);
    const at = Date.parse(occurredAt);
    return (
      (!stream || (aggregateKind === stream.aggregateKind && streamId === stream.streamId)) &&
      (threadId === undefined || (aggregateKind === "thread" && streamId === threadId)) &&
      (projectId === undefined ||
        (aggregateKind === "thread" ? threads.has(streamId) : streamId === projectId)) &&
      (!types || types.some((pattern) => pattern.test(event.eventType))) &&
      (filter.actor === undefined || event.actorKind === filter.actor) &&
      (filter.commandId === undefined || event.commandId === filter.commandId) &&
      (filter.correlationId === undefined || event.correlationId === filter.correlationId) &&
      at >= since &&
      at <= until &&
      event.sequence >= (filter.fromSequence ?? 0) &&
      event.sequence <= (filter.toSequence ?? Number.POSITIVE_INFINITY) &&
      (!wanted || holds(event.payload, wanted))
    );
  };
};

const typePattern = (pattern: string): RegExp =>
  new RegExp(
    `^${pattern
      .split("*")
      .map((part) => part.replaceAll(".", String.raw`\.`))
      .join(".*")}$`,
  );

const holds = (value: unknown, wanted: string): boolean => {
  if (typeof value === "string") return lower(value).includes(wanted);
  if (typeof value !== "object" || value === null) return false;
  return Object.values(value).some((entry) => holds(entry, wanted));
};

/** A to Z as a to z: the case of other letters counts. */
const lower = (text: string): string => text.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase());
