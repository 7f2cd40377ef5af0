/**
 * What agents' work leaves in a log: for each turn of a thread, the commands that were given and the events that they
 * gave. Sizes vary within a cycle of turns and repeat with each, so that two threads of whole cycles end alike.
 */
import type { ActorKind, EventMetadata, EventPayload, NewEvent } from "@heddle/contracts/Events";
import {
  CheckpointRef,
  CommandId,
  EventId,
  MessageId,
  ProjectId,
  ProviderSessionId,
  type ThreadId,
  type TurnId,
} from "@heddle/contracts/Ids";
import { turnIdFor } from "@heddle/domain/Thread";
import { commandIdFrom, messageIdFrom, requestIdFrom } from "@heddle/orchestrator/DerivedId";

export interface RecordedCommand {
  readonly commandId: CommandId;
  readonly actor: ActorKind;
  readonly causationEventId: EventId | null;
  /** Null for the root of a chain. */
  readonly correlationId: string | null;
  readonly metadata: EventMetadata;
  readonly events: ReadonlyArray<NewEvent>;
}

const CYCLE_TURNS = 8;
/** A turn leaves 20 events, every second one 25, since it asks for an approval. */
export const CYCLE_EVENTS = (CYCLE_TURNS / 2) * (20 + 25);

const PROJECT = ProjectId.make("p");
const AT = "2026-01-31T12:00:00.000Z";
const AGENT = "demo";

const PROSE =
  "The reader opens what the writer has created – so the order of the two matters, and “ready” means both. " +
  "I’d move the check before the loop: it costs nothing there, and a failure names the file.\n\n" +
  "- read the settings once\n- keep the old name as an alias\n\n```ts\nconst first = items.at(0) ?? none;\n```\n";
const OUTPUT =
  ' ✓ packages/event-store/test/EventStore.test.ts (14 tests) 212ms\n{"level":"info","path":"src/index.ts","line":42}\n' +
  "export const open = (path: string): Database => new Database(path);\n\tat Object.<anonymous> (/home/dev/project/src/main.ts:17:3)\n";
const LONGEST = 4096;
const prose = PROSE.repeat(Math.ceil((2 * LONGEST) / PROSE.length));
const output = OUTPUT.repeat(Math.ceil((2 * LONGEST) / OUTPUT.length));

/** The `item`-th text of a turn: from `shortest` to `longest` characters, mostly few. */
const text = (source: string, shortest: number, longest: number, turn: number, item: number): string => {
  const place = turn % CYCLE_TURNS;
  const share = ((place * 37 + item * 29) % 64) / 64;
  const start = (place * 131 + item * 67) % LONGEST;
  return source.slice(start, start + Math.round(shortest + (longest - shortest) * share ** 3));
};

const client = (commandId: string, ...events: ReadonlyArray<NewEvent>): RecordedCommand => ({
  commandId: CommandId.make(commandId),
  actor: "client",
  causationEventId: null,
  correlationId: null,
  metadata: {},
  events,
});

/** The commands that make the project and its threads. */
export const creations = (threadIds: ReadonlyArray<ThreadId>): ReadonlyArray<RecordedCommand> => [
  client("create-project", {
    eventType: "project.created",
    payload: {
      projectId: PROJECT,
      title: "Project",
      workspaceRoot: "/tmp",
      defaultModel: null,
      createdAt: AT,
    },
  }),
  ...threadIds.map((threadId) =>
    client(`create-${threadId}`, {
      eventType: "thread.created",
      payload: {
        threadId,
        projectId: PROJECT,
        title: `What ${threadId} is about`,
        model: { provider: AGENT },
        branch: null,
        worktreePath: null,
        runtimeMode: "approval-required",
        forkedFrom: null,
        createdAt: AT,
      },
    }),
  ),
];

interface Turn {
  readonly threadId: ThreadId;
  /** From 0. */
  readonly index: number;
  readonly promptId: CommandId;
  readonly turnId: TurnId;
  readonly messageId: MessageId;
  readonly sessionId: ProviderSessionId;
  readonly startedEventId: EventId;
}

const turnOf = (threadId: ThreadId, index: number): Turn => {
  const promptId = CommandId.make(`prompt-${threadId}-${index}`);
  const turnId = turnIdFor(promptId);
  return {
    threadId,
    index,
    promptId,
    turnId,
    messageId: MessageId.make(`m-${threadId}-${index}`),
    sessionId: ProviderSessionId.make(`session-${threadId}`),
    startedEventId: EventId.make(`${commandIdFrom("thread.turn.begin", turnId, 0)}#1`),
  };
};

/** The commands of a thread's turns, one after the other, without end. */
export function* turnsOf(threadId: ThreadId): Generator<RecordedCommand, never> {
  for (let index = 0; ; index += 1) yield* commandsOf(turnOf(threadId, index));
}

function* commandsOf(turn: Turn): Generator<RecordedCommand> {
  const reasoning = text(prose, 200, 2000, turn.index, 1);
  yield prompt(turn);
  yield begin(turn);
  yield activity(turn, 1, "info", "reasoning", "Where the order matters", reasoning);
  yield* reply(turn, 2, 2);
  yield* tool(turn, 4);
  yield* tool(turn, 6);
  if (turn.index % 2 === 1) yield* approval(turn);
  yield* tool(turn, 14);
  yield* reply(turn, 16, 4);
  yield complete(turn);
  yield diff(turn, messageIdFrom(turn.threadId, turn.turnId, 16));
}

/** A command of the server for what the agent did; `part` tells those of one kind apart. */
const agent = (
  turn: Turn,
  kind: string,
  part: number,
  ...events: ReadonlyArray<NewEvent>
): RecordedCommand => ({
  commandId: commandIdFrom(kind, turn.turnId, part),
  actor: "provider",
  causationEventId: turn.startedEventId,
  correlationId: turn.promptId,
  metadata: { adapterKey: AGENT, ingestedAt: AT, providerSessionId: turn.sessionId },
  events,
});

const message = (
  { threadId, turnId }: Turn,
  words: Pick<EventPayload<"thread.message-sent">, "messageId" | "role" | "text" | "offset" | "streaming">,
): NewEvent => ({
  eventType: "thread.message-sent",
  payload: { threadId, turnId, ...words, attachments: [], createdAt: AT },
});

const prompt = (turn: Turn): RecordedCommand => {
  const { threadId, turnId, messageId, index } = turn;
  return client(
    turn.promptId,
    message(turn, {
      messageId,
      role: "user",
      text: text(prose, 60, 1200, index, 0),
      offset: 0,
      streaming: false,
    }),
    {
      eventType: "thread.turn-start-requested",
      payload: { threadId, turnId, messageId, createdAt: AT },
    },
  );
};

const session = (turn: Turn, status: "running" | "stopped"): NewEvent => ({
  eventType: "thread.session-set",
  payload: {
    threadId: turn.threadId,
    session: {
      status,
      providerName: AGENT,
      providerSessionId: turn.sessionId,
      providerThreadId: null,
      activeTurnId: status === "running" ? turn.turnId : null,
      lastError: null,
      capabilities: { steer: false, resume: true },
    },
  },
});

const begin = (turn: Turn): RecordedCommand => {
  const { threadId, turnId, messageId } = turn;
  const started: NewEvent = {
    eventType: "thread.turn-started",
    payload: { threadId, turnId, turnCount: turn.index + 1, messageId, startedAt: AT },
  };
  return {
    ...agent(turn, "thread.turn.begin", 0, started, session(turn, "running")),
    causationEventId: EventId.make(`${turn.promptId}#2`),
  };
};

const activity = (
  turn: Turn,
  part: number,
  tone: "info" | "tool" | "approval",
  kind: string,
  summary: string,
  content: string,
): RecordedCommand =>
  agent(turn, "thread.activity.append", part, {
    eventType: "thread.activity-appended",
    payload: {
      threadId: turn.threadId,
      turnId: turn.turnId,
      tone,
      kind,
      summary,
      detail: { itemId: `item-${part}`, kind, content: [{ type: "text", text: content }] },
      createdAt: AT,
    },
  });

const tool = (turn: Turn, part: number): ReadonlyArray<RecordedCommand> => {
  const title = "Run the tests of the package";
  const asked = text(output, 200, 400, turn.index, part);
  const gave = text(output, 200, 2000, turn.index, part + 1);
  return [
    activity(turn, part, "tool", "tool.started", title, asked),
    activity(turn, part + 1, "tool", "tool.completed", title, gave),
  ];
};

const reply = (turn: Turn, part: number, segments: number): ReadonlyArray<RecordedCommand> => {
  const messageId = messageIdFrom(turn.threadId, turn.turnId, part);
  let offset = 0;
  return Array.from({ length: segments }, (_, index) => {
    const words = text(prose, 500, 4000, turn.index, part + index);
    const streaming = index < segments - 1;
    const kind = `thread.message.assistant.${streaming ? "delta" : "complete"}`;
    const sent = message(turn, { messageId, role: "assistant", text: words, offset, streaming });
    offset += words.length;
    return agent(turn, kind, part + index, sent);
  });
};

const approval = (turn: Turn): ReadonlyArray<RecordedCommand> => {
  const { threadId, turnId, index } = turn;
  const requestId = requestIdFrom(threadId, turnId, "write");
  const title = "Write a file";
  const detail = { itemId: "item-8", content: text(output, 200, 2000, index, 8) };
  return [
    agent(turn, "thread.approval.request", 0, {
      eventType: "thread.approval-requested",
      payload: { threadId, turnId, requestId, kind: "edit", title, detail, createdAt: AT },
    }),
    activity(turn, 8, "approval", "approval.requested", title, "edit"),
    client(`answer-${threadId}-${index}`, {
      eventType: "thread.approval-response-requested",
      payload: { threadId, requestId, decision: "accept", createdAt: AT },
    }),
    agent(turn, "thread.approval.resolve", 0, {
      eventType: "thread.approval-resolved",
      payload: { threadId, requestId, outcome: "accept", resolvedAt: AT },
    }),
    activity(turn, 9, "approval", "approval.resolved", "Answered: accept", "accept"),
  ];
};

const complete = (turn: Turn): RecordedCommand => {
  const { threadId, turnId } = turn;
  const completed: NewEvent = {
    eventType: "thread.turn-completed",
    payload: { threadId, turnId, status: "completed", reason: null, completedAt: AT },
  };
  return agent(turn, "thread.turn.complete", 0, completed, session(turn, "stopped"));
};

const diff = (turn: Turn, assistantMessageId: MessageId): RecordedCommand => {
  const { threadId, turnId, index } = turn;
  const files = Array.from({ length: 1 + (index % 5) }, (_, file) => ({
    path: `packages/part-${file}/src/File${index % 40}.ts`,
    kind: "modified" as const,
    additions: 12 + file,
    deletions: 3,
  }));
  return agent(turn, "thread.turn.diff.complete", 0, {
    eventType: "thread.turn-diff-completed",
    payload: {
      threadId,
      turnId,
      turnCount: index + 1,
      checkpointRef: CheckpointRef.make(`refs/heddle/${threadId}/${index + 1}/recorded`),
      status: "ready",
      files,
      assistantMessageId,
      completedAt: AT,
    },
  });
};
