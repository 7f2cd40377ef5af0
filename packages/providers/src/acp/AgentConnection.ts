/**
 * The SDK's connection over a child's stdio, with what the SDK leaves to others:
 *
 * - order: updates are taken off the stream here, in the order of the wire, since the SDK runs handlers concurrently;
 *   whatever else comes is handed to it one message per turn of the event loop, so that each is wholly dispatched
 *   before the next is looked at;
 * - a brake: the SDK reads as fast as it can and waits for no handler, so reading is pulled from here, and pauses while
 *   the consumer of the events is behind. The rest of a flood waits in the pipe, and then the agent does;
 * - tolerance: an update of a kind that this SDK does not know is no error.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import * as acp from "@agentclientprotocol/sdk";
import type { AgentProcess } from "../shared/AgentProcess.ts";
import { isCutOff } from "../shared/Errno.ts";
import { type JsonObject, jsonLines } from "../shared/JsonLines.ts";

/** A request for a person. */
export interface Asked {
  readonly requestId: acp.JsonRpcId;
  readonly params: unknown;
  /** Aborted when the agent takes it back, or is gone. */
  readonly signal: AbortSignal;
}

/** What is done with what an agent sends. Rejections go back to the agent as errors. */
export interface Incoming {
  readonly update: (params: unknown) => void;
  readonly permission: (asked: Asked) => Promise<acp.RequestPermissionResponse>;
  readonly elicitation: (asked: Asked) => Promise<acp.CreateElicitationResponse>;
  readonly readTextFile: (params: acp.ReadTextFileRequest) => Promise<acp.ReadTextFileResponse>;
  readonly writeTextFile: (params: acp.WriteTextFileRequest) => Promise<acp.WriteTextFileResponse>;
  readonly messageTooLong: () => void;
  /** Awaited before the next message is read. */
  readonly room: () => Promise<void> | undefined;
}

export interface AgentConnection {
  readonly agent: acp.ClientContext;
  /**
   * Settles when the agent has the answer to this request, or the next prompt; false where that was lost. To be called
   * in the same breath in which it is given.
   */
  readonly whenSent: (what: acp.JsonRpcId | "prompt") => Promise<boolean>;
  /** Settles when the agent's output has been read to its end. Never rejects. */
  readonly ended: Promise<void>;
}

export const connectAgent = (process: AgentProcess, incoming: Incoming): AgentConnection => {
  const ended = Promise.withResolvers<void>();
  const readable = messageStream(process, incoming, ended.resolve);
  const watched = new Map<unknown, (sent: boolean) => void>();
  const writable = new WritableStream<acp.AnyMessage>({
    async write(message) {
      const sent = await process.write(`${JSON.stringify(message)}\n`);
      const isPrompt = "method" in message && message.method === acp.methods.agent.session.prompt;
      const what = isPrompt ? "prompt" : "method" in message ? undefined : answerKey(message.id);
      watched.get(what)?.(sent);
      watched.delete(what);
    },
  });
  // Requests without a handler are refused by the SDK as "method not found".
  const connection = acp
    .client({ name: "heddle" })
    .onRequest(acp.methods.client.session.requestPermission, unchecked, incoming.permission)
    .onRequest(acp.methods.client.elicitation.create, unchecked, incoming.elicitation)
    .onRequest(acp.methods.client.fs.readTextFile, ({ params }) => incoming.readTextFile(params))
    .onRequest(acp.methods.client.fs.writeTextFile, ({ params }) => incoming.writeTextFile(params))
    .connect({ readable, writable });
  const whenSent: AgentConnection["whenSent"] = (what) =>
    new Promise((resolve) => {
      watched.set(what === "prompt" ? what : answerKey(what), resolve);
    });
  return { agent: connection.agent, whenSent, ended: ended.promise };
};

const answerKey = (id: acp.JsonRpcId): string => `answer ${JSON.stringify(id)}`;

/** In place of the SDK's schemas, which would refuse what only a newer agent means. */
const unchecked = (params: unknown): unknown => params;

const messageStream = (
  process: AgentProcess,
  incoming: Incoming,
  onEnd: () => void,
): ReadableStream<acp.AnyMessage> => {
  const messages = jsonLines(chunksOf(process), {
    onNoise: (line) => process.appendNoise(line),
    onTooLong: incoming.messageTooLong,
  });
  let handedOver = false;
  return new ReadableStream<acp.AnyMessage>(
    {
      async pull(controller) {
        if (handedOver) await nextTurn();
        handedOver = false;
        try {
          const message = await nextForSdk(messages, process, incoming);
          if (message === undefined) {
            controller.close();
            onEnd();
          } else {
            handedOver = true;
            controller.enqueue(message);
          }
        } catch (error) {
          // Nothing more will be read, so whoever asks how the agent ended is to find why.
          process.appendNoise(String(error));
          onEnd();
          throw error;
        }
      },
      cancel() {
        process.stdout.destroy();
        onEnd();
      },
    },
    { highWaterMark: 0 },
  );
};

/** Takes updates on the way; `undefined` at the end of the output. */
const nextForSdk = async (
  messages: AsyncGenerator<JsonObject, void>,
  process: AgentProcess,
  incoming: Incoming,
): Promise<acp.AnyMessage | undefined> => {
  for (;;) {
    await incoming.room();
    const { value: message } = await messages.next();
    if (message === undefined) return undefined;
    if (message["method"] === acp.methods.client.session.update && !("id" in message)) {
      incoming.update(message["params"]);
    } else if (isMessage(message)) {
      return message;
    } else {
      process.appendNoise(JSON.stringify(message));
    }
  }
};

const isMessage = (message: JsonObject): message is JsonObject & acp.AnyMessage =>
  message["jsonrpc"] === "2.0";

/** Ends like the process does: an output that is cut off is over, and how the process ended is told elsewhere. */
async function* chunksOf(process: AgentProcess): AsyncGenerator<Uint8Array, void> {
  try {
    for await (const chunk of process.stdout) yield chunk;
  } catch (error) {
    if (!isCutOff(error)) throw error;
  }
}
