/** Given these events, when this command, then these events, or this rejection. */
import { assert } from "@effect/vitest";
import { ClientCommand, type ClientCommandInput } from "@heddle/contracts/Commands";
import type { RejectionCode } from "@heddle/contracts/Errors";
import { EventPayloads, type EventType, type NewEvent, type SessionState } from "@heddle/contracts/Events";
import { CommandId, ThreadId, type TurnId } from "@heddle/contracts/Ids";
import { Schema } from "effect";
import { type DecidedEvent, type Decision, isRejection } from "../src/Decision.ts";
import type { ServerCommand } from "../src/ServerCommand.ts";
import { turnIdFor } from "../src/Thread.ts";
import { noSession, type ThreadState, turnsInOrder } from "../src/ThreadState.ts";
import { World } from "./World.ts";

/** The server's clock when a command is decided. */
export const NOW = "2026-02-03T04:05:06.000Z";
/** What clients wrote as their time. */
export const AT = "2026-01-31T12:00:00.000Z";

/** An event from its JSON. */
export const event = <Type extends EventType>(
  eventType: Type,
  payload: (typeof EventPayloads)[Type]["Encoded"],
): NewEvent => {
  const schema: Schema.Codec<unknown, unknown> = EventPayloads[eventType];
  return { eventType, payload: Schema.decodeUnknownSync(schema)(payload) } as NewEvent;
};

/** An event that a decision owes to an earlier command. */
export const causedBy = (
  commandId: string,
  ...events: ReadonlyArray<NewEvent>
): ReadonlyArray<DecidedEvent> =>
  events.map((event) => Object.assign({ causedBy: CommandId.make(commandId) }, event));

type Some = NewEvent | ReadonlyArray<NewEvent>;

export const given = (...history: ReadonlyArray<Some>) => {
  const world = new World();
  for (const event of history.flat()) world.apply(event);
  return {
    world,
    when: (command: ClientCommandInput | ServerInput) => outcome(world.decide(toCommand(command), NOW)),
  };
};

const outcome = (decision: Decision) => ({
  /** Accepted, with these events and no others. */
  gives: (...expected: ReadonlyArray<DecidedEvent | ReadonlyArray<DecidedEvent>>) => {
    assert.deepStrictEqual(decision, expected.flat());
  },
  /** Refused under the rule that the code names, with words for a person. */
  rejected: (code: RejectionCode) => {
    assert.isTrue(isRejection(decision), `accepted: ${JSON.stringify(decision)}`);
    assert.deepInclude(decision, { rejected: true, code });
    if (isRejection(decision)) assert.isAbove(decision.message.length, 10);
  },
});

/** For deep comparisons: what a `HashMap` is made of depends on how it came to hold what it holds. */
export const comparable = (state: ThreadState) =>
  state.status === "live" ? { ...state, turns: turnsInOrder(state.turns) } : state;

/** A server's command without its brands and its id. */
export interface ServerInput {
  readonly server: ServerCommand;
}

const decodeCommand = Schema.decodeSync(ClientCommand);

const toCommand = (command: ClientCommandInput | ServerInput) =>
  "server" in command ? command.server : decodeCommand(command);

// Names that the tests use.

export const t1 = ThreadId.make("t1");
export const c0 = CommandId.make("c0");

/** The turn that the prompt `m1` asks for. */
export const turnOf = (messageId: string): TurnId => turnIdFor(CommandId.make(`start-${messageId}`));

// Events, each with usual values.

export const projectCreated = (projectId = "p1") =>
  event("project.created", {
    projectId,
    title: "Project",
    workspaceRoot: "/work",
    defaultModel: null,
    createdAt: AT,
  });

export const projectDeleted = (projectId = "p1") => event("project.deleted", { projectId });

export const threadCreated = (threadId = "t1", projectId = "p1") =>
  event("thread.created", {
    threadId,
    projectId,
    title: "Thread",
    model: { provider: "demo" },
    branch: "main",
    worktreePath: null,
    runtimeMode: "approval-required",
    forkedFrom: null,
    createdAt: AT,
  });

export const threadDeleted = (threadId = "t1") => event("thread.deleted", { threadId });
export const threadArchived = event("thread.archived", { threadId: "t1" });

/** A project and a thread in it. */
export const aThread: ReadonlyArray<NewEvent> = [projectCreated(), threadCreated()];

export const prompt = (messageId: string, turnId: string = turnOf(messageId)) =>
  event("thread.message-sent", {
    threadId: "t1",
    messageId,
    turnId,
    role: "user",
    text: `Please do ${messageId}`,
    offset: 0,
    streaming: false,
    attachments: [],
    createdAt: AT,
  });

export const turnStartRequested = (messageId: string) =>
  event("thread.turn-start-requested", {
    threadId: "t1",
    turnId: turnOf(messageId),
    messageId,
    createdAt: AT,
  });

export const turnQueued = (messageId: string) =>
  event("thread.turn-queued", {
    threadId: "t1",
    turnId: turnOf(messageId),
    messageId,
    commandId: `start-${messageId}`,
    text: `Please do ${messageId}`,
    attachments: [],
    createdAt: AT,
  });

export const turnStarted = (messageId: string, turnCount = 1) =>
  event("thread.turn-started", {
    threadId: "t1",
    turnId: turnOf(messageId),
    messageId,
    turnCount,
    startedAt: NOW,
  });

export const turnCompleted = (
  messageId: string,
  status: "completed" | "interrupted" | "error" = "completed",
  reason: string | null = null,
) =>
  event("thread.turn-completed", {
    threadId: "t1",
    turnId: turnOf(messageId),
    status,
    reason,
    completedAt: NOW,
  });

/** The prompt `messageId` is in the transcript, and its turn is asked for. */
export const requested = (messageId: string): ReadonlyArray<NewEvent> => [
  prompt(messageId),
  turnStartRequested(messageId),
];

/** The same, as a decision gives it: due to the command that brought the prompt. */
export const begins = (messageId: string) => causedBy(`start-${messageId}`, ...requested(messageId));

/** The turn of the prompt `messageId` runs. */
export const running = (messageId: string, turnCount = 1): ReadonlyArray<NewEvent> => [
  ...requested(messageId),
  turnStarted(messageId, turnCount),
  sessionSet({ status: "running", activeTurnId: turnOf(messageId) }),
];

export const diffCompleted = (
  messageId: string,
  turnCount: number,
  status: "ready" | "missing" | "error" = "ready",
) =>
  event("thread.turn-diff-completed", {
    threadId: "t1",
    turnId: turnOf(messageId),
    turnCount,
    checkpointRef: `refs/heddle/t1/${turnCount}/end`,
    status,
    files: [],
    assistantMessageId: null,
    completedAt: NOW,
  });

/** The turn ran, ended, and has its checkpoint. */
export const done = (messageId: string, turnCount: number): ReadonlyArray<NewEvent> => [
  ...running(messageId, turnCount),
  turnCompleted(messageId),
  sessionSet({ status: "ready" }),
  diffCompleted(messageId, turnCount),
];

export const sessionSet = (changed: Partial<SessionState>): NewEvent => ({
  eventType: "thread.session-set",
  payload: { threadId: t1, session: session(changed) },
});

export const session = (changed: Partial<SessionState>): SessionState => ({ ...noSession, ...changed });

export const approvalRequested = (requestId: string) =>
  event("thread.approval-requested", {
    threadId: "t1",
    turnId: null,
    requestId,
    kind: "execute",
    title: "Run a command",
    detail: { command: "ls" },
    createdAt: NOW,
  });

export const questionAsked = (requestId: string, ...questionIds: ReadonlyArray<string>) =>
  event("thread.user-input-requested", {
    threadId: "t1",
    turnId: null,
    requestId,
    questions: questionIds.map((id) => ({ id, prompt: `${id}?` })),
    createdAt: NOW,
  });

export const approvalResolved = (requestId: string, outcome: "accept" | "decline" | "expired") =>
  event("thread.approval-resolved", { threadId: "t1", requestId, outcome, resolvedAt: NOW });

export const questionResolved = (requestId: string, outcome: "answered" | "expired") =>
  event("thread.user-input-resolved", { threadId: "t1", requestId, outcome, resolvedAt: NOW });

// Commands.

export const startTurn = (
  messageId: string,
  more: Partial<Extract<ClientCommandInput, { type: "thread.turn.start" }>> = {},
): ClientCommandInput => ({
  type: "thread.turn.start",
  commandId: `start-${messageId}`,
  threadId: "t1",
  message: { messageId, role: "user", text: `Please do ${messageId}`, attachments: [] },
  createdAt: AT,
  ...more,
});

type WithoutId<Command> = Command extends ServerCommand ? Omit<Command, "commandId" | "threadId"> : never;

/** A command of the server for the thread `t1`. */
export const server = (command: WithoutId<ServerCommand>): ServerInput => ({
  server: { ...command, commandId: c0, threadId: t1 },
});
