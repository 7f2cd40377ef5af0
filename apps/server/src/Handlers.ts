/** The RPC methods: decode, call, and say in the contract's terms what went wrong. Nothing else happens here. */
import { InternalError, StoreUnavailable } from "@heddle/contracts/Errors";
import {
  GetThreadSnapshotInput,
  GetTurnDiffInput,
  OrchestrationRpcs,
  ReplayEventsInput,
  SubscribeInput,
  SubscribeThreadInput,
} from "@heddle/contracts/Rpc";
import type { UndecodableEvent } from "@heddle/event-store/EventCodec";
import { eventReads } from "@heddle/event-store/EventStore";
import { Reader } from "@heddle/event-store/SqliteDatabase";
import { Engine } from "@heddle/orchestrator/Engine";
import { fromClient } from "@heddle/orchestrator/GroupWriter";
import { Subscriptions } from "@heddle/orchestrator/Subscriptions";
import { TurnCheckpoints } from "@heddle/orchestrator/TurnCheckpoints";
import { Queries } from "@heddle/projections/Queries";
import { Effect, Random, Schema, Stream } from "effect";
import type { SqlError } from "effect/sql";
import { commandInput, inputOf } from "./Input.ts";

const noInput = Schema.Struct({});
const snapshotInput = inputOf("orchestration.getSnapshot", noInput);
const shellSnapshotInput = inputOf("orchestration.getShellSnapshot", noInput);
const threadSnapshotInput = inputOf("orchestration.getThreadSnapshot", GetThreadSnapshotInput);
const turnDiffInput = inputOf("orchestration.getTurnDiff", GetTurnDiffInput);
const replayInput = inputOf("orchestration.replayEvents", ReplayEventsInput);
const subscribeInput = inputOf("orchestration.subscribe", SubscribeInput);
const subscribeThreadInput = inputOf("orchestration.subscribeThread", SubscribeThreadInput);

/** What failed below, in the contract's terms; the rest of the error goes to the log. */
const readFailure = (
  error: SqlError.SqlError | Schema.SchemaError | UndecodableEvent,
): Effect.Effect<never, StoreUnavailable | InternalError> => {
  if (error._tag === "SqlError") {
    return Effect.fail(
      new StoreUnavailable({
        operation: "read",
        retryable: error.isRetryable,
        message: `The database could not be read: ${error.message}`,
      }),
    );
  }
  return Effect.flatMap(Random.nextIntBetween(0, 2 ** 31), (number) => {
    const reference = number.toString(36);
    const message = `What is stored could not be read; the server's log has more under ${reference}.`;
    return Effect.andThen(
      Effect.logError(`${reference}: ${error.message}`),
      Effect.fail(new InternalError({ reference, message })),
    );
  });
};

const streamFailure = (error: SqlError.SqlError | UndecodableEvent) => Stream.fromEffect(readFailure(error));

export const handlersLayer = OrchestrationRpcs.toLayer(
  Effect.gen(function* () {
    const engine = yield* Engine;
    const queries = yield* Queries;
    const subscriptions = yield* Subscriptions;
    const checkpoints = yield* TurnCheckpoints;
    const reads = eventReads(yield* Reader);

    return OrchestrationRpcs.of({
      "orchestration.dispatchCommand": (payload) =>
        Effect.flatMap(commandInput(payload), (command) => engine.dispatch(command, fromClient)),
      "orchestration.getSnapshot": (payload) =>
        Effect.andThen(snapshotInput(payload), queries.snapshot).pipe(
          Effect.catchTag(["SqlError", "SchemaError"], readFailure),
        ),
      "orchestration.getShellSnapshot": (payload) =>
        Effect.andThen(shellSnapshotInput(payload), queries.shellSnapshot).pipe(
          Effect.catchTag(["SqlError", "SchemaError"], readFailure),
        ),
      "orchestration.getThreadSnapshot": (payload) =>
        Effect.flatMap(threadSnapshotInput(payload), queries.threadSnapshot).pipe(
          Effect.catchTag(["SqlError", "SchemaError"], readFailure),
        ),
      "orchestration.getTurnDiff": (payload) =>
        Effect.flatMap(turnDiffInput(payload), (range) =>
          Effect.map(checkpoints.diff(range), (diff) => ({ ...range, diff })),
        ).pipe(Effect.catchTag("SqlError", readFailure)),
      "orchestration.replayEvents": (payload) =>
        Effect.gen(function* () {
          const { fromSequenceExclusive, limit } = yield* replayInput(payload);
          const headSequence = yield* reads.head;
          const events = yield* reads.readAll({ fromSequenceExclusive, limit });
          const last = events.at(-1)?.sequence ?? fromSequenceExclusive;
          return { events, headSequence, nextFromSequenceExclusive: last < headSequence ? last : null };
        }).pipe(Effect.catchTag(["SqlError", "UndecodableEvent"], readFailure)),
      "orchestration.subscribe": (payload) =>
        Effect.map(subscribeInput(payload), ({ fromSequenceExclusive }) =>
          subscriptions.subscribe(fromSequenceExclusive),
        ).pipe(Stream.unwrap, Stream.catchTag(["SqlError", "UndecodableEvent"], streamFailure)),
      "orchestration.subscribeThread": (payload) =>
        Effect.map(subscribeThreadInput(payload), ({ threadId, fromSequenceExclusive }) =>
          subscriptions.subscribeThread(threadId, fromSequenceExclusive),
        ).pipe(Stream.unwrap, Stream.catchTag(["SqlError", "UndecodableEvent"], streamFailure)),
    });
  }),
);
