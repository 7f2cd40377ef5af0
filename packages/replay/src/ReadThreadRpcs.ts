/** What the reading thread is asked. Inputs are decoded by then. */
import { StoreUnavailable } from "@heddle/contracts/Errors";
import { Schema } from "effect";
import { Rpc, RpcGroup } from "effect/rpc";

export const ReadThreadRpcs = RpcGroup.make(
  Rpc.make("head", { success: Schema.Int, error: StoreUnavailable }),
);
