/**
 * At start, before anything is served: no process of this server is left, so whatever claims to be running is not. Turns
 * end as interrupted, open requests as expired, sessions as stopped; turns that had not begun stay, and begin again.
 */
import type { Turn } from "@heddle/contracts/ReadModel";
import { commandOfTurn } from "@heddle/domain/Thread";
import { SessionRuntime } from "@heddle/event-store/SessionRuntime";
import { Queries, type UnsettledThread } from "@heddle/projections/Queries";
import { endProcessesMarked, endProcessesOf } from "@heddle/providers/shared/ProcessTree";
import { Clock, Effect, Option, Schema } from "effect";
import { isForGood, type Origin } from "./GroupWriter.ts";
import { commandIdFrom, turnStartedEventId } from "./DerivedId.ts";
import { Engine } from "./Engine.ts";
import { TurnCheckpoints } from "./TurnCheckpoints.ts";
import { resolveWorkspace } from "./Workspace.ts";

/** What is settled belongs to the chain of the turn that was cut short. */
const originOf = (turn: Turn | null): Origin => ({
  actor: "server",
  causationEventId: turn && turnStartedEventId(turn.turnId),
  correlationId: turn && commandOfTurn(turn.turnId),
  metadata: {},
});

const REASON = "The server stopped while this ran.";

export interface RecoveryOptions {
  /** What this server's agents bear. An agent that came up right before a crash is written down nowhere else. */
  readonly owner?: string;
}

/** Settles every thread that claims to be alive, and gives how many there were. */
export const recover = Effect.fn("recover")(function* ({ owner }: RecoveryOptions = {}) {
  const queries = yield* Queries;
  const runtime = yield* SessionRuntime;
  const startedAt = yield* Clock.currentTimeMillis;
  if (owner !== undefined) yield* sayEnded(yield* endProcessesOf(owner));
  for (const { providerSessionId, runtimePayload } of yield* runtime.alive) {
    yield* reap(runtimePayload);
    yield* runtime.setStatus(providerSessionId, "stopped");
  }
  const unsettled = yield* queries.unsettledThreads;
  yield* Effect.forEach(unsettled, (thread) => settleOrSay(thread, startedAt), {
    concurrency: 4,
    discard: true,
  });
  if (unsettled.length > 0) {
    yield* Effect.logInfo(`Settled ${unsettled.length} threads whose agents did not outlive the last run.`);
  }
  return unsettled.length;
});

/** Ends what a crashed server left behind: the agent's process and whatever it had started. */
const reap = Effect.fnUntraced(function* (runtimePayload: Schema.Json) {
  const { mark } = decodePayload(runtimePayload).pipe(Option.getOrElse(() => ({ mark: undefined })));
  if (mark === undefined) return;
  yield* sayEnded(yield* endProcessesMarked(mark));
});

const sayEnded = (count: number) =>
  count > 0 ? Effect.logInfo(`Ended ${count} processes of agents that the last run had left.`) : Effect.void;

const decodePayload = Schema.decodeUnknownOption(Schema.Struct({ mark: Schema.optionalKey(Schema.String) }));

/** A thread that cannot be settled, since an event of its cannot be read or on a bug, does not keep the others waiting. */
const settleOrSay = (thread: UnsettledThread, startedAt: number) =>
  settle(thread, startedAt).pipe(
    Effect.catchIf(isForGood, (error) =>
      Effect.logError(`Thread ${thread.threadId} could not be settled: ${error.message}`),
    ),
  );

const settle = Effect.fnUntraced(function* ({ threadId, runningTurn }: UnsettledThread, startedAt: number) {
  const engine = yield* Engine;
  if (runningTurn) yield* captureEnd(runningTurn);
  yield* engine
    .dispatch(
      {
        type: "thread.session.end",
        commandId: commandIdFrom("recovered", threadId, startedAt),
        threadId,
        status: runningTurn ? "interrupted" : "stopped",
        turnStatus: "interrupted",
        reason: REASON,
      },
      originOf(runningTurn),
    )
    .pipe(Effect.catchTag("CommandRejected", (rejected) => Effect.logDebug(rejected.message)));
});

/** What the turn had changed before the crash can be seen and taken back like any other. */
const captureEnd = Effect.fnUntraced(function* (turn: Turn) {
  const queries = yield* Queries;
  const checkpoints = yield* TurnCheckpoints;
  const thread = yield* queries.thread(turn.threadId);
  const project = thread && (yield* queries.project(thread.projectId));
  if (!thread || !project) return;
  yield* resolveWorkspace(project, thread.worktreePath).pipe(
    Effect.flatMap((workspace) =>
      checkpoints.captureEnd(
        {
          threadId: turn.threadId,
          turnId: turn.turnId,
          turnCount: turn.turnCount,
          workspace,
          assistantMessageId: turn.assistantMessageId,
        },
        originOf(turn),
      ),
    ),
    Effect.catchTag(["WorkspaceUnavailable", "CommandRejected"], (error) => Effect.logWarning(error.message)),
  );
});
