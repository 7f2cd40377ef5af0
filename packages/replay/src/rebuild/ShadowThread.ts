/** The shadow on a thread of its own, for as long as the scope lives: folding and comparing would hold up everybody else. */
import { StoreUnavailable } from "@heddle/contracts/Errors";
import { Effect, Layer, Predicate, Stream } from "effect";
import { RpcClient, type RpcClientError } from "effect/rpc";
import type { WorkerError } from "effect/workers/WorkerError";
import type { ShadowService } from "./Shadow.ts";
import type { ShadowOptions } from "./ShadowDatabase.ts";
import { ShadowThreadRpcs } from "./ShadowThreadRpcs.ts";
import { jobThread } from "../WorkerThread.ts";

const died = (error: RpcClientError.RpcClientError | WorkerError) =>
  new StoreUnavailable({
    operation: "rebuild",
    retryable: true,
    message: `The thread that builds the projections a second time ended: ${error.message}. Begin again.`,
  });

const onThread = <A, E>(call: Effect.Effect<A, E | RpcClientError.RpcClientError>) =>
  Effect.mapError(call, (error) => (Predicate.isTagged(error, "RpcClientError") ? died(error) : error));

export const shadowThread = Effect.fn("shadowThread")(function* (options: ShadowOptions) {
  const entry = new URL("./ShadowThreadMain.ts", import.meta.url);
  const thread = yield* Effect.mapError(Layer.build(jobThread(entry, options)), died);
  const rpc = yield* RpcClient.make(ShadowThreadRpcs, { disableTracing: true }).pipe(Effect.provide(thread));
  const service: ShadowService = {
    build: rpc.build().pipe(Stream.catchTag("RpcClientError", (error) => Stream.fail(died(error)))),
    count: (projector) => onThread(rpc.count({ projector })),
    compare: (request) => onThread(rpc.compare(request)),
    rows: (request) => onThread(rpc.rows(request)),
    differences: (projector) => onThread(rpc.differences({ projector })),
  };
  return service;
});
