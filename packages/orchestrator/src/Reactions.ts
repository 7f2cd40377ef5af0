/** What is done for each kind of reaction. A crash may have cut the first try short: each may be done again. */
import { CheckpointStore } from "@heddle/checkpoints/CheckpointStore";
import { Worktrees } from "@heddle/checkpoints/Worktrees";
import { CommandRejected } from "@heddle/contracts/Errors";
import type { ApprovalRequestId, ThreadId } from "@heddle/contracts/Ids";
import type { RequestOutcome } from "@heddle/contracts/Model";
import type { Project, ThreadSummary } from "@heddle/contracts/ReadModel";
import type { Reaction, ReactionKind } from "@heddle/domain/Reaction";
import { DiffBlobs } from "@heddle/event-store/DiffBlobs";
import type { ClaimedEffect } from "@heddle/event-store/Effects";
import { SessionRuntime } from "@heddle/event-store/SessionRuntime";
import { Queries } from "@heddle/projections/Queries";
import type { ProviderError } from "@heddle/providers/shared/Provider";
import { Context, Effect, Layer, Schema } from "effect";
import { AgentSessions } from "./AgentSessions.ts";
import { commandIdFrom, messageIdFrom } from "./DerivedId.ts";
import { Engine } from "./Engine.ts";
import type { CommandError, Origin } from "./GroupWriter.ts";
import { makeGiveUp } from "./GivenUp.ts";
import type { LiveSession } from "./LiveSession.ts";
import { stoppedByPerson } from "./SessionEnding.ts";
import { threadWorktree } from "./ThreadWorktree.ts";
import { TurnStarter } from "./TurnStarter.ts";
import { resolveWorkspace } from "./Workspace.ts";

/** The thing that an effect is about is gone. */
export class Gone extends Schema.TaggedError<Gone>()("Gone", { message: Schema.String }) {}

type Of<Kind extends ReactionKind> = Extract<Reaction, { kind: Kind }>;
type Handler<Kind extends ReactionKind, R> = (
  reaction: Of<Kind>,
  origin: Origin,
) => Effect.Effect<string, unknown, R>;
type Handlers = { readonly [Kind in ReactionKind]: Handler<Kind, never> };

export class Reactions extends Context.Service<
  Reactions,
  {
    /** Carries out an effect, and says in a word what came of it. A failure means: try again later. */
    readonly run: (effect: ClaimedEffect, origin: Origin) => Effect.Effect<string, unknown>;
    /** Ends what waits for an effect that is given up: the thread goes on without it. */
    readonly abandon: (
      effect: ClaimedEffect,
      origin: Origin,
      reason: string,
    ) => Effect.Effect<void, CommandError>;
  }
>()("heddle/orchestrator/Reactions") {
  static readonly layer = Layer.effect(
    Reactions,
    Effect.gen(function* () {
      const engine = yield* Engine;
      const queries = yield* Queries;
      const sessions = yield* AgentSessions;
      const starter = yield* TurnStarter;
      const checkpoints = yield* CheckpointStore;
      const blobs = yield* DiffBlobs;
      const runtime = yield* SessionRuntime;
      const worktree = threadWorktree(engine, yield* Worktrees);

      const threadAndProject = Effect.fnUntraced(function* (threadId: ThreadId) {
        const thread = yield* queries.thread(threadId);
        const project = thread && (yield* queries.project(thread.projectId));
        if (!thread || !project)
          return yield* new Gone({ message: `Thread ${threadId} is not in the read model.` });
        return { thread, project };
      });

      /** The folder that the thread's checkpoints are of, also where it is gone. */
      const workspaceOf = ({
        thread,
        project,
      }: {
        readonly thread: ThreadSummary;
        readonly project: Project;
      }) =>
        resolveWorkspace(project, thread.worktreePath).pipe(
          Effect.catchTag("WorkspaceUnavailable", () =>
            Effect.succeed(thread.worktreePath ?? project.workspaceRoot),
          ),
        );

      const revert = Effect.fnUntraced(function* (
        { threadId, turnCount }: Of<"checkpoint.revert">,
        origin: Origin,
      ) {
        const { thread, project } = yield* threadAndProject(threadId);
        // The agent remembers what is being undone: it goes on in a fresh session.
        yield* sessions.end(threadId, {
          status: "stopped",
          turnStatus: "interrupted",
          reason: null,
        });
        const workspace = yield* resolveWorkspace(project, thread.worktreePath);
        const latestTurnCount = yield* queries.turnCount(threadId);
        const reverted = yield* checkpoints.revert({ workspace, threadId, turnCount, latestTurnCount });
        yield* blobs.dropAfter(threadId, turnCount);
        yield* runtime.forgetCursors(threadId);
        yield* (
          engine
            .dispatch(
              {
                type: "thread.checkpoint.revert.complete",
                commandId: commandIdFrom("reverted", origin.causationEventId ?? threadId),
                threadId,
                turnCount,
                files: reverted.files.map(({ path }) => path),
                skipped: reverted.skipped,
                safetyRef: reverted.safetyRef,
              },
              origin,
            )
            // It was told before a crash, of the files as they were then.
            .pipe(Effect.catchTag("CommandIdConflict", ({ message }) => Effect.logDebug(message)))
        );
        return `restored ${reverted.files.length} files`;
      });

      const failRevert = (threadId: ThreadId, origin: Origin, reason: string) =>
        Effect.gen(function* () {
          const id = origin.causationEventId ?? threadId;
          yield* engine.dispatch(
            {
              type: "thread.checkpoint.revert.fail",
              commandId: commandIdFrom("revert-failed", id),
              threadId,
              reason,
            },
            origin,
          );
          yield* engine.dispatch(
            {
              type: "thread.activity.append",
              commandId: commandIdFrom("revert-failed-activity", id),
              threadId,
              turnId: null,
              tone: "error",
              kind: "revert.failed",
              summary: "The files could not be taken back",
              detail: { reason },
            },
            origin,
          );
          return `failed: ${reason}`;
        });

      const sayNoWorktree = (threadId: ThreadId, origin: Origin, reason: string) =>
        engine
          .dispatch(
            {
              type: "thread.activity.append",
              commandId: commandIdFrom("worktree-failed-activity", origin.causationEventId ?? threadId),
              threadId,
              turnId: null,
              tone: "error",
              kind: "worktree.failed",
              summary: "The worktree could not be made; the next turn tries once more",
              detail: { reason },
            },
            origin,
          )
          .pipe(
            // Said before a crash, in other words; or the thread was deleted.
            Effect.catchTag(["CommandIdConflict", "CommandRejected"], ({ message }) =>
              Effect.logDebug(message),
            ),
            Effect.as(`failed: ${reason}`),
          );

      /** Gives an agent its answer; where it is gone, the request expires. */
      const answer = Effect.fnUntraced(function* (
        kind: "approval" | "user-input",
        threadId: ThreadId,
        requestId: ApprovalRequestId,
        outcome: RequestOutcome,
        origin: Origin,
        deliver: (session: LiveSession, requestKey: string) => Effect.Effect<void, ProviderError>,
      ) {
        const live = sessions.get(threadId);
        const request = live?.ingest.openRequest(requestId);
        if (live && request) {
          return yield* live.ingest.answer(requestId, outcome, deliver(live, request.requestKey));
        }
        const commandId = commandIdFrom("request-expired", requestId);
        yield* ignoreRejected(
          engine.dispatch(
            { type: `thread.${kind}.resolve`, commandId, threadId, requestId, outcome: "expired" },
            origin,
          ),
        );
        return "expired";
      });

      const handlers: Handlers = {
        "turn.start": (reaction, origin) => starter.start(reaction, origin),
        "turn.steer": ({ threadId }, origin) => starter.steer(threadId, origin),
        "turn.interrupt": Effect.fnUntraced(function* ({ threadId, turnId }, origin) {
          if (yield* sessions.interrupt(threadId, turnId)) return "interrupted";
          // The log says that it runs, and no process does: it ends there too.
          yield* ignoreRejected(
            engine.dispatch(
              {
                type: "thread.turn.complete",
                commandId: commandIdFrom("interrupt-forced", turnId),
                threadId,
                turnId,
                status: "interrupted",
                reason: null,
              },
              origin,
            ),
          );
          // A start that is tried again may have handed it to the agent in between.
          yield* sessions.interrupt(threadId, turnId);
          return "no session";
        }),
        "approval.respond": ({ threadId, requestId, decision }, origin) =>
          answer("approval", threadId, requestId, decision, origin, ({ agent }, key) =>
            agent.respondApproval(key, decision),
          ),
        "user-input.respond": ({ threadId, requestId, answers }, origin) => {
          const outcome = Object.keys(answers).length === 0 ? "decline" : "answered";
          return answer("user-input", threadId, requestId, outcome, origin, ({ agent }, key) =>
            agent.respondUserInput(key, answers),
          );
        },
        "runtime-mode.apply": Effect.fnUntraced(function* ({ threadId, runtimeMode }) {
          const live = sessions.get(threadId);
          if (!live) return "no session";
          yield* live.agent.setRuntimeMode(runtimeMode);
          return runtimeMode;
        }),
        "checkpoint.revert": (reaction, origin) =>
          revert(reaction, origin).pipe(
            Effect.catchTag(["CheckpointError", "WorkspaceUnavailable", "Gone"], (error) =>
              failRevert(reaction.threadId, origin, error.message),
            ),
          ),
        "session.stop": Effect.fnUntraced(function* ({ threadId }, origin) {
          if (yield* sessions.end(threadId, stoppedByPerson)) return "stopped";
          const commandId = commandIdFrom("session-stop", origin.causationEventId ?? threadId);
          yield* engine.dispatch(
            { type: "thread.session.end", commandId, threadId, ...stoppedByPerson },
            origin,
          );
          return "no session";
        }),
        "thread.copy-history": Effect.fnUntraced(function* ({ threadId }, origin) {
          const { thread } = yield* threadAndProject(threadId);
          if (!thread.forkedFrom) return "not a fork";
          const history = yield* queries.history(thread.forkedFrom.threadId, thread.forkedFrom.turnCount);
          for (const { messageId, role, text, fullText, attachments, createdAt } of history) {
            yield* engine.dispatch(
              {
                type: "thread.message.import",
                commandId: commandIdFrom("import", threadId, messageId),
                threadId,
                messageId: messageIdFrom(threadId, messageId),
                role,
                text,
                ...(fullText && { fullText }),
                attachments,
                createdAt,
              },
              origin,
            );
          }
          return `copied ${history.length} messages`;
        }),
        "worktree.make": Effect.fnUntraced(function* ({ threadId }, origin) {
          const { thread, project } = yield* threadAndProject(threadId);
          if (thread.deletedAt !== null) return "the thread was deleted";
          return yield* worktree.ensure(thread, project, origin).pipe(
            Effect.map((path) => (path === null ? "not wanted any more" : `made ${path}`)),
            Effect.catchTags({
              WorkspaceUnavailable: ({ message }) => sayNoWorktree(threadId, origin, message),
              CommandRejected: ({ message }) => Effect.succeed(`not wanted any more: ${message}`),
            }),
          );
        }),
        "thread.clean-up": Effect.fnUntraced(function* ({ threadId }) {
          yield* sessions.end(threadId, {
            status: "stopped",
            turnStatus: "interrupted",
            reason: null,
          });
          const found = yield* threadAndProject(threadId);
          yield* checkpoints.prune({ workspace: yield* workspaceOf(found), threadId });
          yield* blobs.dropAfter(threadId, -1);
          const left = yield* worktree.remove(threadId, found.project.workspaceRoot);
          return ["cleaned up", ...left].join("; ");
        }),
        "project.clean-up": Effect.fnUntraced(function* ({ projectId }, origin) {
          const threadIds = yield* queries.threadsOf(projectId);
          for (const threadId of threadIds) {
            const commandId = commandIdFrom("delete-with-project", projectId, threadId);
            yield* ignoreRejected(engine.dispatch({ type: "thread.delete", commandId, threadId }, origin));
          }
          return `deleted ${threadIds.length} threads`;
        }),
      };

      const giveUp = makeGiveUp({ engine, sessions, starter, failRevert, sayNoWorktree });
      return Reactions.of({
        abandon: (effect, origin, reason) => giveUp(reactionOf(effect), origin, reason),
        run: (effect, origin) => {
          const reaction = reactionOf(effect);
          const handler = handlers[reaction.kind] as Handler<ReactionKind, never> | undefined;
          return handler
            ? handler(reaction, origin)
            : Effect.fail(new Gone({ message: `No such kind of effect: ${effect.kind}` }));
        },
      });
    }),
  );
}

/** The row was written from a Reaction, by this code or an earlier version of it. */
const reactionOf = (effect: ClaimedEffect): Reaction =>
  ({ kind: effect.kind, ...(effect.payload as object) }) as Reaction;

const ignoreRejected = <A, E>(effect: Effect.Effect<A, E | CommandRejected>) =>
  effect.pipe(
    Effect.asVoid,
    Effect.catchIf(
      (error): error is CommandRejected & E => error instanceof CommandRejected,
      (rejected) => Effect.logDebug(rejected.message),
    ),
  );
