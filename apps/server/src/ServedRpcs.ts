/**
 * The RPC methods as Effect's server gives them: those of the contract, but for `dispatchCommand`, which it never sees, and
 * for feeds, which come as whole pages of JSON. What clients get is what the contract says (ADR 0013).
 */
import { ReadError } from "@heddle/contracts/Errors";
import { OrchestrationRpcs } from "@heddle/contracts/Rpc";
import { Schema } from "effect";
import { Rpc, RpcSerialization } from "effect/rpc";
import { DISPATCH } from "./Dispatch.ts";
import { FeedPage } from "./FeedPage.ts";

const feed = <const Name extends "subscribe" | "subscribeThread">(name: Name) =>
  Rpc.make(`orchestration.${name}`, {
    payload: Schema.Unknown,
    success: FeedPage.schema,
    error: ReadError,
    stream: true,
  });

export const ServedRpcs = OrchestrationRpcs.omit(
  DISPATCH,
  "orchestration.subscribe",
  "orchestration.subscribeThread",
).add(feed("subscribe"), feed("subscribeThread"));

/**
 * Payloads were JSON a moment ago and are decoded by the handlers; pages of a feed are JSON already. Everything else is
 * encoded by its schema.
 */
export const servedCodec = ((schema: Schema.Top) =>
  isPassedThrough(schema) ? schema : RpcSerialization.json.codecFor(schema)) as RpcSerialization.CodecFor;

const isPassedThrough = (schema: Schema.Top): boolean =>
  schema === Schema.Unknown || ("value" in schema && schema.value === FeedPage.schema);
