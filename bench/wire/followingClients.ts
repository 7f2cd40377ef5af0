/** Clients that follow one thread, in a process of their own. */
import { answerRequests } from "./ClientProcess.ts";
import { type Address, countOf, prepared, Wire } from "./Wire.ts";

export type FollowingRequest =
  /** Subscribes this many clients, and answers when each is synchronized. */
  | {
      readonly type: "subscribe";
      readonly server: Address;
      readonly threadId: string;
      readonly fromSequenceExclusive: number;
      readonly clients: number;
    }
  /** Lets this many of them stop reading. */
  | { readonly type: "pause"; readonly clients: number }
  /** Answers when each that reads has had this many events more. */
  | { readonly type: "receive"; readonly events: number };

export interface FollowingAnswer {
  /** From the first event at any client to the last one at all of them. */
  readonly seconds: number;
}

const SYNCHRONIZED = Buffer.from('{"kind":"synchronized"');
const EVENT = Buffer.from('{"kind":"event"');
const CHUNK = Buffer.from('"_tag":"Chunk"');
const ACK = prepared({ _tag: "Ack", requestId: "1" });

interface Follower {
  readonly wire: Wire;
  events: number;
  reads: boolean;
}

const followers: Array<Follower> = [];
let firstAt: number | undefined;
let onEvents: () => void = () => {};

const subscribe = async (
  server: Address,
  payload: { readonly threadId: string; readonly fromSequenceExclusive: number },
): Promise<void> => {
  const wire = await Wire.connect(server);
  const follower: Follower = { wire, events: 0, reads: true };
  followers.push(follower);
  const synchronized = new Promise<void>((resolve) => {
    wire.onMessage((message) => {
      if (!message.includes(CHUNK)) throw new Error(`Not a chunk: ${message.toString()}`);
      wire.send(ACK);
      const events = countOf(message, EVENT);
      if (events > 0) {
        firstAt ??= performance.now();
        follower.events += events;
        onEvents();
      }
      if (message.includes(SYNCHRONIZED)) resolve();
    });
  });
  wire.send(
    prepared({
      _tag: "Request",
      id: "1",
      tag: "orchestration.subscribeThread",
      payload,
    }),
  );
  await synchronized;
};

const receive = (events: number): Promise<number> => {
  const readers = followers.filter(({ reads }) => reads);
  for (const reader of readers) reader.events = 0;
  firstAt = undefined;
  return new Promise((resolve) => {
    onEvents = () => {
      if (readers.some((reader) => reader.events < events)) return;
      resolve((performance.now() - (firstAt ?? Number.NaN)) / 1000);
    };
  });
};

answerRequests<FollowingRequest, FollowingAnswer>(async (request) => {
  switch (request.type) {
    case "subscribe": {
      const { server, clients, threadId, fromSequenceExclusive } = request;
      for (let index = 0; index < clients; index += 1) {
        await subscribe(server, { threadId, fromSequenceExclusive });
      }
      return { seconds: 0 };
    }
    case "pause":
      for (const follower of followers.slice(0, request.clients)) {
        follower.reads = false;
        follower.wire.socket.pause();
      }
      return { seconds: 0 };
    case "receive":
      return { seconds: await receive(request.events) };
  }
});
