/** A client that sends frames but answers no ping: the other end of a connection that only looks alive. */
import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import type { Json } from "./raw-client.ts";

/** A text frame; its mask of zeros leaves the payload as it is. */
const textFrame = (text: string): Buffer => {
  const payload = Buffer.from(text);
  const head = Buffer.alloc(8);
  head.writeUInt16BE(0x81fe, 0);
  head.writeUInt16BE(payload.length, 2);
  return Buffer.concat([head, payload]);
};

export class MuteClient {
  readonly #socket: Socket;
  readonly closed: Promise<void>;
  receivedBytes = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.closed = new Promise((resolve) => socket.once("close", () => resolve()));
    // A connection that the server cuts may end with an error.
    socket.on("error", () => {});
    socket.on("data", (data) => {
      this.receivedBytes += data.length;
    });
  }

  static connect(url: string, token: string): Promise<MuteClient> {
    const { hostname, port, host } = new URL(url);
    return new Promise((resolve, reject) => {
      const socket = connect(Number(port), hostname);
      socket.once("error", reject);
      const key = randomBytes(16).toString("base64");
      socket.write(
        `GET /rpc HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
          `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\nAuthorization: Bearer ${token}\r\n\r\n`,
      );
      socket.once("data", () => resolve(new MuteClient(socket)));
    });
  }

  send(frame: Json): void {
    this.#socket.write(textFrame(JSON.stringify(frame)));
  }

  stopReading(): void {
    this.#socket.pause();
  }

  readAgain(): void {
    this.#socket.resume();
  }
}
