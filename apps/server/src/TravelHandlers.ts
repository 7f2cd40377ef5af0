/** The methods that go back in time: decode, ask the reading thread, store the moments that it made on the way, answer. */
import { StoreUnavailable } from "@heddle/contracts/Errors";
import type { ThreadId } from "@heddle/contracts/Ids";
import { GetThreadChangesInput, TravelRpcs } from "@heddle/contracts/TravelRpc";
import { ReadThread, type ThreadFailure } from "@heddle/replay/ReadThread";
import type { Point } from "@heddle/replay/travel/TravelPoint";
import { Effect } from "effect";
import { inputOf } from "./Input.ts";
import { Moments } from "./Moments.ts";

const changesInput = inputOf("orchestration.getThreadChanges", GetThreadChangesInput);

const threadDied = (failure: ThreadFailure) =>
  Effect.fail(
    new StoreUnavailable({
      operation: "read",
      retryable: true,
      message: `The thread that reads the log ended: ${failure.message}. It is started again by the next call.`,
    }),
  );

/** The moment that is asked for; undefined for now. */
export const pointOf = (sequence: number | undefined, time: string | undefined): Point | undefined => {
  if (sequence !== undefined) return { sequence };
  return time === undefined ? undefined : { time };
};

export interface PageAt {
  readonly threadId: ThreadId;
  readonly at: Point;
  readonly limit: number;
  readonly before?: number;
}

/** The snapshots of a moment. */
export const makeTravel = Effect.gen(function* () {
  const thread = yield* ReadThread;
  const { store } = yield* Moments;
  return {
    threadSnapshot: (page: PageAt) =>
      thread
        .use((reads) => reads.threadAt(page))
        .pipe(
          Effect.tap(({ moments }) => store(page.threadId, moments)),
          Effect.map(({ snapshot }) => snapshot),
          Effect.catchTag("RpcClientError", threadDied),
        ),
    snapshot: (at: Point) =>
      Effect.catchTag(
        thread.use((reads) => reads.snapshotAt({ at })),
        "RpcClientError",
        threadDied,
      ),
  };
});

export const travelHandlers = Effect.gen(function* () {
  const thread = yield* ReadThread;
  const { store } = yield* Moments;
  return TravelRpcs.of({
    "orchestration.getThreadChanges": (payload) =>
      Effect.gen(function* () {
        const { threadId, limit, ...span } = yield* changesInput(payload);
        const from = pointOf(span.fromSequence, span.fromTime) ?? { sequence: 0 };
        const to = pointOf(span.toSequence, span.toTime) ?? null;
        const { changes, moments } = yield* thread.use((reads) =>
          reads.threadChanges({ threadId, from, to, limit }),
        );
        yield* store(threadId, moments);
        return changes;
      }).pipe(Effect.catchTag("RpcClientError", threadDied)),
  });
});
