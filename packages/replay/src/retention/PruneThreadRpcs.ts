/** What the thread of a prune is asked. */
import { StoreUnavailable } from "@heddle/contracts/Errors";
import { TableShare } from "@heddle/contracts/RetentionRpc";
import { Schema } from "effect";
import { Rpc, RpcGroup } from "effect/rpc";
import { UnreferencedBlobs } from "./BlobMarks.ts";
import { Choice, PruneSelection } from "./PruneReads.ts";

const threadIds = Schema.Array(Schema.String);

export const PruneThreadRpcs = RpcGroup.make(
  Rpc.make("choose", { payload: PruneSelection, success: Choice, error: StoreUnavailable }),
  /** What the database holds of a thread. */
  Rpc.make("shares", {
    payload: { threadId: Schema.String },
    success: Schema.Array(TableShare),
    error: StoreUnavailable,
  }),
  Rpc.make("receiptShare", {
    payload: { before: Schema.String },
    success: TableShare,
    error: StoreUnavailable,
  }),
  Rpc.make("receipts", {
    payload: { after: Schema.String, before: Schema.String, limit: Schema.Int },
    success: Schema.Struct({ commandIds: threadIds, next: Schema.NullOr(Schema.String) }),
    error: StoreUnavailable,
  }),
  Rpc.make("unreferencedBlobs", {
    payload: { withoutThreads: threadIds },
    success: UnreferencedBlobs,
    error: StoreUnavailable,
  }),
  /** Writes an archive of some threads, verified; gives its size. */
  Rpc.make("archive", {
    payload: { threadIds, path: Schema.String },
    success: Schema.Struct({ bytes: Schema.Int }),
    error: StoreUnavailable,
  }),
);
