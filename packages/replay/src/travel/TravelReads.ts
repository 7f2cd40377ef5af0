/** Time travel on the reading thread: what it is asked, and what it answers. Inputs are decoded by then. */
import { InvalidInput, NotFound, StoreUnavailable } from "@heddle/contracts/Errors";
import { ThreadId } from "@heddle/contracts/Ids";
import { Snapshot, ThreadSnapshot } from "@heddle/contracts/ReadModel";
import { ThreadChanges } from "@heddle/contracts/TravelRpc";
import { explainSqlError } from "@heddle/event-store/SqliteDatabase";
import { Effect, Schema } from "effect";
import { Rpc, RpcGroup } from "effect/rpc";
import type { SqlClient, SqlError } from "effect/sql";
import { threadChanges } from "./Difference.ts";
import { MOMENT_EVENTS } from "./Moments.ts";
import { momentsUpTo } from "./MomentsMaker.ts";
import { snapshotAt } from "./TravelAll.ts";
import { sequenceAt } from "./TravelPoint.ts";
import { threadStream } from "./TravelStream.ts";
import { threadAt } from "./TravelThread.ts";

const Point = Schema.Union([Schema.Struct({ sequence: Schema.Int }), Schema.Struct({ time: Schema.String })]);

/** Moments that were missing, for whoever can write to store. */
const moments = Schema.Array(Schema.Struct({ streamVersion: Schema.Int, content: Schema.Uint8Array }));

const error = Schema.Union([NotFound, InvalidInput, StoreUnavailable]);

export const TravelReadRpcs = RpcGroup.make(
  Rpc.make("threadAt", {
    payload: {
      threadId: ThreadId,
      at: Point,
      limit: Schema.Int,
      before: Schema.optionalKey(Schema.Int),
    },
    success: Schema.Struct({ snapshot: ThreadSnapshot, moments }),
    error,
  }),
  Rpc.make("snapshotAt", { payload: { at: Point }, success: Snapshot, error }),
  Rpc.make("threadChanges", {
    payload: { threadId: ThreadId, from: Point, to: Schema.NullOr(Point), limit: Schema.Int },
    success: Schema.Struct({ changes: ThreadChanges, moments }),
    error,
  }),
  /** Moments of a thread that are not stored yet, not all of them at once; none where all are. */
  Rpc.make("missingMoments", { payload: { threadId: ThreadId }, success: moments, error }),
);

/** Moments that are made in one call: others wait meanwhile. */
const MOMENTS_AT_ONCE = 4;

const notReadable = (failure: SqlError.SqlError) =>
  Effect.fail(
    new StoreUnavailable({
      operation: "read",
      retryable: failure.isRetryable,
      message: `The database could not be read: ${explainSqlError(failure)}.`,
    }),
  );

export const travelReads = (sql: SqlClient.SqlClient, every = MOMENT_EVENTS) =>
  TravelReadRpcs.of({
    threadAt: ({ at, ...page }) =>
      Effect.flatMap(sequenceAt(sql, at), (sequence) => threadAt(sql, { ...page, sequence }, every)).pipe(
        Effect.catchTag("SqlError", notReadable),
      ),
    snapshotAt: ({ at }) =>
      Effect.flatMap(sequenceAt(sql, at), (sequence) => snapshotAt(sql, sequence)).pipe(
        Effect.catchTag("SqlError", notReadable),
      ),
    threadChanges: Effect.fnUntraced(
      function* ({ threadId, from, to, limit }) {
        const fromSequence = yield* sequenceAt(sql, from);
        const toSequence = yield* sequenceAt(sql, to ?? { sequence: Number.MAX_SAFE_INTEGER });
        if (fromSequence > toSequence) {
          const message = `The first moment, at sequence ${fromSequence}, is behind the second, at ${toSequence}.`;
          const issues = [{ path: "fromSequence", message }];
          return yield* new InvalidInput({ method: "orchestration.getThreadChanges", message, issues });
        }
        return yield* threadChanges(sql, { threadId, fromSequence, toSequence, limit }, every);
      },
      Effect.catchTag("SqlError", notReadable),
    ),
    missingMoments: Effect.fnUntraced(
      function* ({ threadId }) {
        const stream = threadStream(sql, threadId);
        const last = yield* stream.last;
        const wanted = { every, upTo: last?.version ?? 0, most: MOMENTS_AT_ONCE };
        return (yield* momentsUpTo(sql, stream, wanted)).made;
      },
      Effect.catchTag("SqlError", notReadable),
    ),
  });
