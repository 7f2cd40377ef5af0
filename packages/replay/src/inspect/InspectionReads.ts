/** Inspection on the reading thread: what it is asked, and what it answers. Inputs are decoded by then. */
import { NotFound, StoreUnavailable } from "@heddle/contracts/Errors";
import {
  EventChain,
  EventDetails,
  EventListPage,
  GetChainInput,
  GetEventInput,
  ListEventsInput,
  LogStats,
} from "@heddle/contracts/InspectionRpc";
import { explainSqlError } from "@heddle/event-store/SqliteDatabase";
import { Effect, Schema } from "effect";
import { Rpc, RpcGroup } from "effect/rpc";
import type { SqlClient, SqlError } from "effect/sql";
import { eventChain } from "./Chain.ts";
import { eventDetails } from "./EventDetails.ts";
import { eventSearch } from "./EventSearch.ts";
import { logStats } from "./LogStats.ts";

const error = Schema.Union([NotFound, StoreUnavailable]);

export const InspectionReadRpcs = RpcGroup.make(
  Rpc.make("listEvents", { payload: ListEventsInput, success: EventListPage, error }),
  Rpc.make("getEvent", { payload: GetEventInput, success: EventDetails, error }),
  Rpc.make("getChain", { payload: GetChainInput, success: EventChain, error }),
  Rpc.make("getLogStats", { success: LogStats, error }),
);

const notReadable = (failure: SqlError.SqlError | Schema.SchemaError) =>
  Effect.fail(
    new StoreUnavailable({
      operation: "read",
      retryable: failure._tag === "SqlError" && failure.isRetryable,
      message:
        failure._tag === "SqlError"
          ? `The database could not be read: ${explainSqlError(failure)}.`
          : `What is stored cannot be read: ${failure.message}`,
    }),
  );

export const inspectionReads = (sql: SqlClient.SqlClient) =>
  Effect.map(logStats(sql), (stats) => {
    const search = eventSearch(sql);
    const details = eventDetails(sql);
    const chain = eventChain(sql);
    return InspectionReadRpcs.of({
      listEvents: (input) => Effect.catchTag(search(input), "SqlError", notReadable),
      getEvent: (input) => Effect.catchTag(details(input), ["SqlError", "SchemaError"], notReadable),
      getChain: (input) => Effect.catchTag(chain(input), ["SqlError", "SchemaError"], notReadable),
      getLogStats: () => Effect.catchTag(stats, "SqlError", notReadable),
    });
  });
