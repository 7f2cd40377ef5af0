import { assert, describe, it } from "vitest";
import { createProject, createThread } from "./conversation.ts";
import { openDatabase } from "./database.ts";
import { type Json, type RawClient, RpcFailure } from "./raw-client.ts";
import { startServer, temporaryFolder } from "./server-process.ts";

const failure = async (call: Promise<unknown>): Promise<Json> => {
  try {
    await call;
  } catch (error) {
    if (error instanceof RpcFailure) return error.error;
    throw error;
  }
  throw new Error("The call succeeded.");
};

const rename = (client: RawClient, name: string) =>
  client.dispatch({ type: "thread.meta.update", commandId: `rename-${name}`, threadId: "t1", title: name });

const threadAt = (client: RawClient, when: object) =>
  client.call("orchestration.getThreadSnapshot", { threadId: "t1", ...when });

/** Stream versions of the moments that are stored. */
const momentsIn = (dataDir: string): ReadonlyArray<number> => {
  const database = openDatabase(dataDir);
  const rows = database
    .prepare("SELECT stream_version AS version FROM orchestration_thread_moments ORDER BY stream_version")
    .all();
  database.close();
  return rows.map(({ version }) => Number(version));
};

const withThread = async () => {
  const dataDir = temporaryFolder();
  const server = await startServer(dataDir);
  const client = await server.connect();
  await createProject(client, "p1", dataDir);
  await createThread(client, "t1", "p1");
  return { dataDir, client };
};

describe("going back in time", () => {
  it("is decoded as every method is, and takes one way to name a moment", async () => {
    const { client } = await withThread();
    const error = async (method: string, payload: object) =>
      failure(client.call(`orchestration.${method}`, payload));
    const both = { atSequence: 1, atTime: "2026-01-31T12:00:00Z" };
    for (const [method, payload] of [
      ["getThreadSnapshot", { threadId: "t1", ...both }],
      ["getSnapshot", both],
    ] as const) {
      const { _tag, message } = await error(method, payload);
      assert.equal(_tag, "InvalidInput", method);
      assert.include(message, "not both");
    }
    const paths = async (method: string, payload: object) =>
      (await error(method, payload)).issues.map(({ path }: Json) => path);
    assert.deepEqual(await paths("getThreadSnapshot", { threadId: "t1", atSequence: -1 }), ["atSequence"]);
    assert.deepEqual(await paths("getThreadSnapshot", { threadId: "t1", atTime: "2026-02-45T00:00:00Z" }), [
      "atTime",
    ]);
    assert.deepEqual(await paths("getThreadChanges", { threadId: "t1" }), [""]);
    assert.deepEqual(await paths("getThreadChanges", { threadId: "t1", fromSequence: 2, toSequence: 1 }), [
      "fromSequence",
    ]);
  });

  it("gives what was given then, of one thread and of all", async () => {
    const { client } = await withThread();
    const [thread, all] = [await threadAt(client, {}), await client.call("orchestration.getSnapshot", {})];
    await rename(client, "another");
    assert.deepEqual(await threadAt(client, { atSequence: thread.snapshotSequence }), thread);
    assert.deepEqual(
      await client.call("orchestration.getSnapshot", { atSequence: all.snapshotSequence }),
      all,
    );
    assert.equal((await threadAt(client, { atTime: new Date().toISOString() })).thread.title, "another");
    const early = await failure(threadAt(client, { atSequence: 1 }));
    assert.deepEqual([early._tag, early.kind], ["NotFound", "thread"]);
    assert.include(early.message, "begun at 2");
    const none = await failure(
      client.call("orchestration.getThreadSnapshot", { threadId: "no", atSequence: 1 }),
    );
    assert.include(none.message, "no such thread");
    const changes = await client.call("orchestration.getThreadChanges", { threadId: "t1", fromSequence: 2 });
    assert.deepInclude(
      changes.thread.find(({ field }: Json) => field === "title"),
      { before: thread.thread.title, after: "another" },
    );
  });

  it("has its moments made as threads grow; deleted, they are made again, and answers stay the same", async () => {
    const { dataDir, client } = await withThread();
    const count = 1200;
    const names = Array.from({ length: count }, (_, index) => `name-${index}`);
    await Promise.all(names.map((name) => rename(client, name)));
    while (momentsIn(dataDir).length < 2) await threadAt(client, {});
    assert.deepEqual(momentsIn(dataDir), [500, 1000]);

    const page = await threadAt(client, { atSequence: 1002 });
    assert.equal(page.thread.title, "name-999");
    const database = openDatabase(dataDir);
    database.exec("DELETE FROM orchestration_thread_moments");
    database.close();
    assert.deepEqual(await threadAt(client, { atSequence: 1002 }), page);
    assert.deepEqual(momentsIn(dataDir), [500, 1000]);
  });
});
