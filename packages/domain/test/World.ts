/**
 * The engine in memory, plain enough to check the real one against: states folded from a log, and the decision that a
 * command gets on them. No database, no clock.
 */
import type { ClientCommand } from "@heddle/contracts/Commands";
import { type EventEnvelope, eventVersion, type NewEvent } from "@heddle/contracts/Events";
import { EventId } from "@heddle/contracts/Ids";
import { decideAgent } from "../src/Agent.ts";
import { type Decision, isRejection } from "../src/Decision.ts";
import {
  decideProject,
  evolveProject,
  initialProject,
  isProjectCommand,
  type ProjectState,
} from "../src/Project.ts";
import { isServerCommand, type ServerCommand } from "../src/ServerCommand.ts";
import { decideThread } from "../src/Thread.ts";
import { evolveThread, initialThread, type LiveThread, type ThreadState } from "../src/ThreadState.ts";

export type AnyCommand = ClientCommand | ServerCommand;

export class World {
  readonly projects = new Map<string, ProjectState>();
  readonly threads = new Map<string, ThreadState>();
  /** Of all messages that are in a transcript. */
  readonly messageIds = new Set<string>();
  readonly log: Array<EventEnvelope> = [];
  readonly #versions = new Map<string, number>();

  project(projectId: string): ProjectState {
    return this.projects.get(projectId) ?? initialProject;
  }

  thread(threadId: string): ThreadState {
    return this.threads.get(threadId) ?? initialThread;
  }

  liveThread(threadId: string): LiveThread | undefined {
    const thread = this.thread(threadId);
    return thread.status === "live" ? thread : undefined;
  }

  /** Folds an event into the aggregate that its payload names. */
  apply(event: NewEvent): void {
    if ("threadId" in event.payload) {
      const { threadId } = event.payload;
      this.threads.set(threadId, evolveThread(this.thread(threadId), event));
    } else {
      const { projectId } = event.payload;
      this.projects.set(projectId, evolveProject(this.project(projectId), event));
    }
    if (event.eventType === "thread.message-sent") this.messageIds.add(event.payload.messageId);
  }

  decide(command: AnyCommand, now: string): Decision {
    if (isProjectCommand(command)) return decideProject(this.project(command.projectId), command);
    const thread = this.thread(command.threadId);
    if (isServerCommand(command)) return decideAgent(thread, command, now);
    const source = command.type === "thread.fork" ? this.thread(command.sourceThreadId) : undefined;
    const projectId =
      command.type === "thread.create" ? command.projectId : (projectOf(thread) ?? projectOf(source));
    return decideThread(
      {
        thread,
        project: projectId === undefined ? initialProject : this.project(projectId),
        ...(source && { source }),
        messageIdTaken:
          command.type === "thread.turn.start" && this.messageIds.has(command.message.messageId),
        now,
      },
      command,
    );
  }

  /** Decides, and where the command is accepted, folds its events and adds them to the log. */
  handle(command: AnyCommand, now: string): Decision {
    const decision = this.decide(command, now);
    if (isRejection(decision)) return decision;
    const [aggregateKind, streamId] = isProjectCommand(command)
      ? (["project", command.projectId] as const)
      : (["thread", command.threadId] as const);
    for (const [index, { causedBy: _, ...event }] of decision.entries()) {
      this.apply(event);
      const streamVersion = (this.#versions.get(`${aggregateKind} ${streamId}`) ?? 0) + 1;
      this.#versions.set(`${aggregateKind} ${streamId}`, streamVersion);
      this.log.push({
        sequence: this.log.length + 1,
        eventId: EventId.make(`${command.commandId}#${index + 1}`),
        aggregateKind,
        streamId,
        streamVersion,
        eventVersion: eventVersion(event.eventType),
        occurredAt: now,
        commandId: command.commandId,
        causationEventId: null,
        correlationId: command.commandId,
        actorKind: isServerCommand(command) ? "provider" : "client",
        metadata: {},
        ...event,
      });
    }
    return decision;
  }
}

const projectOf = (thread: ThreadState | undefined) =>
  thread?.status === "live" ? thread.projectId : undefined;
