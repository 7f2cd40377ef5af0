/** Another process locks the database of a running server. */
import { join } from "node:path";
import { assert, describe, it } from "vitest";
import { createProject } from "./conversation.ts";
import { lockElsewhere } from "./lock-elsewhere.ts";
import { startServer, temporaryFolder, type RunningServer } from "./server-process.ts";
import { failureOf, readiness, readLog } from "./store-failure.ts";

const rename = (commandId: string) => ({
  type: "project.meta.update",
  commandId,
  projectId: "p1",
  title: commandId,
});

/** Asks again and again until `done`, and gives how often it was answered and how long the longest answer took. */
const askMeanwhile = async ({ url, connect }: RunningServer, done: Promise<unknown>) => {
  const client = await connect();
  const state = { over: false };
  void done.finally(() => {
    state.over = true;
  });
  let [answers, longest] = [0, 0];
  while (!state.over) {
    const from = performance.now();
    assert.equal((await fetch(`${url}/health`)).status, 200);
    assert.equal((await client.call("orchestration.getShellSnapshot", {})).projects.length, 1);
    longest = Math.max(longest, performance.now() - from);
    answers += 1;
  }
  return { answers, longest };
};

describe("a database that another process has locked", () => {
  it("keeps a command waiting until the lock is given back, and nothing else", async () => {
    const dataDir = temporaryFolder();
    const server = await startServer(dataDir);
    const client = await server.connect();
    await createProject(client, "p1", "/tmp");
    const letGo = await lockElsewhere(join(dataDir, "heddle.db"));
    let answered = false;
    const answer = client.dispatch(rename("waits")).finally(() => {
      answered = true;
    });
    // What is answered meanwhile is not held up by the one that waits.
    const reader = await server.connect();
    for (let index = 0; index < 10; index += 1) {
      assert.equal((await fetch(`${server.url}/health`)).status, 200);
      assert.equal((await readLog(reader)).length, 1);
    }
    assert.isFalse(answered);
    await letGo();
    assert.equal((await answer).sequence, 2);
    assert.equal((await readiness(server.url)).status, 200);
  });

  it("for too long fails all that waits at once, as something to be tried again, and does not stop reads", async (context) => {
    const dataDir = temporaryFolder();
    const server = await startServer(dataDir);
    const client = await server.connect();
    await createProject(client, "p1", "/tmp");
    const letGo = await lockElsewhere(join(dataDir, "heddle.db"));
    const ids = Array.from({ length: 50 }, (_, index) => `rename-${index}`);
    const failures = Promise.all(ids.map((id) => failureOf(client.dispatch(rename(id)))));
    const { answers, longest } = await askMeanwhile(server, failures);
    context.annotate(`${answers} reads meanwhile, the longest ${Math.round(longest)} ms`);
    for (const failure of await failures) {
      assert.deepInclude(failure, { _tag: "StoreUnavailable", retryable: true });
      assert.match(failure.message, /locked.* Nothing was changed/);
    }
    // A process that waits inside SQLite answers nothing.
    assert.isAbove(answers, 10);
    const degraded = await readiness(server.url);
    assert.equal(degraded.status, 503);
    assert.include(degraded.body.store, "locked");
    assert.equal((await readLog(client)).length, 1);

    await letGo();
    const sequences = await Promise.all(ids.map(async (id) => (await client.dispatch(rename(id))).sequence));
    assert.deepEqual(
      sequences,
      ids.map((_, index) => index + 2),
    );
    assert.equal((await readiness(server.url)).status, 200);
  });
});
