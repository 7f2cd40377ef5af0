/** What the reading thread answers, each from the reader's connection. */
import { StoreUnavailable } from "@heddle/contracts/Errors";
import { eventReads } from "@heddle/event-store/EventStore";
import { explainSqlError, Reader } from "@heddle/event-store/SqliteDatabase";
import { Effect, type Layer } from "effect";
import type { Rpc, RpcGroup } from "effect/rpc";
import type { SqlError } from "effect/sql";
import { ReadThreadRpcs } from "./ReadThreadRpcs.ts";

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
    const reads = eventReads(yield* Reader);
    return ReadThreadRpcs.of({
      head: () => Effect.catchTag(reads.head, "SqlError", notReadable),
    });
  }),
);
