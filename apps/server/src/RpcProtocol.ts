/**
 * RPC over WebSockets (SPEC section 3.2): connections, and the frames between them and Effect's server. What is said to a
 * client at one moment goes into one message: a group of commands is answered at once, and each message costs a write.
 */
import { Effect, Queue } from "effect";
import { HttpServerRequest, HttpServerResponse } from "effect/http";
import { type RpcMessage, RpcServer } from "effect/rpc";
import type { Socket } from "effect/socket";
import { DISPATCH, makeDispatch } from "./Dispatch.ts";
import { frameText, readFrames } from "./RpcFrames.ts";
import { servedCodec } from "./ServedRpcs.ts";

/** Length at which a message is sent without waiting for more. */
const FULL_MESSAGE = 65_536;

type Handle = (clientId: number, frame: RpcMessage.FromClientEncoded) => Effect.Effect<void>;

/** The protocol, and the effect that makes a connection of it from a request. */
export const makeRpcProtocol = Effect.gen(function* () {
  const disconnects = yield* Queue.make<number>();
  const outboxes = new Map<number, Outbox>();
  const services = yield* Effect.context();
  const dispatch = yield* makeDispatch;
  let nextId = 0;
  let handle!: Handle;

  const receive = (id: number, outbox: Outbox, message: Uint8Array | string): Effect.Effect<void> =>
    Effect.forEach(
      readFrames(typeof message === "string" ? message : Buffer.from(message).toString()),
      (frame) => {
        if (frame._tag === "Exit") return Effect.sync(() => outbox.put(frame));
        if (frame._tag !== "Request" || frame.tag !== DISPATCH) return handle(id, frame);
        return Effect.sync(() => dispatch(frame, (exit) => outbox.put(exit)));
      },
      { discard: true },
    );

  const serve = Effect.fnUntraced(function* (socket: Socket.Socket) {
    const id = nextId++;
    const writer = yield* socket.writer;
    const outbox = new Outbox((message) => Effect.runForkWith(services)(writer.write(message)));
    yield* Effect.addFinalizer(() => {
      outbox.close();
      outboxes.delete(id);
      return Queue.offer(disconnects, id);
    });
    outboxes.set(id, outbox);
    const { pull } = yield* socket.reader;
    yield* Effect.flatMap(pull, (messages) =>
      Effect.forEach(messages, (message) => receive(id, outbox, message), { discard: true }),
    ).pipe(Effect.forever({ disableYield: true }));
  });

  const protocol = yield* RpcServer.Protocol.make((write) => {
    handle = write;
    return Effect.succeed({
      disconnects,
      send: (id, frame) => Effect.sync(() => outboxes.get(id)?.put(frame)),
      end: () => Effect.void,
      clientIds: Effect.sync(() => new Set(outboxes.keys())),
      initialMessage: Effect.succeedNone,
      supportsAck: true,
      supportsTransferables: false,
      supportsSpanPropagation: true,
      supportsNotifications: true,
      codecFor: servedCodec,
    });
  });

  const connect = Effect.gen(function* () {
    const request = yield* HttpServerRequest.HttpServerRequest;
    yield* serve(yield* Effect.orDie(request.upgrade)).pipe(
      Effect.catchReason("SocketError", "SocketCloseError", () => Effect.void),
      Effect.orDie,
    );
    return HttpServerResponse.empty();
  });
  return { protocol, connect };
});

/** Gathers what is said to a client until the code that runs now is done. */
class Outbox {
  readonly #write: (message: string) => void;
  #frames: Array<string> = [];
  #length = 0;
  #closed = false;

  constructor(write: (message: string) => void) {
    this.#write = write;
  }

  put(frame: RpcMessage.FromServerEncoded): void {
    if (this.#closed) return;
    const text = frameText(frame);
    this.#frames.push(text);
    this.#length += text.length;
    if (this.#length >= FULL_MESSAGE) this.#flush();
    else if (this.#frames.length === 1) queueMicrotask(() => this.#flush());
  }

  close(): void {
    this.#closed = true;
    this.#frames = [];
  }

  #flush(): void {
    const [first, ...others] = this.#frames;
    this.#frames = [];
    this.#length = 0;
    if (first === undefined) return;
    this.#write(others.length === 0 ? first : `[${first},${others.join(",")}]`);
  }
}
