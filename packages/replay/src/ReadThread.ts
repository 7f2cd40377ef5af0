/** Long reads of the log and of the read model, on a thread of their own with a read-only connection. */
import type { Effect } from "effect";
import { Context, Layer } from "effect";
import { RpcClient, type RpcClientError } from "effect/rpc";
import { ReadThreadRpcs } from "./ReadThreadRpcs.ts";
import { threadOnDemand, type ThreadOnDemand } from "./WorkerThread.ts";

const makeClient = RpcClient.make(ReadThreadRpcs, { disableTracing: true });

export class ReadThread extends Context.Service<
  ReadThread,
  ThreadOnDemand<Effect.Success<typeof makeClient>>
>()("heddle/replay/ReadThread") {
  /** Reads of the database at `filename`, which is there and up to date. */
  static readonly layer = (filename: string) =>
    Layer.effect(
      ReadThread,
      threadOnDemand(makeClient, new URL("./ReadThreadMain.ts", import.meta.url), { filename }),
    );
}

/** The thread died, or could not be started. */
export type ThreadFailure = RpcClientError.RpcClientError;
