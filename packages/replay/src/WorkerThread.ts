/**
 * RPC to a worker thread of this process: SQLite's calls hold up the thread that they run on, so what may be long runs on
 * one of its own.
 */
import { Worker } from "node:worker_threads";
import * as NodeWorker from "@effect/platform-node/NodeWorker";
import { Effect, Layer, RcRef, type Scope } from "effect";
import { RpcClient, RpcClientError } from "effect/rpc";

/** Calls that are under way at a time; on the thread, each runs until it waits. */
const CONCURRENCY = 16;
const IDLE = "30 seconds";
/** Of a thread with a job: what is garbage goes early, since the job makes much of it. */
const JOB_MEMORY = { maxYoungGenerationSizeMb: 64, maxOldGenerationSizeMb: 768 };

type ThreadOptions = ConstructorParameters<typeof Worker>[1];

/** The way to a thread that runs the module at `entry`, from when the layer is built until it goes. */
const threadLayer = (entry: URL, options: ThreadOptions) =>
  RpcClient.layerProtocolWorker({ size: 1, concurrency: CONCURRENCY }).pipe(
    Layer.provide(NodeWorker.layer(() => new Worker(entry, options))),
  );

/** A thread for one job, which reads `data` as its `workerData`; what it keeps in memory goes with it. */
export const jobThread = (entry: URL, data: unknown) =>
  threadLayer(entry, { workerData: data, resourceLimits: JOB_MEMORY });

/** Calls to a thread that is started by the first of them, and ends when nobody has called for a while. */
export interface ThreadOnDemand<Client> {
  /** Fails with `RpcClientError` where the thread cannot be started, or dies. */
  readonly use: <A, E>(
    call: (client: Client) => Effect.Effect<A, E>,
  ) => Effect.Effect<A, E | RpcClientError.RpcClientError>;
}

/**
 * A thread that runs the module at `entry`, which reads `data` as its `workerData`. Not Effect's own pool with a minimum of
 * none: that starts a thread when its layer is built.
 */
export const threadOnDemand = <Client>(
  client: Effect.Effect<Client, never, RpcClient.Protocol | Scope.Scope>,
  entry: URL,
  data: unknown,
): Effect.Effect<ThreadOnDemand<Client>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const thread = yield* RcRef.make({
      acquire: Layer.build(threadLayer(entry, { workerData: data })).pipe(
        Effect.mapError(({ reason }) => new RpcClientError.RpcClientError({ reason })),
        Effect.flatMap((protocol) => Effect.provide(client, protocol)),
      ),
      idleTimeToLive: IDLE,
    });
    return { use: (call) => Effect.scoped(Effect.flatMap(RcRef.get(thread), call)) };
  });
