/** Content that is too large for an event: through a real server, a real agent's pipe, and back. */
import { createHash, randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { assert, describe, it } from "vitest";
import { AT, createProject, createThread, prompt, watchTurn } from "./conversation.ts";
import { openDatabase } from "./database.ts";
import type { Json, RawClient, RpcFailure } from "./raw-client.ts";
import { type RunningServer, startServer, temporaryFolder } from "./server-process.ts";

const AGENT = fileURLToPath(new URL("fixtures/large-agent.ts", import.meta.url));
const MIB = 1024 * 1024;

const sha256 = (content: string | Uint8Array): string => createHash("sha256").update(content).digest("hex");

interface Scene {
  readonly dataDir: string;
  readonly server: RunningServer;
  readonly client: RawClient;
  /** The content of each prompt that the agent was given. */
  readonly prompts: () => ReadonlyArray<ReadonlyArray<Json>>;
}

const begin = async (): Promise<Scene> => {
  const dataDir = temporaryFolder();
  const record = join(dataDir, "prompts.jsonl");
  writeFileSync(record, "");
  const large = { protocol: "acp", command: process.execPath, args: [AGENT, record], env: {} };
  writeFileSync(join(dataDir, "settings.json"), JSON.stringify({ agents: { large } }));
  const server = await startServer(dataDir);
  const client = await server.connect();
  await createProject(client, "p1", temporaryFolder());
  await createThread(client, "t1", "p1", { model: "large" });
  const prompts = () =>
    readFileSync(record, "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line));
  return { dataDir, server, client, prompts };
};

const threadOf = async (client: RawClient, threadId = "t1") =>
  (await client.call("orchestration.getThreadSnapshot", { threadId })).thread;

/** All of a blob, page by page. */
const blobOf = async (client: RawClient, hash: string, limit?: number): Promise<Buffer> => {
  const pages: Array<Buffer> = [];
  let offset: number | null = 0;
  while (offset !== null) {
    const page: Json = await client.call("orchestration.getBlob", { hash, offset, ...(limit && { limit }) });
    assert.equal(page.hash, hash);
    assert.equal(page.offset, offset);
    pages.push(Buffer.from(page.data, "base64"));
    offset = page.nextOffset;
    if (offset === null) assert.equal(Buffer.concat(pages).length, page.size);
  }
  return Buffer.concat(pages);
};

/** Bytes of the largest event that is stored, and how many blobs there are. */
const stored = (dataDir: string) => {
  const database = openDatabase(dataDir);
  try {
    const events = database.prepare(
      "SELECT max(octet_length(payload_json)) AS most FROM orchestration_events",
    );
    const blobs = database.prepare("SELECT count(*) AS count FROM orchestration_blobs");
    return { largestEvent: Number(events.get()?.["most"]), blobs: Number(blobs.get()?.["count"]) };
  } finally {
    database.close();
  }
};

const respond = (client: RawClient, requestId: string) =>
  client.dispatch({
    type: "thread.approval.respond",
    commandId: `answer-${requestId}`,
    threadId: "t1",
    requestId,
    decision: "accept",
    createdAt: AT,
  });

/** Follows the thread until it asks; gives the request. */
const untilAsked = async (client: RawClient): Promise<Json> => {
  let request: Json;
  await client.stream(
    "orchestration.subscribeThread",
    { threadId: "t1", fromSequenceExclusive: 0 },
    ({ event }) => {
      if (event?.eventType !== "thread.approval-requested") return undefined;
      request = event.payload;
      return "stop";
    },
  );
  return request;
};

const longText = "A long prompt. 🧵 ".repeat(70_000).slice(0, MIB).toWellFormed();

describe("a tool's output of 10 MiB", () => {
  it("is a blob, once; its event is small, and the whole comes back by its hash", async () => {
    const { dataDir, server, client } = await begin();
    for (const messageId of ["m1", "m2"]) {
      const { sequence } = await client.dispatch(prompt("t1", messageId, `output ${10 * MIB}`));
      const events = await watchTurn(client, "t1", { from: sequence });
      const done = events.find(({ payload }) => payload.kind === "tool.completed");
      const { text: ref } = done.payload.detail.content;
      assert.equal(ref.bytes, 10 * MIB);
      assert.isTrue(ref.preview.startsWith("0123456789abcde\n"));
      const content = await blobOf(client, ref.$blob);
      assert.equal(content.length, 10 * MIB);
      assert.equal(sha256(content), ref.$blob);
      assert.equal(content.toString("utf8"), "0123456789abcde\n".repeat((10 * MIB) / 16));
    }
    await server.kill("SIGTERM");
    const { largestEvent, blobs } = stored(dataDir);
    assert.isBelow(largestEvent, 4096);
    assert.equal(blobs, 1);
  }, 60_000);

  it("is shown with its beginning to who decides about it, and stays whole at hand", async () => {
    const { client } = await begin();
    await client.dispatch(prompt("t1", "m1", `ask ${MIB}`));
    const { requestId, detail } = await untilAsked(client);
    const ref = detail.input.output;
    assert.equal(ref.bytes, MIB);
    assert.deepEqual((await threadOf(client)).pendingApprovals[0].detail, detail);
    assert.equal((await blobOf(client, ref.$blob, 100_000)).length, MIB);
    await respond(client, requestId);
    await watchTurn(client, "t1");
  }, 60_000);
});

describe("a prompt of 1 Mi characters", () => {
  it("reaches the agent whole, at once, queued, and out of the queue after a crash; and its event is small", async () => {
    const { dataDir, server, client, prompts } = await begin();
    const queued = { dispatchMode: "queue" };
    await client.dispatch(prompt("t1", "m1", longText));
    await watchTurn(client, "t1");
    await client.dispatch(prompt("t1", "m2", "ask 1"));
    const { requestId } = await untilAsked(client);
    await client.dispatch(prompt("t1", "m3", `3${longText.slice(1)}`, queued));
    const [waiting] = (await threadOf(client)).queuedTurns;
    assert.isBelow(waiting.text.length, 4097);
    assert.equal(waiting.fullText.bytes, Buffer.byteLength(`3${longText.slice(1)}`));
    await respond(client, requestId);
    await watchTurn(client, "t1", { turns: 3 });
    // A crash with a prompt in the queue.
    const { sequence } = await client.dispatch(prompt("t1", "m4", "ask 2"));
    await client.dispatch(prompt("t1", "m5", `5${longText.slice(1)}`, queued));
    await server.kill("SIGKILL");
    const again = await startServer(dataDir);
    await watchTurn(await again.connect(), "t1", { from: sequence, turns: 2 });

    const texts = new Set(prompts().map(([block]) => block.text));
    assert.isTrue(texts.has(longText), "at once");
    assert.isTrue(texts.has(`3${longText.slice(1)}`), "queued");
    assert.isTrue(texts.has(`5${longText.slice(1)}`), "after the crash");
    await again.kill("SIGTERM");
    assert.isBelow(stored(dataDir).largestEvent, 16 * 1024);
  }, 60_000);

  it("is read by its beginning, and whole by its hash, in the thread and in a fork of it", async () => {
    const { dataDir, server, client } = await begin();
    const attachments = [{ name: "a.png", mimeType: "image/png", data: "AAECAw==" }];
    const message = { messageId: "m1", role: "user", text: longText, attachments };
    await client.dispatch({ ...prompt("t1", "m1", ""), message });
    await watchTurn(client, "t1");
    await client.dispatch({
      type: "thread.fork",
      commandId: "fork",
      threadId: "t2",
      sourceThreadId: "t1",
      turnCount: 1,
      createdAt: AT,
    });
    let copied: Json;
    await client.stream(
      "orchestration.subscribeThread",
      { threadId: "t2", fromSequenceExclusive: 0 },
      ({ event }) => {
        if (event?.eventType !== "thread.message-sent") return undefined;
        copied = event.payload;
        return "stop";
      },
    );
    const [shown] = (await threadOf(client)).messages;
    const [copy] = (await threadOf(client, "t2")).messages;
    assert.isTrue(longText.startsWith(shown.text));
    assert.isBelow(Buffer.byteLength(shown.text), 4097);
    assert.equal((await blobOf(client, shown.fullText.$blob)).toString("utf8"), longText);
    for (const { text, fullText, attachments: copies } of [copied, copy]) {
      assert.equal(text, shown.text);
      assert.deepEqual(fullText, shown.fullText);
      assert.deepEqual(copies, shown.attachments);
    }
    await server.kill("SIGTERM");
    assert.equal(stored(dataDir).blobs, 2);
  }, 60_000);
});

describe("an attachment", () => {
  it("reaches the agent byte for byte, and is read by its hash", async () => {
    const { dataDir, server, client, prompts } = await begin();
    const photo = randomBytes(3 * MIB);
    const attachments = [
      { name: "photo.png", mimeType: "image/png", data: photo.toString("base64") },
      { name: "empty.txt", mimeType: "text/plain", data: "" },
    ];
    const message = { messageId: "m1", role: "user", text: "See", attachments };
    await client.dispatch({ ...prompt("t1", "m1", ""), message });
    await watchTurn(client, "t1");
    const [, image, text] = prompts()[0] ?? [];
    assert.equal(image.type, "image");
    assert.isTrue(Buffer.from(image.data, "base64").equals(photo));
    assert.equal(text.resource.text, "");
    const [shown] = (await threadOf(client)).messages;
    assert.deepEqual(shown.attachments, [
      { name: "photo.png", mimeType: "image/png", bytes: 3 * MIB, blob: sha256(photo) },
      { name: "empty.txt", mimeType: "text/plain", bytes: 0, blob: sha256("") },
    ]);
    assert.isTrue((await blobOf(client, sha256(photo))).equals(photo));
    assert.equal((await blobOf(client, sha256(""))).length, 0);
    await server.kill("SIGTERM");
    assert.isBelow(stored(dataDir).largestEvent, 4096);
  }, 60_000);
});

describe("getBlob", () => {
  const failure = (promise: Promise<Json>): Promise<Json> =>
    promise.then(
      () => assert.fail("It was answered."),
      (error: RpcFailure) => error.error,
    );

  it("gives pages of the size that is asked for, and says what is not there or not asked for rightly", async () => {
    const { client } = await begin();
    await client.dispatch(prompt("t1", "m1", longText));
    const hash = sha256(longText);
    const size = Buffer.byteLength(longText);
    const page = await client.call("orchestration.getBlob", { hash, offset: 10, limit: 5 });
    const data = Buffer.from(longText).subarray(10, 15).toString("base64");
    assert.deepEqual(page, { hash, size, offset: 10, data, nextOffset: 15 });
    const first = await client.call("orchestration.getBlob", { hash });
    assert.equal(first.nextOffset, MIB);
    const beyond = await client.call("orchestration.getBlob", { hash, offset: size + 1 });
    assert.deepEqual(beyond, { hash, size, offset: size + 1, data: "", nextOffset: null });

    const unknown = "0".repeat(64);
    const missing = await failure(client.call("orchestration.getBlob", { hash: unknown }));
    assert.deepInclude(missing, { _tag: "NotFound", kind: "blob", id: unknown });
    for (const wrong of [{ hash: "abc" }, { hash, offset: -1 }, { hash, limit: 8 * MIB + 1 }]) {
      const error = await failure(client.call("orchestration.getBlob", wrong));
      assert.equal(error._tag, "InvalidInput");
    }
  });
});
