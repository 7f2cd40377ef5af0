/** A client that shares no code with Heddle: it speaks the frames of SPEC section 3 over a plain WebSocket. */

export interface Frame {
  readonly _tag: string;
  readonly requestId?: string | number;
  readonly values?: ReadonlyArray<Json>;
  readonly exit?: Exit;
}
// oxlint-disable-next-line typescript/no-explicit-any -- what comes over the wire has no type here, on purpose
export type Json = any;
export type Exit =
  | { readonly _tag: "Success"; readonly value: Json }
  | {
      readonly _tag: "Failure";
      readonly cause: ReadonlyArray<{ readonly _tag: string; readonly error?: Json }>;
    };

/** A failure of a method, as the frame carried it. */
export class RpcFailure extends Error {
  readonly error: Json;
  override readonly cause: Json;
  constructor(cause: Json) {
    super(JSON.stringify(cause));
    this.cause = cause;
    this.error = cause[0]?.error;
  }
}

export class RawClient {
  readonly socket: WebSocket;
  readonly #onFrame = new Map<string, (frame: Frame) => void>();
  readonly stray: Array<Frame> = [];
  #next = 0;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.addEventListener("message", ({ data }) => {
      const frames = [JSON.parse(String(data))].flat() as ReadonlyArray<Frame>;
      for (const frame of frames) {
        const handler = this.#onFrame.get(String(frame.requestId));
        if (handler) handler(frame);
        else this.stray.push(frame);
      }
    });
    socket.addEventListener("close", () => {
      const closed = { _tag: "Exit", exit: { _tag: "Failure", cause: [{ _tag: "Closed" }] } } as const;
      for (const handler of this.#onFrame.values()) handler(closed);
    });
  }

  static connect(url: string, token: string): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(url.replace("http", "ws") + "/rpc", {
        headers: { authorization: `Bearer ${token}` },
      });
      socket.addEventListener("open", () => resolve(new RawClient(socket)));
      socket.addEventListener("error", (event) =>
        reject(new Error(`Could not connect: ${JSON.stringify(event)}`)),
      );
    });
  }

  send(frame: Json): void {
    this.socket.send(JSON.stringify(frame));
  }

  call(tag: string, payload: Json): Promise<Json> {
    const id = String(++this.#next);
    return new Promise((resolve, reject) => {
      this.#onFrame.set(id, ({ exit }) => {
        this.#onFrame.delete(id);
        if (exit?._tag === "Success") resolve(exit.value);
        else reject(new RpcFailure(exit?.cause));
      });
      this.send({ _tag: "Request", id, tag, payload, headers: [] });
    });
  }

  dispatch(command: Json): Promise<{ readonly sequence: number }> {
    return this.call("orchestration.dispatchCommand", command);
  }

  /** Gives each value to `onValue`, until that says stop; resolves with the stream's exit. */
  stream(tag: string, payload: Json, onValue: (value: Json) => "stop" | undefined): Promise<Exit> {
    const id = String(++this.#next);
    return new Promise((resolve) => {
      this.#onFrame.set(id, (frame) => {
        if (frame.exit) {
          this.#onFrame.delete(id);
          resolve(frame.exit);
          return;
        }
        let stopped = false;
        for (const value of frame.values ?? []) stopped ||= onValue(value) === "stop";
        this.send(stopped ? { _tag: "Interrupt", requestId: id } : { _tag: "Ack", requestId: id });
      });
      this.send({ _tag: "Request", id, tag, payload, headers: [] });
    });
  }

  close(): void {
    this.socket.close();
  }
}
