/** From a decided event to the one that is stored, and to the effect that it asks for. */
import { type AggregateKind, type EventEnvelope, eventVersion } from "@heddle/contracts/Events";
import { type CommandId, EventId } from "@heddle/contracts/Ids";
import type { DecidedEvent } from "@heddle/domain/Decision";
import { laneOf, reactionTo } from "@heddle/domain/Reaction";
import type { NewEffect } from "@heddle/event-store/Effects";
import type { Origin } from "./GroupWriter.ts";

/** Where an event of a decision stands. */
export interface Place {
  readonly sequence: number;
  /** Among the events of its command, from 0. */
  readonly index: number;
  readonly aggregateKind: AggregateKind;
  readonly streamId: string;
  readonly streamVersion: number;
  readonly occurredAt: string;
}

/** Event ids derive from the command, so that nothing about an event is left to chance. */
const eventIdFor = (commandId: CommandId, index: number): EventId =>
  EventId.make(`${commandId}#${index + 1}`);

/** The decided event in its full envelope (SPEC section 7.2). */
export const envelope = (
  decided: DecidedEvent,
  commandId: CommandId,
  origin: Origin,
  place: Place,
): EventEnvelope => {
  const { causedBy, ...event } = decided;
  return {
    sequence: place.sequence,
    eventId: eventIdFor(commandId, place.index),
    aggregateKind: place.aggregateKind,
    streamId: place.streamId,
    streamVersion: place.streamVersion,
    ...event,
    eventVersion: eventVersion(event.eventType),
    occurredAt: place.occurredAt,
    commandId,
    causationEventId: causationOf(causedBy, commandId, origin, place.index),
    correlationId: (causedBy === commandId ? null : causedBy) ?? origin.correlationId ?? commandId,
    actorKind: origin.actor,
    metadata: origin.metadata,
  };
};

/** Of several events of one command, the first is the cause of the others. */
const causationOf = (
  causedBy: CommandId | undefined,
  commandId: CommandId,
  origin: Origin,
  index: number,
) => {
  if (causedBy !== undefined && causedBy !== commandId) return eventIdFor(causedBy, 0);
  return index === 0 ? origin.causationEventId : eventIdFor(commandId, 0);
};

/** What must happen in the world because of an event (SPEC section 8.1), due at once. */
export const effectOf = (event: EventEnvelope, millis: number): NewEffect | undefined => {
  const reaction = reactionTo(event);
  if (reaction === undefined) return undefined;
  const { kind, ...payload } = reaction;
  return {
    eventSequence: event.sequence,
    eventId: event.eventId,
    correlationId: event.correlationId,
    kind,
    lane: laneOf(reaction),
    payload,
    dueAt: millis,
  };
};
