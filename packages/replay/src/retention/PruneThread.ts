/** The long reads of a prune, and the archive that it writes, on a thread of their own with a read-only connection. */
import { Context, type Effect, Layer } from "effect";
import { RpcClient } from "effect/rpc";
import { PruneThreadRpcs } from "./PruneThreadRpcs.ts";
import { threadOnDemand, type ThreadOnDemand } from "../WorkerThread.ts";

const makeClient = RpcClient.make(PruneThreadRpcs, { disableTracing: true });

export class PruneThread extends Context.Service<
  PruneThread,
  ThreadOnDemand<Effect.Success<typeof makeClient>>
>()("heddle/replay/PruneThread") {
  /** Reads of the database at `filename`, which is there and up to date. */
  static readonly layer = (filename: string) =>
    Layer.effect(
      PruneThread,
      threadOnDemand(makeClient, new URL("./PruneThreadMain.ts", import.meta.url), { filename }),
    );
}
