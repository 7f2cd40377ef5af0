/** What the server records of an agent's work: the rules of the server's own commands. */
import type { NewEvent } from "@heddle/contracts/Events";
import type { TokenUsage } from "@heddle/contracts/Model";
import { boundedFiles } from "./BoundedFiles.ts";
import { accept, type Decision, reject } from "./Decision.ts";
import type { ServerCommand } from "./ServerCommand.ts";
import { threadDeleted, threadNotFound } from "./Thread.ts";
import { countsAfter, type LiveThread, type ThreadState, turnAt } from "./ThreadState.ts";
import { endings, expireRequests, heard, sessionSet, startRequested } from "./Turn.ts";

export const decideAgent = (thread: ThreadState, command: ServerCommand, now: string): Decision => {
  switch (thread.status) {
    case "absent":
      return threadNotFound;
    case "deleted":
      return threadDeleted;
    case "live":
      return decideLive(thread, command, now);
  }
};

const decideLive = (thread: LiveThread, command: ServerCommand, now: string): Decision => {
  const { threadId } = command;
  switch (command.type) {
    case "thread.session.set":
      return accept({ eventType: "thread.session-set", payload: { threadId, session: command.session } });
    case "thread.session.end": {
      const next = thread.requestedTurn ? undefined : thread.queue[0];
      return accept(
        ...endings(thread, threadId, now, command.turnStatus, command.reason),
        sessionSet(thread, threadId, command.status, command.status === "error" ? command.reason : null),
        ...(next ? startRequested(threadId, next) : []),
      );
    }
    case "thread.session.stall": {
      const { turnId, stalled } = command;
      if (thread.activeTurn?.turnId !== turnId) return notInProgress;
      return accept({
        eventType: "thread.session-set",
        payload: { threadId, session: { ...heard(thread), ...(stalled && { stalled }) } },
      });
    }
    case "thread.turn.usage.record":
      return recordUsage(thread, command, now);
    case "thread.turn.begin": {
      const requested = thread.requestedTurn;
      if (requested?.turnId !== command.turnId) {
        return reject("turn-not-found", "The turn is not waiting to begin: it began, or it was interrupted.");
      }
      const turnCount = thread.turnCount + 1;
      return accept(
        {
          eventType: "thread.turn-started",
          payload: { threadId, ...requested, turnCount, startedAt: now },
        },
        {
          eventType: "thread.session-set",
          payload: {
            threadId,
            session: { ...heard(thread), status: "running", activeTurnId: command.turnId, lastError: null },
          },
        },
      );
    }
    case "thread.turn.complete":
      return completeTurn(thread, command, now);
    case "thread.turn.diff.complete": {
      const { type: _, commandId: __, ...diff } = command;
      // A revert may have taken the turn away while its checkpoint was made, and another may have its count by now.
      if (turnAt(thread, diff.turnCount)?.turnId !== diff.turnId) {
        return reject("turn-not-found", "The thread does not have that turn, or not any more.");
      }
      const { kept: files, omitted } = boundedFiles(diff.files, ({ path }) => path);
      return accept({
        eventType: "thread.turn-diff-completed",
        payload: { ...diff, files, ...(omitted > 0 && { filesOmitted: omitted }), completedAt: now },
      });
    }
    case "thread.message.assistant.delta":
    case "thread.message.assistant.complete":
      return accept({
        eventType: "thread.message-sent",
        payload: {
          threadId,
          messageId: command.messageId,
          turnId: command.turnId,
          role: "assistant",
          text: command.text,
          offset: command.offset,
          streaming: command.type === "thread.message.assistant.delta",
          attachments: [],
          createdAt: now,
        },
      });
    case "thread.message.import":
      return accept({
        eventType: "thread.message-sent",
        payload: {
          threadId,
          messageId: command.messageId,
          turnId: null,
          role: command.role,
          text: command.text,
          ...(command.fullText && { fullText: command.fullText }),
          offset: 0,
          streaming: false,
          attachments: command.attachments,
          createdAt: command.createdAt,
        },
      });
    case "thread.activity.append": {
      const { turnId, tone, kind, summary, detail, createdAt = now } = command;
      return accept({
        eventType: "thread.activity-appended",
        payload: { threadId, turnId, tone, kind, summary, detail, createdAt },
      });
    }
    case "thread.approval.request": {
      const { turnId, requestId, kind, title, detail } = command;
      return accept({
        eventType: "thread.approval-requested",
        payload: { threadId, turnId, requestId, kind, title, detail, createdAt: now },
      });
    }
    case "thread.user-input.request": {
      const { turnId, requestId, questions } = command;
      return accept({
        eventType: "thread.user-input-requested",
        payload: { threadId, turnId, requestId, questions, createdAt: now },
      });
    }
    case "thread.approval.resolve":
    case "thread.user-input.resolve": {
      const { requestId, outcome } = command;
      const kind = command.type === "thread.approval.resolve" ? "approval" : "user-input";
      if (thread.openRequests.get(requestId)?.kind !== kind) {
        return reject("request-not-found", "No such request is open.");
      }
      return accept(
        {
          eventType: `thread.${kind}-resolved`,
          payload: { threadId, requestId, outcome, resolvedAt: now },
        },
        ...(outcome === "acceptForSession" ? acceptedForSession(thread, command) : []),
      );
    }
    case "thread.checkpoint.revert.complete": {
      const { turnCount, files, skipped, safetyRef } = command;
      if (thread.revertingTo !== turnCount) return noRevert;
      const restored = boundedFiles(files, (path) => path);
      const left = boundedFiles(skipped, ({ path, reason }) => path + reason);
      return accept({
        eventType: "thread.reverted",
        payload: {
          threadId,
          turnCount,
          removedTurnIds: countsAfter(thread, turnCount).flatMap(
            (count) => turnAt(thread, count)?.turnId ?? [],
          ),
          latestTurnId: turnAt(thread, turnCount)?.turnId ?? null,
          files: restored.kept,
          ...(restored.omitted > 0 && { filesOmitted: restored.omitted }),
          skipped: left.kept,
          ...(left.omitted > 0 && { skippedOmitted: left.omitted }),
          safetyRef,
        },
      });
    }
    case "thread.checkpoint.revert.fail":
      if (thread.revertingTo === null) return noRevert;
      return accept({
        eventType: "thread.checkpoint-revert-failed",
        payload: { threadId, turnCount: thread.revertingTo, reason: command.reason },
      });
    case "thread.worktree.made": {
      if (thread.worktree?.state !== "wanted") return noWorktreeWanted;
      const { branch, worktreePath, baseCommit } = command;
      return accept({
        eventType: "thread.worktree-made",
        payload: { threadId, branch, worktreePath, baseCommit, createdAt: now },
      });
    }
    case "thread.worktree.fail":
      if (thread.worktree?.state !== "wanted") return noWorktreeWanted;
      return accept({
        eventType: "thread.worktree-failed",
        payload: { threadId, reason: command.reason, createdAt: now },
      });
  }
};

const noWorktreeWanted = reject(
  "worktree-conflict",
  "The thread wants no worktree: it has one, or another folder was named.",
);

const noRevert = reject("checkpoint-not-found", "No revert to that checkpoint is under way.");

type Of<Type extends ServerCommand["type"]> = Extract<ServerCommand, { type: Type }>;

const notInProgress = reject("turn-not-found", "That turn is not in progress.");

/** Beyond these, the oldest is shown no more; it holds all the same. */
const MAX_ACCEPTED_SHOWN = 100;

const acceptedForSession = (
  { session, openRequests }: LiveThread,
  { threadId, requestId }: Of<"thread.approval.resolve" | "thread.user-input.resolve">,
): ReadonlyArray<NewEvent> => {
  const act = openRequests.get(requestId)?.act;
  if (!act) return [];
  const accepted = [...(session.accepted ?? []), { requestId, ...act }].slice(-MAX_ACCEPTED_SHOWN);
  return [{ eventType: "thread.session-set", payload: { threadId, session: { ...session, accepted } } }];
};

const nothingUsed: TokenUsage = { inputTokens: 0, cachedInputTokens: 0, outputTokens: 0 };

const recordUsage = (thread: LiveThread, command: Of<"thread.turn.usage.record">, now: string): Decision => {
  const { threadId, turnId, usage, context } = command;
  if (thread.activeTurn?.turnId !== turnId) return notInProgress;
  const { total, ofTurn } = thread.usage ?? { total: nothingUsed, ofTurn: nothingUsed };
  const before = thread.usage?.turnId === turnId ? ofTurn : nothingUsed;
  const cost = (total.costUsd ?? 0) - (before.costUsd ?? 0) + (usage.costUsd ?? 0);
  const threadUsage = {
    inputTokens: total.inputTokens - before.inputTokens + usage.inputTokens,
    cachedInputTokens: total.cachedInputTokens - before.cachedInputTokens + usage.cachedInputTokens,
    outputTokens: total.outputTokens - before.outputTokens + usage.outputTokens,
    ...((total.costUsd !== undefined || usage.costUsd !== undefined) && { costUsd: Math.max(cost, 0) }),
  };
  return accept({
    eventType: "thread.turn-usage-recorded",
    payload: { threadId, turnId, usage, threadUsage, ...(context && { context }), recordedAt: now },
  });
};

const completeTurn = (thread: LiveThread, command: Of<"thread.turn.complete">, now: string): Decision => {
  const { threadId, turnId, status, reason } = command;
  const current = thread.activeTurn ?? thread.requestedTurn;
  if (current?.turnId !== turnId) return notInProgress;
  const failed = status === "error";
  const next = thread.queue[0];
  return accept(
    ...expireRequests(thread, threadId, now),
    { eventType: "thread.turn-completed", payload: { threadId, turnId, status, reason, completedAt: now } },
    sessionSet(thread, threadId, failed ? "error" : "ready", failed ? reason : null),
    ...(next ? startRequested(threadId, next) : []),
  );
};
