/**
 * The frames of the RPC protocol as they come from outside (SPEC section 3). Effect's server answers a frame that it cannot
 * read, or a method that it does not know, with a defect; here they get a typed failure, and the connection goes on.
 */
import { InvalidInput, UnknownMethod } from "@heddle/contracts/Errors";
import { OrchestrationRpcs } from "@heddle/contracts/Rpc";
import { Effect, Result, Schema } from "effect";
import { type RpcMessage, RpcSerialization, type RpcServer } from "effect/rpc";
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

/** A frame that could not be read, on its way to its answer. */
interface Unreadable {
  readonly _tag: "Unreadable";
  readonly requestId: string | number;
  readonly issues: InvalidInput["issues"];
}

const readFrame = (value: unknown): RpcMessage.FromClientEncoded | Unreadable => {
  const decoded = decodeFrame(value);
  if (Result.isFailure(decoded)) {
    return { _tag: "Unreadable", requestId: requestIdOf(value), issues: issuesOf(decoded.failure) };
  }
  const frame = decoded.success;
  if (frame._tag !== "Request") return frame;
  return { ...frame, payload: frame.payload ?? {}, headers: frame.headers ?? [] };
};

const requestIdOf = (value: unknown): string | number => {
  if (typeof value !== "object" || value === null || !("id" in value)) return "";
  return typeof value.id === "string" || typeof value.id === "number" ? value.id : "";
};

/** JSON frames, one or an array of them in a WebSocket message; what is not JSON becomes an unreadable frame. */
export const frameSerialization = RpcSerialization.RpcSerialization.of({
  ...RpcSerialization.json,
  makeUnsafe: () => {
    const json = RpcSerialization.json.makeUnsafe();
    return {
      encode: json.encode,
      decode: (data) => {
        try {
          return json.decode(data).map(readFrame);
        } catch (cause) {
          const message = `Expected JSON: ${cause instanceof Error ? cause.message : String(cause)}`;
          return [
            { _tag: "Unreadable", requestId: "", issues: [{ path: "", message }] } satisfies Unreadable,
          ];
        }
      },
    };
  },
});

const encodeError = Schema.encodeSync(Schema.Union([InvalidInput, UnknownMethod]));

const METHODS = [...OrchestrationRpcs.requests.keys()].join(", ");

/** Answers unreadable frames and unknown methods before the server sees them. */
export const answerBadFrames = (protocol: RpcServer.Protocol["Service"]): RpcServer.Protocol["Service"] => {
  const refuse = (clientId: number, requestId: string | number, error: InvalidInput | UnknownMethod) =>
    protocol.send(clientId, {
      _tag: "Exit",
      requestId,
      exit: { _tag: "Failure", cause: [{ _tag: "Fail", error: encodeError(error) }] },
    });
  return {
    ...protocol,
    run: (handle) =>
      protocol.run((clientId, frame: RpcMessage.FromClientEncoded | Unreadable) => {
        if (frame._tag === "Unreadable") {
          return refuse(clientId, frame.requestId, invalid("", frame.issues));
        }
        if (frame._tag === "Request" && !OrchestrationRpcs.requests.has(frame.tag)) {
          const message = `There is no method ${JSON.stringify(frame.tag)}. There are: ${METHODS}.`;
          return refuse(clientId, frame.id, new UnknownMethod({ method: frame.tag, message }));
        }
        return Effect.suspend(() => handle(clientId, frame));
      }),
  };
};
