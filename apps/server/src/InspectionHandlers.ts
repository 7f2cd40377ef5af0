/** The methods that look into the log: decode, ask the reading thread, answer. */
import { StoreUnavailable } from "@heddle/contracts/Errors";
import {
  GetChainInput,
  GetEventInput,
  InspectionRpcs,
  ListEventsInput,
} from "@heddle/contracts/InspectionRpc";
import { ReadThread, type ThreadFailure } from "@heddle/replay/ReadThread";
import { Effect, Schema } from "effect";
import { inputOf } from "./Input.ts";

const listInput = inputOf("orchestration.listEvents", ListEventsInput);
const eventInput = inputOf("orchestration.getEvent", GetEventInput);
const chainInput = inputOf("orchestration.getChain", GetChainInput);
const statsInput = inputOf("orchestration.getLogStats", Schema.Struct({}));

const threadDied = (failure: ThreadFailure) =>
  Effect.fail(
    new StoreUnavailable({
      operation: "read",
      retryable: true,
      message: `The thread that reads the log ended: ${failure.message}. It is started again by the next call.`,
    }),
  );

export const inspectionHandlers = Effect.map(ReadThread, (thread) =>
  InspectionRpcs.of({
    "orchestration.listEvents": (payload) =>
      Effect.flatMap(listInput(payload), (input) => thread.use((reads) => reads.listEvents(input))).pipe(
        Effect.catchTag("RpcClientError", threadDied),
      ),
    "orchestration.getEvent": (payload) =>
      Effect.flatMap(eventInput(payload), (input) => thread.use((reads) => reads.getEvent(input))).pipe(
        Effect.catchTag("RpcClientError", threadDied),
      ),
    "orchestration.getChain": (payload) =>
      Effect.flatMap(chainInput(payload), (input) => thread.use((reads) => reads.getChain(input))).pipe(
        Effect.catchTag("RpcClientError", threadDied),
      ),
    "orchestration.getLogStats": (payload) =>
      Effect.andThen(
        statsInput(payload),
        thread.use((reads) => reads.getLogStats()),
      ).pipe(Effect.catchTag("RpcClientError", threadDied)),
  }),
);
