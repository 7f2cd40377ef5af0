/**
 * A WebSocket client that costs next to nothing, so that what is measured is the server: frames are written as they were
 * prepared, and read without being parsed. It can also stop reading, which the platform's WebSocket cannot.
 */
import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";

const TEXT = 0x81;
const PING = 0x89;
const PONG = 0x8a;

/** A client's frame. Its mask is all zeros: the protocol wants one, and zeros leave the payload as it is. */
const maskedFrame = (opcode: number, payload: Buffer): Buffer => {
  const { length } = payload;
  const head = Buffer.alloc(length < 126 ? 6 : length < 65_536 ? 8 : 14);
  head[0] = opcode;
  if (length < 126) head[1] = 0x80 + length;
  else if (length < 65_536) {
    head[1] = 0x80 + 126;
    head.writeUInt16BE(length, 2);
  } else {
    head[1] = 0x80 + 127;
    head.writeBigUInt64BE(BigInt(length), 2);
  }
  return Buffer.concat([head, payload]);
};

/** An RPC frame (SPEC section 3.2), ready to be sent. */
export const prepared = (frame: unknown): Buffer => maskedFrame(TEXT, Buffer.from(JSON.stringify(frame)));

/** Of the method `orchestration.<name>`. */
export interface MethodCall {
  readonly name: string;
  readonly payload: object;
}

export const commandCall = (payload: object): MethodCall => ({ name: "dispatchCommand", payload });

export interface Address {
  readonly port: number;
  readonly token: string;
}

export class Wire {
  readonly socket: Socket;
  #onMessage: (text: Buffer) => void = () => {};
  #chunks: Array<Buffer> = [];
  #size = 0;

  private constructor(socket: Socket) {
    this.socket = socket;
  }

  static connect({ port, token }: Address): Promise<Wire> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, "127.0.0.1");
      socket.setNoDelay(true);
      socket.once("error", reject);
      socket.write(
        [
          "GET /rpc HTTP/1.1",
          `Host: 127.0.0.1:${port}`,
          "Connection: Upgrade",
          "Upgrade: websocket",
          "Sec-WebSocket-Version: 13",
          `Sec-WebSocket-Key: ${randomBytes(16).toString("base64")}`,
          `Authorization: Bearer ${token}`,
          "\r\n",
        ].join("\r\n"),
      );
      socket.once("data", (head) => {
        const end = head.indexOf("\r\n\r\n");
        if (!head.toString("latin1", 0, 12).endsWith("101") || end < 0) {
          reject(new Error(`No WebSocket: ${head.toString("latin1")}`));
          return;
        }
        const wire = new Wire(socket);
        socket.on("data", (chunk) => wire.#take(chunk));
        if (head.length > end + 4) wire.#take(head.subarray(end + 4));
        resolve(wire);
      });
    });
  }

  onMessage(handler: (text: Buffer) => void): void {
    this.#onMessage = handler;
  }

  send(frame: Buffer): void {
    this.socket.write(frame);
  }

  #take(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    while (this.#size >= this.#needed()) {
      const all = this.#chunks.length === 1 ? this.#chunks[0] : Buffer.concat(this.#chunks);
      if (all === undefined) return;
      const headLength = headLengthOf(all);
      const end = headLength + payloadLengthOf(all);
      this.#chunks = all.length > end ? [all.subarray(end)] : [];
      this.#size = all.length - end;
      const payload = all.subarray(headLength, end);
      if (all[0] === TEXT) this.#onMessage(payload);
      else if (all[0] === PING) this.send(maskedFrame(PONG, payload));
    }
  }

  /** How many bytes the next frame has, as far as can be seen. */
  #needed(): number {
    const first = this.#chunks[0];
    if (first === undefined) return 2;
    if (first.length < 10 && this.#chunks.length > 1) {
      this.#chunks = [Buffer.concat(this.#chunks)];
      return this.#needed();
    }
    if (first.length < 2 || first.length < headLengthOf(first)) return this.#size + 1;
    return headLengthOf(first) + payloadLengthOf(first);
  }
}

const headLengthOf = (frame: Buffer): number => {
  const length = frame[1] ?? 0;
  return length < 126 ? 2 : length === 126 ? 4 : 10;
};

const payloadLengthOf = (frame: Buffer): number => {
  const length = frame[1] ?? 0;
  if (length < 126) return length;
  return length === 126 ? frame.readUInt16BE(2) : Number(frame.readBigUInt64BE(2));
};

/** How often `text` stands in a message. */
export const countOf = (message: Buffer, text: Buffer): number => {
  let count = 0;
  for (let at = message.indexOf(text); at >= 0; at = message.indexOf(text, at + text.length)) count += 1;
  return count;
};
