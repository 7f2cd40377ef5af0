/** What the reading thread answers, each from the reader's connection. */
import { StoreUnavailable } from "@heddle/contracts/Errors";
import { explainSqlError, Reader } from "@heddle/event-store/SqliteDatabase";
import { Effect, type Layer } from "effect";
import type { Rpc, RpcGroup } from "effect/rpc";
import type { SqlError } from "effect/sql";
import { inspectionReads } from "./inspect/InspectionReads.ts";
import { ReadThreadRpcs } from "./ReadThreadRpcs.ts";
import { travelReads } from "./travel/TravelReads.ts";

/** What a failed read means to whoever asked. */
export const notReadable = (error: SqlError.SqlError) =>
  Effect.fail(
    new StoreUnavailable({
      operation: "read",
      retryable: error.isRetryable,
      message: `The database could not be read: ${explainSqlError(error)}.`,
    }),
  );

type Handlers = Rpc.ToHandler<RpcGroup.Rpcs<typeof ReadThreadRpcs>>;

export const readThreadHandlers: Layer.Layer<Handlers, never, Reader> = ReadThreadRpcs.toLayer(
  Effect.gen(function* () {
    const reader = yield* Reader;
    return ReadThreadRpcs.of({
      ...(yield* inspectionReads(reader)),
      ...travelReads(reader),
    });
  }),
);
