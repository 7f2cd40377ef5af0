/**
 * The WebSockets of the server, as far as they are connections: one whose other end is gone, or does not read, ends some
 * time. TCP alone tells of a peer that vanished only when something is sent, and then after a quarter of an hour.
 */
import { NodeWS } from "@effect/platform-node";
import { type Duration, Effect } from "effect";

type Send = Parameters<NodeWS.WebSocket["send"]>;
type OnSent = (error?: Error) => void;

export interface ConnectionLimits {
  /** How often each is asked whether it is there. One that has not answered by the next time ends. */
  readonly pingInterval: Duration.Input;
  /** What may wait to be read by a client; one that leaves more than that unread ends. */
  readonly maxUnreadBytes: number;
}

export const usualLimits: ConnectionLimits = {
  pingInterval: "30 seconds",
  maxUnreadBytes: 64 * 1_048_576,
};

/** The class of the server's WebSockets, with the limits at work for as long as the scope lives. */
export const makeConnections = ({ pingInterval, maxUnreadBytes }: ConnectionLimits) =>
  Effect.gen(function* () {
    const open = new Set<Connection>();

    class Connection extends NodeWS.WebSocket {
      #isThere = this.#enter();
      #unread = 0;

      // In place of a constructor: that of `ws` has overloads, one of which is the server's alone.
      #enter(): boolean {
        open.add(this);
        const isThere = () => {
          this.#isThere = true;
        };
        this.on("pong", isThere);
        this.on("message", isThere);
        this.on("close", () => open.delete(this));
        return true;
      }

      override send(data: Send[0], options?: Send[1] | OnSent, onSent?: OnSent): void {
        if (this.bufferedAmount > maxUnreadBytes) this.terminate();
        else if (typeof options === "object") super.send(data, options, onSent);
        else super.send(data, options);
      }

      /** A client that reads slowly answers late: what it has read since the last time shows that it is there. */
      check(): void {
        const unread = this.bufferedAmount;
        if (!this.#isThere && unread >= this.#unread) {
          this.terminate();
          return;
        }
        this.#isThere = false;
        this.#unread = unread;
        if (this.readyState === NodeWS.WebSocket.OPEN) this.ping();
      }
    }

    yield* Effect.sync(() => {
      for (const connection of open) connection.check();
    }).pipe(Effect.delay(pingInterval), Effect.forever, Effect.forkScoped);
    return Connection;
  });
