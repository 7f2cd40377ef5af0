/** What the shadow's thread is asked. */
import { RowDifference } from "@heddle/contracts/ProjectionRpc";
import { StoreUnavailable } from "@heddle/contracts/Errors";
import { Schema } from "effect";
import { Rpc, RpcGroup } from "effect/rpc";
import { Built, Compared, CompareRequest, RightRows, RowsRequest, ShadowTarget } from "./Shadow.ts";

/** What the thread begins with. */
export const ShadowThreadData = Schema.Struct({
  database: Schema.String,
  file: Schema.String,
  targets: Schema.Array(ShadowTarget),
  noted: Schema.Int,
});

const OfProjector = Schema.Struct({ projector: Schema.String });

export const ShadowThreadRpcs = RpcGroup.make(
  Rpc.make("build", { success: Built, error: StoreUnavailable, stream: true }),
  Rpc.make("count", { payload: OfProjector, success: Schema.Int, error: StoreUnavailable }),
  Rpc.make("compare", { payload: CompareRequest, success: Compared, error: StoreUnavailable }),
  Rpc.make("rows", { payload: RowsRequest, success: RightRows, error: StoreUnavailable }),
  Rpc.make("differences", {
    payload: OfProjector,
    success: Schema.Array(RowDifference),
    error: StoreUnavailable,
  }),
);
