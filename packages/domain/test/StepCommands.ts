/** What a random step stands for. */
import type { ClientCommand } from "@heddle/contracts/Commands";
import {
  ApprovalRequestId,
  CheckpointRef,
  CommandId,
  MessageId,
  ProjectId,
  ThreadId,
  TurnId,
} from "@heddle/contracts/Ids";
import type { ModelSelection } from "@heddle/contracts/Model";
import type { ServerCommand } from "../src/ServerCommand.ts";
import { type LiveThread, turnsInOrder } from "../src/ThreadState.ts";
import type { Step } from "./Steps.ts";
import type { AnyCommand, World } from "./World.ts";

/** The command that a step stands for in the world as it is. */
export const commandFor = (world: World, step: Step, id: string): AnyCommand => {
  const commandId = CommandId.make(id);
  const projectId = ProjectId.make(`p${step.project}`);
  const threadId = ThreadId.make(`t${step.thread}`);
  const command = clientCommand(world, step, { commandId, projectId, threadId });
  return command ?? serverCommand(world, step, { commandId, threadId });
};

/** One of what there is; where there is nothing, or in one case of eight, one that there is not. */
const pickOf = <A>(options: Iterable<A>, { pick }: Step, unknown: A): A => {
  const list = [...options];
  return pick === 7 || list.length === 0 ? unknown : (list[pick % list.length] ?? unknown);
};

// Keys in more than one order: what is stored must not depend on it.
const MODELS: ReadonlyArray<ModelSelection> = [
  { provider: "demo" },
  { model: "gpt-5", provider: "codex" },
  { options: { b: [1, { z: null, a: true }], a: 2 }, provider: "claude", model: "opus" },
];
const modelFor = (form: number): ModelSelection => MODELS[form % MODELS.length] ?? { provider: "demo" };

const AT = "2026-01-31T12:00:00.000Z";

const clientCommand = (
  world: World,
  step: Step,
  ids: { readonly commandId: CommandId; readonly projectId: ProjectId; readonly threadId: ThreadId },
): ClientCommand | undefined => {
  const { wish: type, form } = step;
  const { commandId, projectId, threadId } = ids;
  const thread = world.liveThread(threadId);
  switch (type) {
    case "project.create":
      return {
        type,
        commandId,
        projectId,
        title: `Project ${commandId}`,
        workspaceRoot: "/work",
        ...(form % 3 > 0 && { defaultModel: form % 3 === 1 ? modelFor(form) : null }),
        createdAt: AT,
      };
    case "project.meta.update":
      return {
        type,
        commandId,
        projectId,
        ...(form % 2 > 0 && { title: `Renamed ${commandId}` }),
        ...(form % 3 > 0 && { defaultModel: form % 3 === 1 ? modelFor(form) : null }),
        ...(form % 5 > 2 && { scripts: [{ command: "pnpm test", name: "test" }] }),
      };
    case "project.delete":
      return { type, commandId, projectId };
    case "thread.create":
      return {
        type,
        commandId,
        threadId,
        projectId,
        title: `Thread ${commandId}`,
        model: modelFor(form),
        branch: form % 2 > 0 ? "main" : null,
        worktreePath: form % 4 > 2 ? "/srv/tree" : null,
        ...(form % 6 > 3 && { worktree: form % 2 > 0 ? { branch: "feature", from: "main" } : {} }),
        ...(form > 8 && { runtimeMode: "full-access" }),
        createdAt: AT,
      };
    case "thread.meta.update":
      return {
        type,
        commandId,
        threadId,
        ...(form % 2 > 0 && { model: modelFor(form) }),
        ...(form % 3 > 0 && { branch: form % 3 === 1 ? "next" : null }),
        ...(form % 5 > 3 && { worktreePath: "/srv/other" }),
      };
    case "thread.delete":
    case "thread.archive":
    case "thread.unarchive":
      return { type, commandId, threadId };
    case "thread.fork":
      return {
        type,
        commandId,
        threadId,
        sourceThreadId: ThreadId.make(`t${(step.thread + 1) % 3}`),
        turnCount: form % 3,
        createdAt: AT,
      };
    case "thread.runtime-mode.set":
      return {
        type,
        commandId,
        threadId,
        runtimeMode: form % 2 > 0 ? "auto-accept-edits" : "approval-required",
      };
    case "thread.turn.start":
      return {
        type,
        commandId,
        threadId,
        message: {
          messageId: MessageId.make(
            form === 11 ? pickOf(world.messageIds, step, "m") : `message-${commandId}`,
          ),
          role: "user",
          text: `Do ${commandId}`,
          attachments: form === 10 ? [{ data: "aGk=", name: "a.txt", mimeType: "text/plain" }] : [],
        },
        ...(form % 4 === 1 && { model: modelFor(form) }),
        ...(form % 5 === 1 && { effort: "high" }),
        ...(form % 3 > 0 && { dispatchMode: form % 3 === 1 ? "queue" : "steer" }),
        createdAt: AT,
      };
    case "thread.queue.reorder": {
      const waiting = thread?.queue.map(({ turnId }) => turnId) ?? [];
      return { type, commandId, threadId, turnIds: waiting.toReversed().slice(0, 1 + (form % 3)) };
    }
    case "thread.turn.interrupt":
      return {
        type,
        commandId,
        threadId,
        ...(form % 2 > 0 && { turnId: pickOf(openTurns(thread), step, TurnId.make("turn:no")) }),
        createdAt: AT,
      };
    case "thread.approval.respond":
      return {
        type,
        commandId,
        threadId,
        requestId: openRequest(thread, step),
        decision: form % 2 > 0 ? "accept" : "decline",
        createdAt: AT,
      };
    case "thread.user-input.respond":
      return {
        type,
        commandId,
        threadId,
        requestId: openRequest(thread, step),
        answers: form === 0 ? {} : { q: "yes" },
        createdAt: AT,
      };
    case "thread.checkpoint.revert":
      return { type, commandId, threadId, turnCount: form % ((thread?.turnCount ?? 0) + 2), createdAt: AT };
    case "thread.session.stop":
      return { type, commandId, threadId, createdAt: AT };
    default:
      return undefined;
  }
};

const openTurns = (thread: LiveThread | undefined): ReadonlyArray<TurnId> =>
  thread
    ? [thread.activeTurn, thread.requestedTurn, ...thread.queue].flatMap((turn) => turn?.turnId ?? [])
    : [];

const openRequest = (thread: LiveThread | undefined, step: Step): ApprovalRequestId =>
  pickOf(thread?.openRequests.keys() ?? [], step, ApprovalRequestId.make("unknown"));

const serverCommand = (
  world: World,
  step: Step,
  ids: { readonly commandId: CommandId; readonly threadId: ThreadId },
): ServerCommand => {
  const { wish, form } = step;
  const { commandId, threadId } = ids;
  const type = wish as ServerCommand["type"];
  const thread = world.liveThread(threadId);
  const turnId = thread?.activeTurn?.turnId ?? null;
  const base = { commandId, threadId };
  switch (type) {
    case "thread.session.set":
      return {
        ...base,
        type,
        session: {
          status: form % 2 > 0 ? "ready" : "starting",
          providerName: "demo",
          providerSessionId: null,
          providerThreadId: null,
          activeTurnId: turnId,
          lastError: null,
          capabilities: { steer: form % 3 > 0, resume: true },
        },
      };
    case "thread.session.end":
      return {
        ...base,
        type,
        status: form % 3 > 0 ? "stopped" : "error",
        turnStatus: form % 3 > 0 ? "interrupted" : "error",
        reason: "Over",
      };
    case "thread.session.stall":
      return {
        ...base,
        type,
        turnId: turnId ?? TurnId.make("turn:no"),
        stalled: form % 3 > 0 ? { since: AT, waitsFor: "the agent" } : null,
      };
    case "thread.turn.usage.record":
      return {
        ...base,
        type,
        turnId: turnId ?? TurnId.make("turn:no"),
        usage: {
          inputTokens: 100 + form,
          cachedInputTokens: form,
          outputTokens: 10,
          ...(form % 2 > 0 && { costUsd: form / 4 }),
        },
        ...(form % 3 > 0 && { context: { usedTokens: 110 + form, windowTokens: 1000 } }),
      };
    case "thread.turn.begin":
      return {
        ...base,
        type,
        turnId: thread?.requestedTurn?.turnId ?? pickOf(openTurns(thread), step, TurnId.make("turn:no")),
      };
    case "thread.turn.complete":
      return {
        ...base,
        type,
        turnId:
          (step.pick < 5 ? openTurns(thread)[0] : undefined) ??
          pickOf(openTurns(thread), step, TurnId.make("turn:no")),
        status: form % 4 === 0 ? "error" : "completed",
        reason: form % 4 === 0 ? "Overloaded" : null,
      };
    case "thread.turn.diff.complete": {
      const [turnCount, turn] = pickOf(thread ? turnsInOrder(thread.turns) : [], step, [
        9,
        { turnId: TurnId.make("turn:no"), checkpoint: null },
      ]);
      return {
        ...base,
        type,
        turnId: turn.turnId,
        turnCount,
        checkpointRef: CheckpointRef.make(`refs/heddle/${threadId}/${turnCount}/end`),
        status: form === 0 ? "missing" : "ready",
        files: [{ path: "a.ts", deletions: 1, additions: form, kind: "modified" }],
        assistantMessageId: null,
      };
    }
    case "thread.message.assistant.delta":
    case "thread.message.assistant.complete":
      return {
        ...base,
        type,
        turnId,
        // A message belongs to one turn: its id derives from the turn's.
        messageId: MessageId.make(`reply-${threadId}-${turnId}-${step.pick % 2}`),
        offset: 0,
        text: `${commandId} `,
      };
    case "thread.message.import":
      return {
        ...base,
        type,
        messageId: MessageId.make(`import-${commandId}`),
        role: "user",
        text: "Old",
        attachments: [],
        createdAt: AT,
      };
    case "thread.activity.append":
      return {
        ...base,
        type,
        turnId: form % 4 > 0 ? turnId : null,
        tone: "tool",
        kind: "tool.completed",
        summary: `Ran ${commandId}`,
        detail: { z: [form, null], a: { "2": "b", "1": "a" } },
      };
    case "thread.approval.request":
      return {
        ...base,
        type,
        turnId,
        requestId: ApprovalRequestId.make(`request-${commandId}`),
        kind: "execute",
        title: "Run",
        detail: { z: 1, a: 2 },
      };
    case "thread.user-input.request":
      return {
        ...base,
        type,
        turnId,
        requestId: ApprovalRequestId.make(`request-${commandId}`),
        questions: [{ prompt: "Which?", id: "q", options: [{ label: "Yes", value: "yes" }] }],
      };
    case "thread.approval.resolve":
    case "thread.user-input.resolve":
      return {
        ...base,
        type,
        requestId: openRequest(thread, step),
        outcome: form % 3 === 0 ? "acceptForSession" : form % 2 > 0 ? "accept" : "answered",
      };
    case "thread.checkpoint.revert.complete":
      return {
        ...base,
        type,
        turnCount: step.pick === 7 ? form : (thread?.revertingTo ?? form),
        files: ["a.ts"],
        skipped: form % 2 > 0 ? [{ reason: "It was changed since.", path: "b.ts" }] : [],
        safetyRef: CheckpointRef.make(`refs/heddle/${threadId}/safety/${commandId}`),
      };
    case "thread.checkpoint.revert.fail":
      return { ...base, type, reason: "A file is in the way." };
    case "thread.worktree.made":
      return {
        ...base,
        type,
        branch: `heddle/${threadId}`,
        worktreePath: `/srv/trees/${threadId}`,
        baseCommit: "1".repeat(40),
      };
    case "thread.worktree.fail":
      return { ...base, type, reason: "The repository has no commit." };
  }
};
