/** Takes a turn that was asked for to its agent: folder, checkpoint, session, and the prompt. */
import { Worktrees } from "@heddle/checkpoints/Worktrees";
import type { EventEnvelope } from "@heddle/contracts/Events";
import type { ThreadId } from "@heddle/contracts/Ids";
import type { Attachment } from "@heddle/contracts/Model";
import type { Reaction } from "@heddle/domain/Reaction";
import { Blobs } from "@heddle/event-store/Blobs";
import { EventStore } from "@heddle/event-store/EventStore";
import { Queries } from "@heddle/projections/Queries";
import { Context, Effect, Layer } from "effect";
import { AgentSessions, type SessionFailure } from "./AgentSessions.ts";
import { commandIdFrom, promptIdFrom } from "./DerivedId.ts";
import { Engine } from "./Engine.ts";
import { makeTellHistory } from "./FreshSession.ts";
import type { CommandError, Origin } from "./GroupWriter.ts";
import { threadWorktree } from "./ThreadWorktree.ts";
import { TurnCheckpoints } from "./TurnCheckpoints.ts";
import { resolveWorkspace } from "./Workspace.ts";

type ReadFailure = Effect.Error<Queries["Service"]["snapshot"]> | Effect.Error<EventStore["Service"]["head"]>;
type StartFailure =
  | SessionFailure
  | ReadFailure
  | Effect.Error<ReturnType<EventStore["Service"]["readById"]>>
  | Effect.Error<ReturnType<Blobs["Service"]["dataOf"]>>;

type TurnStart = Extract<Reaction, { kind: "turn.start" }>;

interface Prompt {
  readonly request: EventEnvelope<"thread.turn-start-requested" | "thread.turn-steer-requested">;
  readonly text: string;
  readonly attachments: ReadonlyArray<Attachment>;
}

export class TurnStarter extends Context.Service<
  TurnStarter,
  {
    /** What cannot work (no such agent, no such folder) ends the turn with an error, and is no failure here. */
    readonly start: (reaction: TurnStart, origin: Origin) => Effect.Effect<string, StartFailure>;
    /** Ends a turn that cannot be started. */
    readonly fail: (
      reaction: TurnStart,
      origin: Origin,
      reason: string,
    ) => Effect.Effect<string, CommandError>;
    readonly steer: (threadId: ThreadId, origin: Origin) => Effect.Effect<string, StartFailure>;
  }
>()("heddle/orchestrator/TurnStarter") {
  static readonly layer = Layer.effect(
    TurnStarter,
    Effect.gen(function* () {
      const store = yield* EventStore;
      const blobs = yield* Blobs;
      const queries = yield* Queries;
      const engine = yield* Engine;
      const sessions = yield* AgentSessions;
      const checkpoints = yield* TurnCheckpoints;
      const worktree = threadWorktree(engine, yield* Worktrees);

      /** The request, and the words that it is about: its cause is the message, or the prompt that waited. */
      const promptOf = Effect.fnUntraced(function* (origin: Origin) {
        const request = origin.causationEventId && (yield* store.readById(origin.causationEventId));
        if (!request) return undefined;
        if (
          request.eventType !== "thread.turn-start-requested" &&
          request.eventType !== "thread.turn-steer-requested"
        ) {
          return undefined;
        }
        const said = request.causationEventId && (yield* store.readById(request.causationEventId));
        if (!said || (said.eventType !== "thread.message-sent" && said.eventType !== "thread.turn-queued")) {
          return undefined;
        }
        const text = yield* blobs.textOf(said.payload);
        const attachments = yield* Effect.forEach(said.payload.attachments, (attachment) =>
          Effect.map(blobs.dataOf(attachment), (data): Attachment => {
            const { name, mimeType } = attachment;
            return { name, mimeType, data };
          }),
        );
        return { request, text, attachments } satisfies Prompt;
      });

      const tellHistory = makeTellHistory(engine, queries);

      const inputOf = ({ request, text, attachments }: Prompt) => ({
        promptId: promptIdFrom(request.payload.messageId),
        text,
        attachments,
        ...(request.payload.effort !== undefined && { effort: request.payload.effort }),
      });

      const start = Effect.fnUntraced(function* ({ threadId, turnId }: TurnStart, origin: Origin) {
        const prompt = yield* promptOf(origin);
        const thread = yield* queries.thread(threadId);
        const project = thread && (yield* queries.project(thread.projectId));
        if (!prompt || !thread || !project || thread.deletedAt !== null) return "nothing to start";
        // Begun by a try before this one: it is over since a crash, or its prompt was not handed over yet.
        const begun = yield* queries.turn(turnId);
        if (begun && begun.completedAt !== null) return "had begun, and is over";
        const worktreePath = yield* worktree.ensure(thread, project, origin);
        const workspace = yield* resolveWorkspace(project, worktreePath);
        const turnCount = begun?.turnCount ?? (yield* queries.turnCount(threadId)) + 1;
        const model = prompt.request.payload.model ?? thread.model;
        const session = yield* sessions.ensure(thread, { turnId, model, workspace }, origin);
        yield* checkpoints.captureStart(threadId, turnCount, workspace);
        const text = yield* tellHistory(session, turnId, prompt.text, origin);
        const input = { ...inputOf(prompt), text, model };
        yield* sessions.begin(session, { turnId, turnCount }, input, origin);
        return "started";
      });

      const failTurn = ({ threadId, turnId }: TurnStart, origin: Origin, reason: string) =>
        engine
          .dispatch(
            {
              type: "thread.turn.complete",
              commandId: commandIdFrom("turn-failed", turnId),
              threadId,
              turnId,
              status: "error",
              reason,
            },
            origin,
          )
          .pipe(
            Effect.as(`failed: ${reason}`),
            // Or it had failed before, for another reason.
            Effect.catchTag(["CommandRejected", "CommandIdConflict"], () =>
              Effect.succeed("ended before it began"),
            ),
          );

      const sayTooLate = (threadId: ThreadId, origin: Origin) =>
        engine
          .dispatch(
            {
              type: "thread.activity.append",
              commandId: commandIdFrom("steer-late", origin.causationEventId ?? threadId),
              threadId,
              turnId: null,
              tone: "error",
              kind: "steer.late",
              summary: "The turn was over before the agent could be given this prompt; send it again",
              detail: null,
            },
            origin,
          )
          .pipe(
            Effect.as("the turn was over"),
            Effect.catchTag("CommandRejected", () => Effect.succeed("the thread was gone")),
          );

      return TurnStarter.of({
        fail: failTurn,
        start: Effect.fn("TurnStarter.start")(function* (reaction, origin) {
          const fail = (reason: string) => failTurn(reaction, origin, reason);
          return yield* Effect.scoped(start(reaction, origin)).pipe(
            Effect.catchTags({
              // It was interrupted, or its thread was deleted, before it began.
              CommandRejected: () => Effect.succeed("ended before it began"),
              ProviderError: (error) => fail(error.message),
              WorkspaceUnavailable: (error) => fail(error.message),
            }),
          );
        }),
        steer: Effect.fn("TurnStarter.steer")(function* (threadId, origin) {
          const prompt = yield* promptOf(origin);
          const live = sessions.get(threadId);
          if (!prompt || live?.ingest.currentTurn()?.turnId !== prompt.request.payload.turnId)
            return yield* sayTooLate(threadId, origin);
          return yield* live.agent.steer(inputOf(prompt)).pipe(Effect.as("steered"));
        }),
      });
    }),
  );
}
