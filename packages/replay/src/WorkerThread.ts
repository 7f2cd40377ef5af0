/**
 * RPC to a worker thread of this process: SQLite's calls hold up the thread that they run on, so what may be long runs on
 * one of its own. The thread is started by the first call, and ends when nobody has called for a while.
 */
import { Worker } from "node:worker_threads";
import * as NodeWorker from "@effect/platform-node/NodeWorker";
import { Layer } from "effect";
import { RpcClient } from "effect/rpc";

/** Calls that are under way at a time; on the thread, each runs until it waits. */
const CONCURRENCY = 16;
const IDLE = "30 seconds";
/** Of a thread with a job: what is garbage goes early, since the job makes much of it. */
const JOB_MEMORY = { maxYoungGenerationSizeMb: 64, maxOldGenerationSizeMb: 768 };

/** The way to a thread that runs the module at `entry`, which reads `data` as its `workerData`. */
export const workerThread = (entry: URL, data: unknown) =>
  RpcClient.layerProtocolWorker({
    minSize: 0,
    maxSize: 1,
    concurrency: CONCURRENCY,
    timeToLive: IDLE,
  }).pipe(Layer.provide(NodeWorker.layer(() => new Worker(entry, { workerData: data }))));

/** The same for one job: the thread is there until the layer goes, and what it keeps in memory with it. */
export const jobThread = (entry: URL, data: unknown) =>
  RpcClient.layerProtocolWorker({ size: 1, concurrency: CONCURRENCY }).pipe(
    Layer.provide(
      NodeWorker.layer(() => new Worker(entry, { workerData: data, resourceLimits: JOB_MEMORY })),
    ),
  );
