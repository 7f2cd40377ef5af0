import { assert, describe, it } from "vitest";
import { createProject, createThread, prompt } from "./conversation.ts";
import type { Json } from "./raw-client.ts";
import { makeRepository, startServer, temporaryFolder } from "./server-process.ts";

describe("a client that connects at any moment", () => {
  it("takes a snapshot, follows from it, and sees each event once and in order", async () => {
    const server = await startServer(temporaryFolder());
    const writer = await server.connect();
    await createProject(writer, "p1", "/tmp");
    for (let index = 0; index < 10; index += 1) await createThread(writer, `t${index}`, "p1");
    const last = 11 + 2000;

    const followers: Array<Promise<void>> = [];
    const follow = async () => {
      const client = await server.connect();
      const { snapshotSequence } = await client.call("orchestration.getSnapshot", {});
      const seen: Array<number> = [];
      await client.stream("orchestration.subscribe", { fromSequenceExclusive: snapshotSequence }, (item) => {
        if (item.kind === "event") seen.push(item.event.sequence);
        return (seen.at(-1) ?? snapshotSequence) >= last ? "stop" : undefined;
      });
      assert.deepEqual(
        seen,
        Array.from({ length: last - snapshotSequence }, (_, index) => snapshotSequence + index + 1),
      );
    };
    for (let round = 0; round < 20; round += 1) {
      followers.push(follow());
      await Promise.all(
        Array.from({ length: 100 }, (_, index) =>
          writer.dispatch({
            type: "thread.meta.update",
            commandId: `update-${round}-${index}`,
            threadId: `t${index % 10}`,
            title: `Title ${round} ${index}`,
          }),
        ),
      );
    }
    await Promise.all(followers);
  });

  it("is told where the stored events end and the live ones begin, and when its cursor is of no use", async () => {
    const server = await startServer(temporaryFolder());
    const client = await server.connect();
    await createProject(client, "p1", "/tmp");
    const items: Array<Json> = [];
    await client.stream("orchestration.subscribe", { fromSequenceExclusive: 0 }, (item) => {
      items.push(item);
      return item.kind === "synchronized" ? "stop" : undefined;
    });
    assert.deepEqual(
      items.map(({ kind }) => kind),
      ["event", "synchronized"],
    );
    const beyond: Array<Json> = [];
    const exit = await client.stream("orchestration.subscribe", { fromSequenceExclusive: 99 }, (item) => {
      beyond.push(item);
      return undefined;
    });
    assert.deepEqual(beyond, [{ kind: "reset", headSequence: 1 }]);
    assert.equal(exit._tag, "Success");
  });

  it("joins the words of a reply from deltas and segments without doubling or losing one", async () => {
    const server = await startServer(temporaryFolder());
    const client = await server.connect();
    await createProject(client, "p1", makeRepository(3));
    await createThread(client, "t1", "p1");
    const texts = new Map<string, string>();
    let deltas = 0;
    const join = (messageId: string, offset: number, text: string) => {
      const known = texts.get(messageId) ?? "";
      if (offset > known.length) return;
      texts.set(messageId, known + text.slice(known.length - offset));
    };
    const followed = client.stream(
      "orchestration.subscribeThread",
      { threadId: "t1", fromSequenceExclusive: 0 },
      (item) => {
        if (item.kind === "delta") {
          deltas += 1;
          join(item.messageId, item.offset, item.text);
        }
        if (item.kind !== "event") return undefined;
        const { eventType, payload } = item.event;
        if (eventType === "thread.message-sent" && payload.role === "assistant") {
          join(payload.messageId, payload.offset, payload.text);
        }
        return eventType === "thread.turn-completed" ? "stop" : undefined;
      },
    );
    await client.dispatch(prompt("t1", "m1", "[[lorem: 2000]]"));
    await followed;
    const { thread } = await client.call("orchestration.getThreadSnapshot", { threadId: "t1" });
    const reply = thread.messages.at(-1);
    assert.isAbove(deltas, 0);
    assert.equal(texts.get(reply.messageId), reply.text);
    assert.equal(reply.text.trim().split(/\s+/).length, 2000);
  });
});
