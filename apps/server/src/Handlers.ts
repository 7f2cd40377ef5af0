/** The RPC methods, but for `dispatchCommand` (Dispatch.ts): decode, call, and say in the contract's terms what went wrong. Nothing else happens here. */
import { InternalError, NotFound, StoreUnavailable } from "@heddle/contracts/Errors";
import {
  type FeedItem,
  GetBlobInput,
  GetQuarantineInput,
  GetShellSnapshotInput,
  GetThreadSnapshotInput,
  GetTurnDiffInput,
  ReplayEventsInput,
  SubscribeInput,
  SubscribeThreadInput,
} from "@heddle/contracts/Rpc";
import { GetSnapshotInput } from "@heddle/contracts/TravelRpc";
import { blobReads } from "@heddle/event-store/Blobs";
import { eventReads } from "@heddle/event-store/EventStore";
import { Quarantine, quarantineReads, quarantiningReads } from "@heddle/event-store/Quarantine";
import { Reader } from "@heddle/event-store/SqliteDatabase";
import { Subscriptions } from "@heddle/orchestrator/Subscriptions";
import { TurnCheckpoints } from "@heddle/orchestrator/TurnCheckpoints";
import { Queries } from "@heddle/projections/Queries";
import { Effect, Random, type Schema, Stream } from "effect";
import type { SqlError } from "effect/sql";
import { agentHandlers } from "./AgentHandlers.ts";
import { FeedPage } from "./FeedPage.ts";
import { importHandlers } from "./ImportHandlers.ts";
import { inputOf } from "./Input.ts";
import { inspectionHandlers } from "./InspectionHandlers.ts";
import { makeInTurn } from "./InTurn.ts";
import { projectionHandlers } from "./ProjectionHandlers.ts";
import { retentionHandlers } from "./RetentionHandlers.ts";
import { ServedRpcs } from "./ServedRpcs.ts";
import { makeTravel, pointOf, travelHandlers } from "./TravelHandlers.ts";

const snapshotInput = inputOf("orchestration.getSnapshot", GetSnapshotInput);
const shellSnapshotInput = inputOf("orchestration.getShellSnapshot", GetShellSnapshotInput);
const threadSnapshotInput = inputOf("orchestration.getThreadSnapshot", GetThreadSnapshotInput);
const turnDiffInput = inputOf("orchestration.getTurnDiff", GetTurnDiffInput);
const blobInput = inputOf("orchestration.getBlob", GetBlobInput);
const replayInput = inputOf("orchestration.replayEvents", ReplayEventsInput);
const quarantineInput = inputOf("orchestration.getQuarantine", GetQuarantineInput);
const subscribeInput = inputOf("orchestration.subscribe", SubscribeInput);
const subscribeThreadInput = inputOf("orchestration.subscribeThread", SubscribeThreadInput);

/** What failed below, in the contract's terms; the rest of the error goes to the log. */
const readFailure = (
  error: SqlError.SqlError | Schema.SchemaError,
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

/** A page of a replay ends at about this many bytes of payloads. */
const REPLAY_BYTES = 1_048_576;

const streamFailure = (error: SqlError.SqlError) => Stream.fromEffect(readFailure(error));

/** What comes at once is one value, and with it one chunk. */
const asPages = Stream.mapArray((items: ReadonlyArray<FeedItem>) => [FeedPage.of(items)] as const);

export const handlersLayer = ServedRpcs.toLayer(
  Effect.gen(function* () {
    const queries = yield* Queries;
    const subscriptions = yield* Subscriptions;
    const checkpoints = yield* TurnCheckpoints;
    const reader = yield* Reader;
    const reads = quarantiningReads(eventReads(reader), yield* Quarantine);
    const blobs = blobReads(reader);
    const quarantined = quarantineReads(reader);
    const inTurn = yield* makeInTurn;
    const travel = yield* makeTravel;

    return ServedRpcs.of({
      ...(yield* travelHandlers),
      ...(yield* inspectionHandlers),
      ...(yield* projectionHandlers),
      ...(yield* retentionHandlers),
      ...(yield* agentHandlers),
      ...(yield* importHandlers),
      "orchestration.getSnapshot": (payload) =>
        Effect.gen(function* () {
          const { atSequence, atTime } = yield* snapshotInput(payload);
          const at = pointOf(atSequence, atTime);
          return yield* at === undefined ? inTurn(queries.snapshot) : travel.snapshot(at);
        }).pipe(Effect.catchTag(["SqlError", "SchemaError"], readFailure)),
      "orchestration.getShellSnapshot": (payload) =>
        Effect.flatMap(shellSnapshotInput(payload), (page) => inTurn(queries.shellSnapshot(page))).pipe(
          Effect.catchTag(["SqlError", "SchemaError"], readFailure),
        ),
      "orchestration.getThreadSnapshot": (payload) =>
        Effect.gen(function* () {
          const { atSequence, atTime, ...page } = yield* threadSnapshotInput(payload);
          const at = pointOf(atSequence, atTime);
          return yield* at === undefined
            ? inTurn(queries.threadSnapshot(page))
            : travel.threadSnapshot({ ...page, at });
        }).pipe(Effect.catchTag(["SqlError", "SchemaError"], readFailure)),
      "orchestration.getTurnDiff": (payload) =>
        Effect.flatMap(turnDiffInput(payload), (range) =>
          Effect.map(checkpoints.diff(range), (diff) => ({ ...range, diff })),
        ).pipe(Effect.catchTag("SqlError", readFailure)),
      "orchestration.getBlob": (payload) =>
        Effect.gen(function* () {
          const { hash, offset, limit } = yield* blobInput(payload);
          const part = yield* inTurn(blobs.read({ hash, offset, limit }));
          if (part === undefined) {
            const message = "There is no blob of that hash.";
            return yield* new NotFound({ kind: "blob", id: hash, message });
          }
          const next = offset + part.data.length;
          const data = Buffer.from(part.data).toString("base64");
          return { hash, size: part.size, offset, data, nextOffset: next < part.size ? next : null };
        }).pipe(Effect.catchTag("SqlError", readFailure)),
      "orchestration.replayEvents": (payload) =>
        Effect.gen(function* () {
          const { fromSequenceExclusive, limit } = yield* replayInput(payload);
          const headSequence = yield* reads.head;
          const page = yield* inTurn(reads.readAll({ fromSequenceExclusive, limit, maxBytes: REPLAY_BYTES }));
          const last = page.last?.sequence ?? fromSequenceExclusive;
          return {
            events: page.events,
            headSequence,
            nextFromSequenceExclusive: last < headSequence ? last : null,
          };
        }).pipe(Effect.catchTag("SqlError", readFailure)),
      "orchestration.getQuarantine": (payload) =>
        Effect.gen(function* () {
          const { fromSequenceExclusive, limit } = yield* quarantineInput(payload);
          const found = yield* quarantined.list({ fromSequenceExclusive, limit: limit + 1 });
          const events = found.slice(0, limit);
          const next = found.length > limit ? (events.at(-1)?.sequence ?? null) : null;
          return { events, total: yield* quarantined.count, nextFromSequenceExclusive: next };
        }).pipe(Effect.catchTag("SqlError", readFailure)),
      "orchestration.subscribe": (payload) =>
        Effect.map(subscribeInput(payload), ({ fromSequenceExclusive }) =>
          subscriptions.subscribe(fromSequenceExclusive),
        ).pipe(Stream.unwrap, asPages, Stream.catchTag("SqlError", streamFailure)),
      "orchestration.subscribeThread": (payload) =>
        Effect.map(subscribeThreadInput(payload), ({ threadId, fromSequenceExclusive }) =>
          subscriptions.subscribeThread(threadId, fromSequenceExclusive),
        ).pipe(Stream.unwrap, asPages, Stream.catchTag("SqlError", streamFailure)),
    });
  }),
);
