/**
 * The frames of the RPC protocol (SPEC section 3.2), between text and what Effect's server takes and gives. Effect's server
 * answers a frame that it cannot read, or a method that it does not know, with a defect; here they get a typed failure, and
 * the connection goes on.
 */
import { InvalidInput, UnknownMethod } from "@heddle/contracts/Errors";
import { OrchestrationRpcs } from "@heddle/contracts/Rpc";
import { Result, Schema } from "effect";
import type { RpcMessage } from "effect/rpc";
import { FeedPage } from "./FeedPage.ts";
import { invalid, issuesOf } from "./Input.ts";

const RequestId = Schema.Union([Schema.String, Schema.Number]);
const Frame = Schema.Union([
  Schema.Struct({
    _tag: Schema.Literal("Request"),
    id: RequestId,
    tag: Schema.String,
    payload: Schema.optionalKey(Schema.Unknown),
    headers: Schema.optionalKey(Schema.Array(Schema.mutable(Schema.Tuple([Schema.String, Schema.String])))),
    traceId: Schema.optionalKey(Schema.String),
    spanId: Schema.optionalKey(Schema.String),
    sampled: Schema.optionalKey(Schema.Boolean),
  }),
  Schema.Struct({ _tag: Schema.Literal("Ack"), requestId: RequestId }),
  Schema.Struct({ _tag: Schema.Literal("Interrupt"), requestId: RequestId }),
  Schema.Struct({ _tag: Schema.Literals(["Ping", "Eof"]) }),
]);
const decodeFrame = Schema.decodeUnknownResult(Frame, { errors: "all" });
const encodeError = Schema.encodeSync(Schema.Union([InvalidInput, UnknownMethod]));

const METHODS = [...OrchestrationRpcs.requests.keys()].join(", ");

/** A frame for Effect's server, or, for one that it should not see, the answer. */
export type ReadFrame = RpcMessage.FromClientEncoded | RpcMessage.ResponseExitEncoded;

/** Reads a message: one frame or an array of them, in JSON. */
export const readFrames = (message: string): ReadonlyArray<ReadFrame> => {
  let parsed: unknown;
  try {
    parsed = JSON.parse(message);
  } catch (cause) {
    const issue = `Expected JSON: ${cause instanceof Error ? cause.message : String(cause)}`;
    return [refusal("", invalid("", [{ path: "", message: issue }]))];
  }
  return Array.isArray(parsed) ? parsed.map(readFrame) : [readFrame(parsed)];
};

const readFrame = (value: unknown): ReadFrame => {
  const decoded = decodeFrame(value);
  if (Result.isFailure(decoded)) {
    return refusal(requestIdOf(value), invalid("", issuesOf(decoded.failure)));
  }
  const frame = decoded.success;
  if (frame._tag !== "Request") return frame;
  if (!OrchestrationRpcs.requests.has(frame.tag)) {
    const message = `There is no method ${JSON.stringify(frame.tag)}. There are: ${METHODS}.`;
    return refusal(frame.id, new UnknownMethod({ method: frame.tag, message }));
  }
  return { ...frame, payload: frame.payload ?? {}, headers: frame.headers ?? [] };
};

const requestIdOf = (value: unknown): string | number => {
  if (typeof value !== "object" || value === null || !("id" in value)) return "";
  return typeof value.id === "string" || typeof value.id === "number" ? value.id : "";
};

const refusal = (
  requestId: string | number,
  error: InvalidInput | UnknownMethod,
): RpcMessage.ResponseExitEncoded => ({
  _tag: "Exit",
  requestId,
  exit: { _tag: "Failure", cause: [{ _tag: "Fail", error: encodeError(error) }] },
});

/** The text of a frame for a client. Pages of a feed come with theirs. */
export const frameText = (frame: RpcMessage.FromServerEncoded): string => {
  if (frame._tag !== "Chunk") return JSON.stringify(frame);
  const values = frame.values.map((value) =>
    value instanceof FeedPage ? value.text : JSON.stringify(value),
  );
  return `{"_tag":"Chunk","requestId":${JSON.stringify(frame.requestId)},"values":[${values.join(",")}]}`;
};
