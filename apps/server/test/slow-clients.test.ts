import { readFileSync } from "node:fs";
import { Context, Effect, Exit, Layer, Scope } from "effect";
import { assert, describe, it } from "vitest";
import { type ConnectionLimits, usualLimits } from "../src/Connections.ts";
import { dataDirectoryAt } from "../src/DataDirectory.ts";
import { ServerAddress, serverLayer } from "../src/Server.ts";
import { createProject, createThread } from "./conversation.ts";
import { MuteClient } from "./mute-client.ts";
import { type Json, RawClient } from "./raw-client.ts";
import { afterwards, temporaryFolder } from "./server-process.ts";

const serve = async (limits: Partial<ConnectionLimits> = {}) => {
  const directory = dataDirectoryAt(temporaryFolder());
  const scope = Scope.makeUnsafe();
  afterwards(() => Effect.runPromise(Scope.close(scope, Exit.void)));
  const server = serverLayer({ directory, port: 0, connections: { ...usualLimits, ...limits } });
  const { url } = Context.get(await Effect.runPromise(Layer.buildWithScope(server, scope)), ServerAddress);
  const token = readFileSync(`${directory.path}/token`, "utf8").trim();
  const writer = await RawClient.connect(url, token);
  await createProject(writer, "p1", "/tmp");
  await createThread(writer, "t1", "p1");
  return {
    writer,
    connect: () => RawClient.connect(url, token),
    connectMute: () => MuteClient.connect(url, token),
    /** Renames the thread, one event each. */
    rename: async (times: number) => {
      for (let index = 1; index <= times; index += 1) {
        const title = `Title ${index}`;
        const commandId = `rename-${index}`;
        await writer.dispatch({ type: "thread.meta.update", commandId, threadId: "t1", title });
      }
    },
    /** Gives the project scripts of this length, one event each. */
    writeLarge: async (times: number, length: number) => {
      for (let index = 1; index <= times; index += 1) {
        const scripts = [{ name: "large", command: "x".repeat(length) }];
        const commandId = `large-${index}`;
        await writer.dispatch({ type: "project.meta.update", commandId, projectId: "p1", scripts });
      }
    },
  };
};

interface Feed {
  readonly tag: string;
  readonly payload: object;
}
const THREAD_FEED: Feed = {
  tag: "orchestration.subscribeThread",
  payload: { threadId: "t1", fromSequenceExclusive: 0 },
};
const WHOLE_FEED: Feed = { tag: "orchestration.subscribe", payload: { fromSequenceExclusive: 0 } };
const LAST = 600;

/** Subscribes, and gives each chunk; it is not acknowledged until `next` is called. */
const subscribeByHand = (client: RawClient, feed: Feed) => {
  const chunks: Array<ReadonlyArray<Json>> = [];
  const sizes: Array<number> = [];
  let onChunk = () => {};
  client.socket.addEventListener("message", ({ data }) => {
    for (const frame of [JSON.parse(String(data))].flat()) {
      if (frame._tag !== "Chunk") continue;
      chunks.push(frame.values);
      sizes.push(String(data).length);
      onChunk();
    }
  });
  client.send({ _tag: "Request", id: "feed", ...feed });
  return {
    chunks,
    sizes,
    arrived: (count: number) =>
      new Promise<void>((resolve) => {
        onChunk = () => {
          if (chunks.length >= count) resolve();
        };
        onChunk();
      }),
    next: () => client.send({ _tag: "Ack", requestId: "feed" }),
  };
};

const follow = async (client: RawClient, last: number) => {
  const titles: Array<string> = [];
  await client.stream(THREAD_FEED.tag, THREAD_FEED.payload, (item) => {
    if (item.kind === "event") titles.push(item.event.payload.title);
    return titles.length > last ? "stop" : undefined;
  });
  return titles;
};

describe("a subscriber that does not acknowledge", () => {
  it("has one page waiting for it, while others get everything; then it goes on where it was", async () => {
    const { connect, rename } = await serve();
    const slow = await connect();
    const feed = subscribeByHand(slow, THREAD_FEED);
    await feed.arrived(1);
    const others = [follow(await connect(), LAST), follow(await connect(), LAST)];
    await rename(LAST);
    for (const titles of await Promise.all(others)) assert.equal(titles.at(-1), `Title ${LAST}`);
    // What the server says after this comes behind all that it said before.
    await slow.call("orchestration.getShellSnapshot", {});
    assert.equal(feed.chunks.length, 1);

    const events = () => feed.chunks.flat().filter(({ kind }: Json) => kind === "event");
    while (events().length <= LAST) {
      const count = feed.chunks.length;
      feed.next();
      await feed.arrived(count + 1);
    }
    assert.deepEqual(
      events().map(({ event }: Json) => event.streamVersion),
      Array.from({ length: LAST + 1 }, (_, index) => index + 1),
    );
    assert.isAtMost(Math.max(...feed.chunks.map((chunk) => chunk.length)), 200);
  });

  it("gets pages of about 1 MiB where events are large", async () => {
    const { connect, writeLarge } = await serve();
    await writeLarge(190, 9000);
    const feed = subscribeByHand(await connect(), WHOLE_FEED);
    for (let count = 1; feed.chunks.flat().length < 192; count += 1) {
      await feed.arrived(count);
      feed.next();
    }
    assert.isAtLeast(feed.chunks.length, 2);
    assert.isBelow(Math.max(...feed.sizes), 1.2 * 1_048_576);
  });
});

describe("a connection whose other end is gone", () => {
  it("is ended when it does not answer a ping, and others stay", async () => {
    const { connectMute, writer } = await serve({ pingInterval: "100 millis" });
    const gone = await connectMute();
    await gone.closed;
    assert.equal((await writer.call("orchestration.getShellSnapshot", {})).threads.length, 1);
  });

  it("is ended when more waits for it than a client may leave unread", async () => {
    const { connectMute, writeLarge, writer } = await serve({ maxUnreadBytes: 1_048_576 });
    await writeLarge(100, 9000);
    const { events } = await writer.call("orchestration.replayEvents", { fromSequenceExclusive: 0 });
    const pageBytes = JSON.stringify(events).length;
    const client = await connectMute();
    client.stopReading();
    const requests = 60;
    for (let id = 1; id <= requests; id += 1) {
      client.send({
        _tag: "Request",
        id,
        tag: "orchestration.replayEvents",
        payload: { fromSequenceExclusive: 0 },
      });
    }
    // The answers to others come after those to it.
    for (let index = 0; index < requests; index += 1) await writer.call("orchestration.getShellSnapshot", {});
    client.readAgain();
    await client.closed;
    assert.isBelow(client.receivedBytes, requests * pageBytes);
  });
});
