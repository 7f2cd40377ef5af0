/** Clients that send requests, in a process of their own. */
import { answerRequests } from "./ClientProcess.ts";
import { type Address, countOf, type MethodCall, prepared, Wire } from "./Wire.ts";

export interface CallsRequest {
  readonly server: Address;
  readonly clients: number;
  /** Calls on their way at most, of all clients together. */
  readonly inFlight: number;
  readonly calls: ReadonlyArray<MethodCall>;
}

export interface CallsAnswer {
  readonly seconds: number;
}

const SUCCESS = Buffer.from('{"_tag":"Success"');

const send = async ({ server, clients, inFlight, calls }: CallsRequest): Promise<CallsAnswer> => {
  const frames = calls.map(({ name, payload }, index) =>
    prepared({
      _tag: "Request",
      id: String(index),
      tag: `orchestration.${name}`,
      payload,
      headers: [],
    }),
  );
  const wires = await Promise.all(Array.from({ length: clients }, () => Wire.connect(server)));
  let next = 0;
  let answered = 0;
  const start = performance.now();
  await new Promise<void>((resolve, reject) => {
    const sendSome = (wire: Wire, count: number) => {
      const some = frames.slice(next, next + count);
      next += some.length;
      if (some.length > 0) wire.send(some.length === 1 && some[0] ? some[0] : Buffer.concat(some));
    };
    for (const wire of wires) {
      wire.socket.on("error", reject);
      wire.onMessage((message) => {
        const count = countOf(message, SUCCESS);
        if (count === 0) reject(new Error(`Not a success: ${message.toString()}`));
        answered += count;
        if (answered === frames.length) resolve();
        else sendSome(wire, count);
      });
      sendSome(wire, Math.ceil(inFlight / clients));
    }
  });
  const seconds = (performance.now() - start) / 1000;
  for (const wire of wires) wire.socket.destroy();
  return { seconds };
};

answerRequests(send);
