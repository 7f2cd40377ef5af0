/** What happens inside one group's transaction: steps 1 to 6 of a command's way. */
import type { ClientCommand } from "@heddle/contracts/Commands";
import {
  CommandIdConflict,
  CommandRejected,
  InternalError,
  type ServerBusy,
  type StoreUnavailable,
} from "@heddle/contracts/Errors";
import type { ActorKind, AggregateKind, EventEnvelope, EventMetadata } from "@heddle/contracts/Events";
import { eventVersion } from "@heddle/contracts/Events";
import { EventId } from "@heddle/contracts/Ids";
import type { CommandId, MessageId } from "@heddle/contracts/Ids";
import { decideAgent } from "@heddle/domain/Agent";
import { type DecidedEvent, type Decision, isRejection } from "@heddle/domain/Decision";
import {
  decideProject,
  evolveProject,
  initialProject,
  isProjectCommand,
  type ProjectState,
} from "@heddle/domain/Project";
import { laneOf, reactionTo } from "@heddle/domain/Reaction";
import { isServerCommand, type ServerCommand } from "@heddle/domain/ServerCommand";
import { decideThread } from "@heddle/domain/Thread";
import { evolveThread, initialThread, type ThreadState } from "@heddle/domain/ThreadState";
import { Effects, type NewEffect } from "@heddle/event-store/Effects";
import { type EncodedEvent, encodeEvent } from "@heddle/event-store/EventCodec";
import { EventStore } from "@heddle/event-store/EventStore";
import { type Receipt, Receipts } from "@heddle/event-store/Receipts";
import { Runner } from "@heddle/projections/Runner";
import { inList } from "@heddle/sql/InList";
import { Cause, Clock, Context, type Deferred, Effect, Exit, Layer } from "effect";
import { SqlClient } from "effect/sql";
import { Aggregate, type GroupStates } from "./Aggregate.ts";
import { fingerprintOf } from "./Fingerprint.ts";

export type AnyCommand = ClientCommand | ServerCommand;

/** Where a command comes from: what its events say of their cause. */
export interface Origin {
  readonly actor: ActorKind;
  readonly causationEventId: EventId | null;
  /** Null for a person's command, which is the root of its own chain. */
  readonly correlationId: string | null;
  readonly metadata: EventMetadata;
}

/** A person's command, the root of a chain. */
export const fromClient: Origin = { actor: "client", causationEventId: null, correlationId: null, metadata: {} };

export type CommandError = CommandRejected | CommandIdConflict | ServerBusy | StoreUnavailable | InternalError;
export type Answer = Exit.Exit<{ readonly sequence: number }, CommandError>;

/** A command that waits for its answer. */
export interface Submission {
  readonly command: AnyCommand;
  readonly origin: Origin;
  readonly fingerprint: string;
  readonly reply: Deferred.Deferred<{ readonly sequence: number }, CommandError>;
}

export interface Written {
  readonly answers: ReadonlyArray<readonly [Submission, Answer]>;
  readonly events: ReadonlyArray<EventEnvelope>;
  readonly hasEffects: boolean;
  /** To be called once the transaction is committed, and not before. */
  readonly committed: () => void;
}

interface Group {
  readonly projects: GroupStates<ProjectState>;
  readonly threads: GroupStates<ThreadState>;
  readonly takenMessageIds: Set<MessageId>;
  readonly now: string;
}

export const submission = (
  command: AnyCommand,
  origin: Origin,
  reply: Submission["reply"],
): Submission => ({ command, origin, fingerprint: fingerprintOf(command), reply });

export class GroupWriter extends Context.Service<
  GroupWriter,
  {
    /** Handles a group of commands inside the caller's transaction; the log stands at `head`. */
    readonly write: (
      group: ReadonlyArray<Submission>,
      head: number,
    ) => Effect.Effect<Written, Effect.Error<ReturnType<typeof writeGroup>>>;
    /** Drops what is remembered of aggregates, after a transaction that failed. */
    readonly forget: () => void;
  }
>()("heddle/orchestrator/GroupWriter") {
  static readonly layer = Layer.effect(GroupWriter, Effect.suspend(make));
}

interface Parts {
  readonly sql: SqlClient.SqlClient;
  readonly store: EventStore["Service"];
  readonly receipts: Receipts["Service"];
  readonly effects: Effects["Service"];
  readonly runner: Runner["Service"];
  readonly projects: Aggregate<ProjectState>;
  readonly threads: Aggregate<ThreadState>;
}

function make() {
  return Effect.gen(function* () {
    const store = yield* EventStore;
    const parts: Parts = {
      sql: yield* SqlClient.SqlClient,
      store,
      receipts: yield* Receipts,
      effects: yield* Effects,
      runner: yield* Runner,
      projects: new Aggregate(store, "project", initialProject, evolveProject),
      threads: new Aggregate(store, "thread", initialThread, evolveThread),
    };
    return GroupWriter.of({
      write: (group, head) => writeGroup(parts, group, head),
      forget: () => {
        parts.projects.forget();
        parts.threads.forget();
      },
    });
  });
}

const writeGroup = Effect.fn("GroupWriter.write")(function* (
  parts: Parts,
  submissions: ReadonlyArray<Submission>,
  head: number,
) {
  const millis = yield* Clock.currentTimeMillis;
  const now = new Date(millis).toISOString();
  const group: Group = {
    projects: parts.projects.openGroup(),
    threads: parts.threads.openGroup(),
    takenMessageIds: yield* findTakenMessageIds(parts.sql, submissions),
    now,
  };
  const known = new Map(yield* parts.receipts.find(submissions.map(({ command }) => command.commandId)));
  const answers: Array<readonly [Submission, Answer]> = [];
  const events: Array<EncodedEvent> = [];
  const effects: Array<NewEffect> = [];
  const receipts: Array<Receipt> = [];
  let sequence = head;

  for (const submission of submissions) {
    const { command, origin, fingerprint } = submission;
    // 1. Receipt: the first answer again, or another body under the same id.
    const earlier = known.get(command.commandId);
    if (earlier) {
      answers.push([submission, repeatedAnswer(earlier, fingerprint)]);
      continue;
    }
    // 2. Load, 3. decide. A bug in one decision fails that command alone.
    const decided = yield* Effect.exit(decide(group, command));
    if (Exit.isFailure(decided)) {
      if (Cause.hasFails(decided.cause)) return yield* Effect.failCause(decided.cause);
      answers.push([submission, yield* bug(command.commandId, decided.cause)]);
      continue;
    }
    const { decision, aggregateKind, aggregateId, version } = decided.value;
    let error: CommandRejected | null = null;
    if (isRejection(decision)) {
      const { code, message } = decision;
      error = new CommandRejected({ commandId: command.commandId, commandType: command.type, code, message });
    } else {
      // 4. Events get their places, and the effects that they ask for stand beside them.
      const encoded = yield* Effect.exit(
        Effect.sync(() =>
          decision.map((event, index) =>
            encodeEvent(
              envelope(event, command.commandId, origin, {
                sequence: sequence + index + 1,
                index,
                aggregateKind,
                streamId: aggregateId,
                streamVersion: version + index + 1,
                occurredAt: now,
              }),
            ),
          ),
        ),
      );
      if (Exit.isFailure(encoded)) {
        answers.push([submission, yield* bug(command.commandId, encoded.cause)]);
        continue;
      }
      for (const item of encoded.value) {
        events.push(item);
        (aggregateKind === "project" ? group.projects : group.threads).apply(aggregateId, item.event);
        const effect = effectOf(item.event, millis);
        if (effect) effects.push(effect);
      }
      sequence += decision.length;
      if (command.type === "thread.turn.start") group.takenMessageIds.add(command.message.messageId);
    }
    const receipt: Receipt = {
      commandId: command.commandId,
      aggregateKind,
      aggregateId,
      acceptedAt: now,
      resultSequence: sequence,
      error,
      fingerprint,
    };
    known.set(command.commandId, receipt);
    receipts.push(receipt);
    answers.push([submission, answerOf(receipt)]);
  }

  const envelopes = events.map(({ event }) => event);
  yield* parts.store.append(events);
  yield* parts.effects.insert(effects);
  // 5. Projections: each touched row once.
  const moveCursors = yield* parts.runner.project(envelopes);
  // 6. Receipts, and the answers that the caller gives after the commit.
  yield* parts.receipts.insert(receipts);
  return {
    answers,
    events: envelopes,
    hasEffects: effects.length > 0,
    committed: () => {
      moveCursors();
      group.projects.commit();
      group.threads.commit();
    },
  } satisfies Written;
});

/** Loads what a decision needs, and decides. */
const decide = Effect.fnUntraced(function* (group: Group, command: AnyCommand) {
  if (isProjectCommand(command)) {
    const { state, version } = yield* group.projects.get(command.projectId);
    return decision("project", command.projectId, version, decideProject(state, command));
  }
  const { threadId } = command;
  const { state: thread, version } = yield* group.threads.get(threadId);
  if (isServerCommand(command)) {
    return decision("thread", threadId, version, decideAgent(thread, command, group.now));
  }
  const source = command.type === "thread.fork" ? (yield* group.threads.get(command.sourceThreadId)).state : undefined;
  const projectId =
    command.type === "thread.create" ? command.projectId : (projectOf(thread) ?? (source && projectOf(source)));
  const context = {
    thread,
    project: projectId === undefined ? initialProject : (yield* group.projects.get(projectId)).state,
    ...(source && { source }),
    messageIdTaken: command.type === "thread.turn.start" && group.takenMessageIds.has(command.message.messageId),
    now: group.now,
  };
  return decision("thread", threadId, version, decideThread(context, command));
});

const projectOf = (thread: ThreadState) => (thread.status === "live" ? thread.projectId : undefined);

const decision = (aggregateKind: AggregateKind, aggregateId: string, version: number, result: Decision) => ({
  aggregateKind,
  aggregateId,
  version,
  decision: result,
});

interface Place {
  readonly sequence: number;
  readonly index: number;
  readonly aggregateKind: AggregateKind;
  readonly streamId: string;
  readonly streamVersion: number;
  readonly occurredAt: string;
}

/** Event ids derive from the command, so that nothing about an event is left to chance. */
const eventIdFor = (commandId: CommandId, index: number): EventId => EventId.make(`${commandId}#${index + 1}`);

const envelope = (decided: DecidedEvent, commandId: CommandId, origin: Origin, place: Place): EventEnvelope => {
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
const causationOf = (causedBy: CommandId | undefined, commandId: CommandId, origin: Origin, index: number) => {
  if (causedBy !== undefined && causedBy !== commandId) return eventIdFor(causedBy, 0);
  return index === 0 ? origin.causationEventId : eventIdFor(commandId, 0);
};

const effectOf = (event: EventEnvelope, millis: number): NewEffect | undefined => {
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

const repeatedAnswer = (receipt: Receipt, fingerprint: string): Answer =>
  receipt.fingerprint === fingerprint
    ? answerOf(receipt)
    : Exit.fail(
        new CommandIdConflict({
          commandId: receipt.commandId,
          message: "This commandId was used for a command with another body. A new command needs a new id.",
        }),
      );

const answerOf = (receipt: Receipt): Answer =>
  receipt.error === null ? Exit.succeed({ sequence: receipt.resultSequence }) : Exit.fail(receipt.error);

const bug = (commandId: CommandId, cause: Cause.Cause<unknown>) => {
  const message = `The server failed on a bug; its log has more under ${commandId}. Nothing was changed.`;
  const answer: Answer = Exit.fail(new InternalError({ reference: commandId, message }));
  return Effect.as(Effect.logError(message, cause), answer);
};

/**
 * Message ids are unique over all threads, and no aggregate knows them all: the read model is asked, by its key. It may
 * lag only where a projector is faulted, and then the read model refuses the message's row.
 */
const findTakenMessageIds = Effect.fnUntraced(function* (
  sql: SqlClient.SqlClient,
  submissions: ReadonlyArray<Submission>,
) {
  const wanted = submissions.flatMap(({ command }) =>
    command.type === "thread.turn.start" ? [command.message.messageId] : [],
  );
  if (wanted.length === 0) return new Set<MessageId>();
  const rows = yield* sql<{ message_id: MessageId }>`
    SELECT message_id FROM projection_thread_messages WHERE ${inList(sql, "message_id", wanted)}`;
  return new Set(rows.map((row) => row.message_id));
});
