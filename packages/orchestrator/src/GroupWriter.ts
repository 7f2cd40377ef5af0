/** What happens inside one group's transaction: steps 1 to 6 of a command's way. */
import type { ClientCommand } from "@heddle/contracts/Commands";
import {
  CommandIdConflict,
  CommandRejected,
  InternalError,
  type ServerBusy,
  StoreUnavailable,
} from "@heddle/contracts/Errors";
import type { ActorKind, AggregateKind, EventEnvelope, EventMetadata } from "@heddle/contracts/Events";
import type { CommandId, EventId, MessageId } from "@heddle/contracts/Ids";
import { decideAgent } from "@heddle/domain/Agent";
import { type Decision, isRejection } from "@heddle/domain/Decision";
import {
  decideProject,
  evolveProject,
  initialProject,
  isProjectCommand,
  type ProjectCommand,
  type ProjectState,
} from "@heddle/domain/Project";
import { projectSnapshot, threadSnapshot } from "@heddle/domain/FoldSnapshot";
import { isServerCommand, type ServerCommand } from "@heddle/domain/ServerCommand";
import { decideThread } from "@heddle/domain/Thread";
import { evolveThread, initialThread, type ThreadState } from "@heddle/domain/ThreadState";
import type { Blob } from "@heddle/event-store/Blob";
import { Blobs } from "@heddle/event-store/Blobs";
import { Effects, type NewEffect } from "@heddle/event-store/Effects";
import { type EncodedEvent, encodeEvent } from "@heddle/event-store/EventCodec";
import { EventStore } from "@heddle/event-store/EventStore";
import { externalize } from "@heddle/event-store/Externalize";
import { Pruned } from "@heddle/event-store/Pruned";
import { Quarantine, quarantiningReads } from "@heddle/event-store/Quarantine";
import { type Receipt, Receipts } from "@heddle/event-store/Receipts";
import { StreamSnapshots } from "@heddle/event-store/StreamSnapshots";
import { Runner } from "@heddle/projections/Runner";
import { Clock, Context, Effect, Layer, Result } from "effect";
import { SqlClient } from "effect/sql";
import { Aggregate, type GroupStates, StreamUnreadable } from "./Aggregate.ts";
import { effectOf, envelope } from "./Envelope.ts";
import { fingerprintOf } from "./Fingerprint.ts";
import { findTakenMessageIds } from "./MessageIds.ts";

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
export const fromClient: Origin = {
  actor: "client",
  causationEventId: null,
  correlationId: null,
  metadata: {},
};

export type CommandError =
  | CommandRejected
  | CommandIdConflict
  | ServerBusy
  | StoreUnavailable
  | InternalError;

/** A bug, other words under the same id, or a thread that cannot be read: the same command again would fail again. */
export const isForGood = (error: { readonly _tag: string; readonly operation?: string }): boolean =>
  error._tag === "InternalError" ||
  error._tag === "CommandIdConflict" ||
  (error._tag === "StoreUnavailable" && error.operation === "load");
export type Answer = Result.Result<{ readonly sequence: number }, CommandError>;

/** A command that waits for its answer. */
export interface Submission {
  readonly command: AnyCommand;
  readonly origin: Origin;
  readonly fingerprint: string;
  /** Called once, with the answer. It must not throw. */
  readonly reply: (answer: Answer) => void;
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

export const submission = (command: AnyCommand, origin: Origin, reply: Submission["reply"]): Submission => ({
  command,
  origin,
  fingerprint: fingerprintOf(command),
  reply,
});

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
    /** The same of one thread, which was taken out of the log. */
    readonly forgetThread: (threadId: string) => void;
  }
>()("heddle/orchestrator/GroupWriter") {
  static readonly layer = Layer.effect(GroupWriter, Effect.suspend(make));
}

interface Parts {
  readonly sql: SqlClient.SqlClient;
  readonly store: EventStore["Service"];
  readonly receipts: Receipts["Service"];
  readonly effects: Effects["Service"];
  readonly blobs: Blobs["Service"];
  readonly runner: Runner["Service"];
  readonly projects: Aggregate<ProjectState>;
  readonly threads: Aggregate<ThreadState>;
}

function make() {
  return Effect.gen(function* () {
    const store = yield* EventStore;
    const pruned = yield* Pruned;
    const states = {
      reads: quarantiningReads(store, yield* Quarantine),
      snapshots: yield* StreamSnapshots,
    };
    const parts: Parts = {
      sql: yield* SqlClient.SqlClient,
      store,
      receipts: yield* Receipts,
      effects: yield* Effects,
      blobs: yield* Blobs,
      runner: yield* Runner,
      projects: new Aggregate({
        ...states,
        kind: "project",
        initial: initialProject,
        evolve: evolveProject,
        snapshot: projectSnapshot,
        isHidden: () => false,
        hiddenState: initialProject,
      }),
      threads: new Aggregate({
        ...states,
        kind: "thread",
        initial: initialThread,
        evolve: evolveThread,
        snapshot: threadSnapshot,
        isHidden: pruned.isPruning,
        hiddenState: { status: "deleted" },
      }),
    };
    return GroupWriter.of({
      write: (group, head) => writeGroup(parts, group, head),
      forget: () => {
        parts.projects.forget();
        parts.threads.forget();
      },
      forgetThread: (threadId) => parts.threads.forgetOne(threadId),
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
    takenMessageIds: yield* findTakenMessageIds(
      parts.sql,
      submissions.map(({ command }) => command),
    ),
    now,
  };
  yield* loadStates(group, submissions);
  const known = new Map(yield* parts.receipts.find(submissions.map(({ command }) => command.commandId)));
  const answers: Array<readonly [Submission, Answer]> = [];
  const events: Array<EncodedEvent> = [];
  const effects: Array<NewEffect> = [];
  const blobs: Array<Blob> = [];
  const receipts: Array<Receipt> = [];
  const bugs: Array<readonly [CommandId, unknown]> = [];

  for (const submission of submissions) {
    const { command, fingerprint } = submission;
    // 1. Receipt: the first answer again, or another body under the same id.
    const earlier = known.get(command.commandId);
    if (earlier) {
      answers.push([submission, repeatedAnswer(earlier, fingerprint)]);
      continue;
    }
    try {
      // 2. The states are loaded; 3. decide; 4. give the events their places.
      const handled = handle(group, submission, head + events.length);
      for (const encoded of handled.events) {
        events.push(encoded);
        const effect = effectOf(encoded.event, millis);
        if (effect) effects.push(effect);
      }
      for (const blob of handled.blobs) blobs.push(blob);
      known.set(command.commandId, handled.receipt);
      receipts.push(handled.receipt);
      answers.push([submission, answerOf(handled.receipt)]);
    } catch (cause) {
      if (cause instanceof StreamUnreadable) {
        answers.push([submission, Result.fail(unreadable(cause))]);
        continue;
      }
      // A bug in one decision fails that command alone.
      bugs.push([command.commandId, cause]);
      answers.push([submission, Result.fail(internalError(command.commandId))]);
    }
  }
  for (const [commandId, cause] of bugs) yield* Effect.logError(internalError(commandId).message, cause);

  const envelopes = events.map(({ event }) => event);
  yield* parts.blobs.insert(blobs);
  yield* parts.store.append(events);
  yield* parts.effects.insert(effects);
  yield* group.projects.storeSnapshots;
  yield* group.threads.storeSnapshots;
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

/** Everything that the group's decisions look at. */
const loadStates = Effect.fnUntraced(function* (group: Group, submissions: ReadonlyArray<Submission>) {
  const threadIds = new Set<string>();
  const projectIds = new Set<string>();
  for (const { command } of submissions) {
    if ("threadId" in command) threadIds.add(command.threadId);
    if ("sourceThreadId" in command) threadIds.add(command.sourceThreadId);
    if ("projectId" in command) projectIds.add(command.projectId);
  }
  yield* group.threads.load(threadIds);
  for (const threadId of threadIds) {
    const projectId = readableProjectOf(group, threadId);
    if (projectId !== undefined) projectIds.add(projectId);
  }
  yield* group.projects.load(projectIds);
});

/** Commands of a thread that cannot be read are refused one by one, each when its turn comes. */
const readableProjectOf = (group: Group, threadId: string) => {
  try {
    return projectOf(group.threads.get(threadId).state);
  } catch (error) {
    if (error instanceof StreamUnreadable) return undefined;
    throw error;
  }
};

/** Decides one command, folds its events into the group's states, and makes its receipt. Throws on a bug. */
const handle = (group: Group, { command, origin, fingerprint }: Submission, head: number) => {
  const { decision, aggregateKind, aggregateId, states } = decide(group, command);
  const { commandId } = command;
  let error: CommandRejected | null = null;
  let events: ReadonlyArray<EncodedEvent> = [];
  const blobs: Array<Blob> = [];
  if (isRejection(decision)) {
    const { code, message } = decision;
    error = new CommandRejected({ commandId, commandType: command.type, code, message });
  } else {
    const { version } = states.get(aggregateId);
    events = decision.map((event, index) => {
      const stored = externalize(
        envelope(event, commandId, origin, {
          sequence: head + index + 1,
          index,
          aggregateKind,
          streamId: aggregateId,
          streamVersion: version + index + 1,
          occurredAt: group.now,
        }),
      );
      for (const blob of stored.blobs) blobs.push(blob);
      return encodeEvent(stored.event);
    });
    for (const { event } of events) states.apply(aggregateId, event);
    if (command.type === "thread.turn.start") group.takenMessageIds.add(command.message.messageId);
  }
  const resultSequence = head + events.length;
  const receipt: Receipt = {
    commandId,
    aggregateKind,
    aggregateId,
    acceptedAt: group.now,
    resultSequence,
    error,
    fingerprint,
  };
  return { events, blobs, receipt };
};

interface Decided {
  readonly aggregateKind: AggregateKind;
  readonly aggregateId: string;
  readonly states: GroupStates<ProjectState> | GroupStates<ThreadState>;
  readonly decision: Decision;
}

const decide = (group: Group, command: AnyCommand): Decided => {
  if (isProjectCommand(command)) {
    const { projectId: aggregateId } = command;
    const decision = decideProject(group.projects.get(aggregateId).state, command);
    return { aggregateKind: "project", aggregateId, states: group.projects, decision };
  }
  return {
    aggregateKind: "thread",
    aggregateId: command.threadId,
    states: group.threads,
    decision: decideOnThread(group, command),
  };
};

const decideOnThread = (group: Group, command: Exclude<AnyCommand, ProjectCommand>): Decision => {
  const thread = group.threads.get(command.threadId).state;
  if (isServerCommand(command)) return decideAgent(thread, command, group.now);
  const source = command.type === "thread.fork" ? group.threads.get(command.sourceThreadId).state : undefined;
  const projectId =
    command.type === "thread.create"
      ? command.projectId
      : (projectOf(thread) ?? (source && projectOf(source)));
  const project = projectId === undefined ? initialProject : group.projects.get(projectId).state;
  const messageIdTaken =
    command.type === "thread.turn.start" && group.takenMessageIds.has(command.message.messageId);
  return decideThread(
    { thread, project, ...(source && { source }), messageIdTaken, now: group.now },
    command,
  );
};

const projectOf = (thread: ThreadState) => (thread.status === "live" ? thread.projectId : undefined);

const repeatedAnswer = (receipt: Receipt, fingerprint: string): Answer =>
  receipt.fingerprint === null || receipt.fingerprint === fingerprint
    ? answerOf(receipt)
    : Result.fail(
        new CommandIdConflict({
          commandId: receipt.commandId,
          message: "This commandId was used for a command with another body. A new command needs a new id.",
        }),
      );

const answerOf = (receipt: Receipt): Answer =>
  receipt.error === null ? Result.succeed({ sequence: receipt.resultSequence }) : Result.fail(receipt.error);

const unreadable = ({ message }: StreamUnreadable): StoreUnavailable =>
  new StoreUnavailable({ operation: "load", retryable: false, message });

const internalError = (commandId: CommandId): InternalError =>
  new InternalError({
    reference: commandId,
    message: `The server failed on a bug; its log has more under ${commandId}. Nothing was changed.`,
  });
