/** What people may do with a thread: the rules of the client's commands. */
import type { ClientCommand } from "@heddle/contracts/Commands";
import type { NewEvent } from "@heddle/contracts/Events";
import type { CommandId, ThreadId } from "@heddle/contracts/Ids";
import { TurnId } from "@heddle/contracts/Ids";
import type { WorktreeRequest } from "@heddle/contracts/Model";
import { accept, type Decision, reject } from "./Decision.ts";
import { type ProjectState, requireLiveProject } from "./Project.ts";
import { endings, sessionAlive, sessionSet, startRequested, turnInProgress, withdrawn } from "./Turn.ts";
import { type LiveThread, type ThreadState, turnAt } from "./ThreadState.ts";

/** How many prompts may wait for a thread's running turn. */
export const MAX_QUEUED_TURNS = 50;

export type ThreadCommand = Extract<ClientCommand, { type: `thread.${string}` }>;
type CreatingCommand = Extract<ThreadCommand, { type: "thread.create" | "thread.fork" }>;

export interface ThreadContext {
  readonly thread: ThreadState;
  /** The project that the thread is in, or that a new one shall be in. */
  readonly project: ProjectState;
  /** Only for `thread.fork`. */
  readonly source?: ThreadState;
  /** Only for `thread.turn.start`: the message id is in use, in whatever thread. */
  readonly messageIdTaken?: boolean;
  /** The server's time, ISO 8601. */
  readonly now: string;
}

/** Turn ids derive from the command that asked for the turn, so that a repeated command gives the same one. */
export const turnIdFor = (commandId: CommandId): TurnId => TurnId.make(`turn:${commandId}`);

/** The command that asked for a turn. */
export const commandOfTurn = (turnId: TurnId): string => turnId.slice("turn:".length);

/** What a turn that a person stopped says of its end. */
export const STOPPED = "Stopped by a person.";
const DELETED = "The thread was deleted.";

export const decideThread = (context: ThreadContext, command: ThreadCommand): Decision => {
  if (command.type === "thread.create" || command.type === "thread.fork") return create(context, command);
  const { thread } = context;
  switch (thread.status) {
    case "absent":
      return threadNotFound;
    case "deleted":
      return threadDeleted;
    case "live":
      if (command.type === "thread.delete") {
        return accept(
          ...endings(thread, command.threadId, context.now, "interrupted", DELETED),
          ...withdrawn(thread, command.threadId, context.now, DELETED),
          ...(sessionAlive(thread) ? [sessionSet(thread, command.threadId, "stopped", null)] : []),
          { eventType: "thread.deleted", payload: { threadId: command.threadId } },
        );
      }
      return requireLiveProject(context.project) ?? decideLive(context, thread, command);
  }
};

export const threadNotFound = reject(
  "thread-not-found",
  "There is no such thread. Create it with thread.create.",
);
export const threadDeleted = reject(
  "thread-deleted",
  "The thread was deleted; nothing can be done in it any more.",
);

const create = ({ thread, project, source }: ThreadContext, command: CreatingCommand): Decision => {
  if (thread.status !== "absent") {
    return reject("thread-exists", "This threadId is taken. A new thread needs a new id.");
  }
  if (command.type === "thread.create") {
    const refused = requireLiveProject(project);
    if (refused) return refused;
    const { threadId, projectId, title, model, branch, worktreePath, createdAt } = command;
    const runtimeMode = command.runtimeMode ?? "approval-required";
    if (command.worktree && worktreePath !== null) {
      return reject(
        "worktree-conflict",
        "Give worktreePath for a folder that is there, or worktree for one to be made, not both.",
      );
    }
    return accept(
      {
        eventType: "thread.created",
        payload: {
          threadId,
          projectId,
          title,
          model,
          branch,
          worktreePath,
          runtimeMode,
          forkedFrom: null,
          createdAt,
        },
      },
      ...worktreeRequested(threadId, command.worktree, createdAt),
    );
  }
  if (source === undefined || source.status === "absent") {
    return reject("thread-not-found", "There is no thread with that sourceThreadId.");
  }
  if (source.status === "deleted") return threadDeleted;
  const refused = requireLiveProject(project);
  if (refused) return refused;
  const begun = source.activeTurn ? source.turnCount - 1 : source.turnCount;
  if (command.turnCount > begun) {
    return reject("turn-not-found", `The thread has ${begun} ended turns; fork from 0 to ${begun}.`);
  }
  const { projectId, model, runtimeMode } = source;
  // A worktree of its own is not shared.
  const { branch, worktreePath } = source.worktree ? { branch: null, worktreePath: null } : source;
  return accept(
    {
      eventType: "thread.created",
      payload: {
        threadId: command.threadId,
        projectId,
        title: command.title ?? source.title,
        model,
        branch,
        worktreePath,
        runtimeMode,
        forkedFrom: { threadId: command.sourceThreadId, turnCount: command.turnCount },
        createdAt: command.createdAt,
      },
    },
    ...worktreeRequested(command.threadId, worktreeOfFork(source), command.createdAt),
  );
};

const worktreeRequested = (
  threadId: ThreadId,
  request: WorktreeRequest | undefined,
  createdAt: string,
): ReadonlyArray<NewEvent> =>
  request
    ? [
        {
          eventType: "thread.worktree-requested",
          payload: { threadId, branch: request.branch ?? null, from: request.from ?? null, createdAt },
        },
      ]
    : [];

/** It begins where the source's branch stands, or where that one was to begin. */
const worktreeOfFork = ({ worktree }: LiveThread): WorktreeRequest | undefined => {
  if (!worktree) return undefined;
  const from = worktree.state === "made" ? worktree.branch : worktree.from;
  return from === null ? {} : { from };
};

type LiveCommand = Exclude<ThreadCommand, CreatingCommand | { type: "thread.delete" }>;

const decideLive = (context: ThreadContext, thread: LiveThread, command: LiveCommand): Decision => {
  const { threadId } = command;
  switch (command.type) {
    case "thread.meta.update": {
      const { type: _, commandId: __, ...payload } = command;
      if (Object.keys(payload).length === 1) {
        return reject("nothing-to-update", "Give at least one of title, model, branch, worktreePath.");
      }
      if (payload.worktreePath !== undefined && turnInProgress(thread)) {
        return reject(
          "turn-in-progress",
          "The agent works in the present folder; change it when the turn has ended.",
        );
      }
      if (payload.worktreePath !== undefined && thread.worktree?.state === "made") {
        return reject(
          "worktree-conflict",
          "The thread works in a worktree of its own, which goes with it. Use another thread for another folder.",
        );
      }
      return accept({ eventType: "thread.meta-updated", payload });
    }
    case "thread.archive":
      if (thread.archived) return reject("thread-archived", "The thread is archived already.");
      if (turnInProgress(thread)) {
        return reject("turn-in-progress", "A turn is in progress; interrupt it or wait, then archive.");
      }
      return accept({ eventType: "thread.archived", payload: { threadId } });
    case "thread.unarchive":
      if (!thread.archived) return reject("thread-not-archived", "The thread is not archived.");
      return accept({ eventType: "thread.unarchived", payload: { threadId } });
    case "thread.runtime-mode.set":
      return accept({
        eventType: "thread.runtime-mode-set",
        payload: { threadId, runtimeMode: command.runtimeMode },
      });
    case "thread.turn.start":
      return startTurn(context, thread, command);
    case "thread.queue.reorder": {
      const { turnIds } = command;
      const missing = turnIds.find((turnId) => !thread.queue.some((turn) => turn.turnId === turnId));
      if (missing !== undefined) {
        return reject("turn-not-found", `No prompt waits as ${missing}: it began, or it was withdrawn.`);
      }
      const named = new Set(turnIds);
      const rest = thread.queue.flatMap(({ turnId }) => (named.has(turnId) ? [] : [turnId]));
      return accept({
        eventType: "thread.queue-reordered",
        payload: { threadId, turnIds: [...named, ...rest] },
      });
    }
    case "thread.turn.interrupt":
      return interruptTurn(context, thread, command);
    case "thread.approval.respond": {
      const refused = requireOpenRequest(thread, command.requestId, "approval");
      if (refused) return refused;
      const { requestId, decision, createdAt } = command;
      return accept({
        eventType: "thread.approval-response-requested",
        payload: { threadId, requestId, decision, createdAt },
      });
    }
    case "thread.user-input.respond": {
      const refused = requireOpenRequest(thread, command.requestId, "user-input");
      if (refused) return refused;
      const { requestId, answers, createdAt } = command;
      const questionIds = thread.openRequests.get(requestId)?.questionIds ?? [];
      const unanswered = questionIds.filter((id) => !Object.hasOwn(answers, id));
      // No answer at all declines the questions.
      if (unanswered.length > 0 && Object.keys(answers).length > 0) {
        return reject("answer-missing", `Each question needs an answer; missing: ${unanswered.join(", ")}.`);
      }
      return accept({
        eventType: "thread.user-input-response-requested",
        payload: { threadId, requestId, answers, createdAt },
      });
    }
    case "thread.checkpoint.revert":
      return revert(thread, command);
    case "thread.session.stop": {
      if (!sessionAlive(thread) && !turnInProgress(thread))
        return reject("no-session", "No agent runs for this thread.");
      return accept(
        { eventType: "thread.session-stop-requested", payload: { threadId, createdAt: command.createdAt } },
        // A prompt that is sent behind this one is not meant.
        ...withdrawn(thread, threadId, context.now, STOPPED),
      );
    }
  }
};

type Of<Type extends ThreadCommand["type"]> = Extract<ThreadCommand, { type: Type }>;

const startTurn = (
  context: ThreadContext,
  thread: LiveThread,
  command: Of<"thread.turn.start">,
): Decision => {
  const { threadId, message, model, effort, createdAt } = command;
  const request = {
    turnId: turnIdFor(command.commandId),
    messageId: message.messageId,
    ...(model && { model }),
    ...(effort !== undefined && { effort }),
    createdAt,
  };
  const turn = {
    ...request,
    commandId: command.commandId,
    text: message.text,
    attachments: message.attachments,
  };
  if (thread.archived) {
    return reject("thread-archived", "The thread is archived. Take it back with thread.unarchive first.");
  }
  if (thread.revertingTo !== null) {
    return reject("revert-in-progress", "A revert is under way; send the prompt when it is done.");
  }
  if (context.messageIdTaken || thread.queue.some((queued) => queued.messageId === message.messageId)) {
    return reject("message-exists", "This messageId is taken. A new message needs a new id.");
  }
  if (!turnInProgress(thread)) {
    return accept(...startRequested(threadId, turn));
  }
  switch (command.dispatchMode ?? "start") {
    case "start":
      return reject(
        "turn-in-progress",
        "A turn is in progress. Wait for its end, interrupt it, or send this with dispatchMode queue or steer.",
      );
    case "queue":
      if (thread.queue.length >= MAX_QUEUED_TURNS) {
        return reject("queue-full", `${MAX_QUEUED_TURNS} prompts wait already.`);
      }
      return accept({
        eventType: "thread.turn-queued",
        payload: { threadId, ...turn },
      });
    case "steer": {
      if (!thread.activeTurn || thread.session.capabilities?.steer !== true) {
        return reject(
          "steer-unsupported",
          "This agent takes no prompts during a turn. Use dispatchMode queue, or interrupt the turn.",
        );
      }
      const { turnId } = thread.activeTurn;
      return accept(sent(threadId, command, turnId), {
        eventType: "thread.turn-steer-requested",
        payload: { threadId, ...request, turnId },
      });
    }
  }
};

const sent = (threadId: ThreadId, command: Of<"thread.turn.start">, turnId: TurnId): NewEvent => ({
  eventType: "thread.message-sent",
  payload: {
    threadId,
    messageId: command.message.messageId,
    turnId,
    role: "user",
    text: command.message.text,
    offset: 0,
    streaming: false,
    attachments: command.message.attachments,
    createdAt: command.createdAt,
  },
});

const interruptTurn = (
  context: ThreadContext,
  thread: LiveThread,
  command: Of<"thread.turn.interrupt">,
): Decision => {
  const { threadId, createdAt } = command;
  const turnId = command.turnId ?? thread.activeTurn?.turnId ?? thread.requestedTurn?.turnId;
  if (turnId === undefined) return reject("no-turn-in-progress", "No turn is in progress.");
  const requested: NewEvent = {
    eventType: "thread.turn-interrupt-requested",
    payload: { threadId, turnId, createdAt },
  };
  if (turnId === thread.activeTurn?.turnId) return accept(requested);
  const waiting =
    turnId === thread.requestedTurn?.turnId || thread.queue.some((turn) => turn.turnId === turnId);
  if (!waiting) {
    return reject("turn-not-found", "That turn is neither in progress nor queued.");
  }
  // No agent has it yet: it ends here and now.
  const ended: NewEvent = {
    eventType: "thread.turn-completed",
    payload: {
      threadId,
      turnId,
      status: "interrupted",
      reason: "Interrupted before it began.",
      completedAt: context.now,
    },
  };
  const next = turnId === thread.requestedTurn?.turnId ? thread.queue[0] : undefined;
  return accept(requested, ended, ...(next ? startRequested(threadId, next) : []));
};

const requireOpenRequest = (
  thread: LiveThread,
  requestId: Of<"thread.approval.respond">["requestId"],
  kind: "approval" | "user-input",
) => {
  const request = thread.openRequests.get(requestId);
  if (!request) {
    return reject(
      "request-not-found",
      "No such request is open: it was answered, taken back, or it expired.",
    );
  }
  if (request.kind !== kind) {
    return reject(
      "request-kind-mismatch",
      `That request is of the kind ${request.kind}; answer it with the command for it.`,
    );
  }
  if (request.answered)
    return reject("request-closed", "That request is answered already; the first answer wins.");
  return undefined;
};

const revert = (thread: LiveThread, command: Of<"thread.checkpoint.revert">): Decision => {
  const { threadId, turnCount, createdAt } = command;
  if (turnInProgress(thread)) {
    return reject("turn-in-progress", "A turn is in progress; interrupt it or wait, then revert.");
  }
  if (thread.revertingTo !== null) return reject("revert-in-progress", "A revert is under way already.");
  const exists = turnCount === 0 ? thread.turnCount > 0 : turnAt(thread, turnCount)?.checkpoint === "ready";
  if (!exists) {
    return reject("checkpoint-not-found", `There is no checkpoint of turn ${turnCount} to go back to.`);
  }
  return accept({
    eventType: "thread.checkpoint-revert-requested",
    payload: { threadId, turnCount, createdAt },
  });
};
