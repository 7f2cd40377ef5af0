/** How turns begin and end, which people's commands and agents' reports share. */
import type { NewEvent, SessionState } from "@heddle/contracts/Events";
import type { ThreadId } from "@heddle/contracts/Ids";
import type { SessionStatus, TurnOutcome } from "@heddle/contracts/Model";
import type { DecidedEvent } from "./Decision.ts";
import type { LiveThread, QueuedTurn, RequestedTurn } from "./ThreadState.ts";

export const turnInProgress = (thread: LiveThread): boolean =>
  thread.activeTurn !== null || thread.requestedTurn !== null;

/** Whether an agent's process may be there for the thread. */
export const sessionAlive = ({ session }: LiveThread): boolean =>
  session.status !== "idle" && session.status !== "stopped";

/** The session, without a word on a turn that is not heard of. */
export const heard = (thread: LiveThread): SessionState => {
  const { stalled: _, ...session } = thread.session;
  return session;
};

/** The session as it is when no turn runs in it: one that has ended has forgotten what it was allowed. */
export const sessionSet = (
  thread: LiveThread,
  threadId: ThreadId,
  status: Exclude<SessionStatus, "running">,
  lastError: string | null,
): NewEvent => ({
  eventType: "thread.session-set",
  payload: {
    threadId,
    session: {
      ...(status === "ready" ? heard(thread) : allowedNothing(thread)),
      status,
      activeTurnId: null,
      lastError,
    },
  },
});

const allowedNothing = (thread: LiveThread): SessionState => {
  const { accepted: _, ...session } = heard(thread);
  return session;
};

/** The prompt enters the transcript, and its turn is asked for. */
export const startRequested = (threadId: ThreadId, turn: QueuedTurn): ReadonlyArray<DecidedEvent> => {
  const { text, fullText, attachments, commandId: causedBy, ...request } = turn;
  return [
    {
      causedBy,
      eventType: "thread.message-sent",
      payload: {
        threadId,
        messageId: turn.messageId,
        turnId: turn.turnId,
        role: "user",
        text,
        ...(fullText && { fullText }),
        offset: 0,
        streaming: false,
        attachments,
        createdAt: turn.createdAt,
      },
    },
    { causedBy, eventType: "thread.turn-start-requested", payload: { threadId, ...request } },
  ];
};

/** Every open request ends as expired: nobody is left to receive an answer. */
export const expireRequests = (
  thread: LiveThread,
  threadId: ThreadId,
  now: string,
): ReadonlyArray<NewEvent> =>
  [...thread.openRequests].map(([requestId, request]) => ({
    eventType: request.kind === "approval" ? "thread.approval-resolved" : "thread.user-input-resolved",
    payload: { threadId, requestId, outcome: "expired", resolvedAt: now },
  }));

/** A reply that was cut short ends with what there is of it. */
const closeMessage = (thread: LiveThread, threadId: ThreadId, now: string): ReadonlyArray<NewEvent> => {
  if (!thread.streaming) return [];
  const { messageId, turnId, length } = thread.streaming;
  return [
    {
      eventType: "thread.message-sent",
      payload: {
        threadId,
        messageId,
        turnId,
        role: "assistant",
        text: "",
        offset: length,
        streaming: false,
        attachments: [],
        createdAt: now,
      },
    },
  ];
};

/** All that ends with a session: its last message, open requests, and the turn that runs. */
export const endings = (
  thread: LiveThread,
  threadId: ThreadId,
  now: string,
  status: TurnOutcome,
  reason: string | null,
): ReadonlyArray<NewEvent> => [
  ...closeMessage(thread, threadId, now),
  ...expireRequests(thread, threadId, now),
  ...ended(thread.activeTurn, threadId, now, status, reason),
];

/** Turns that no agent has yet end here and now. */
export const withdrawn = (
  thread: LiveThread,
  threadId: ThreadId,
  now: string,
  reason: string,
): ReadonlyArray<NewEvent> =>
  [thread.requestedTurn, ...thread.queue].flatMap((turn) =>
    ended(turn, threadId, now, "interrupted", reason),
  );

const ended = (
  turn: RequestedTurn | null,
  threadId: ThreadId,
  now: string,
  status: TurnOutcome,
  reason: string | null,
): ReadonlyArray<NewEvent> =>
  turn === null
    ? []
    : [
        {
          eventType: "thread.turn-completed",
          payload: { threadId, turnId: turn.turnId, status, reason, completedAt: now },
        },
      ];
