import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { assert, describe, it } from "vitest";
import { AT, createProject, createThread, prompt, watchTurn } from "./conversation.ts";
import type { Json, RawClient } from "./raw-client.ts";
import { eventually } from "./real-agents/thread.ts";
import { makeRepository, startServer, temporaryFolder } from "./server-process.ts";

const AGENT = fileURLToPath(new URL("fixtures/stubborn-agent.ts", import.meta.url));

/** Processes of the fixture that were started with a word that only this test uses. */
const alive = (word: string): ReadonlyArray<string> =>
  execFileSync("ps", ["-A", "-o", "pid=,args="], { encoding: "utf8" })
    .split("\n")
    .filter((line) => line.includes(AGENT) && line.includes(word));

const begin = async (word: string, ...args: ReadonlyArray<string>) => {
  const dataDir = temporaryFolder();
  const launch = { protocol: "acp", command: process.execPath, args: [AGENT, ...args, word], env: {} };
  writeFileSync(join(dataDir, "settings.json"), JSON.stringify({ agents: { stubborn: launch } }));
  const server = await startServer(dataDir);
  const client = await server.connect();
  await createProject(client, "p1", makeRepository(3));
  await createThread(client, "t1", "p1", { model: "stubborn" });
  await client.dispatch(prompt("t1", "m1", "hello"));
  return { dataDir, server, client };
};

const until = (client: RawClient, matches: (event: Json) => boolean, from = 0) =>
  client.stream(
    "orchestration.subscribeThread",
    { threadId: "t1", fromSequenceExclusive: from },
    ({ event }) => (event && matches(event) ? "stop" : undefined),
  );

/** A mute agent says nothing by which the thread would know that it is there. */
const isThere = (word: string) =>
  eventually("The agent is not there", () => (alive(word).length === 1 ? undefined : alive(word)));

const threadOf = async (client: RawClient) =>
  (await client.call("orchestration.getThreadSnapshot", { threadId: "t1" })).thread;

describe("an agent that minds no cancel, no end of its input and no SIGTERM", () => {
  it("is ended by an interrupt all the same, with its turn", async () => {
    const word = `interrupt-${process.pid}`;
    const { client } = await begin(word);
    await until(client, ({ eventType }) => eventType === "thread.turn-started");
    assert.lengthOf(alive(word), 1);
    await client.dispatch({
      type: "thread.turn.interrupt",
      commandId: "i1",
      threadId: "t1",
      createdAt: AT,
    });
    await watchTurn(client, "t1");
    const { turns, session } = await threadOf(client);
    assert.deepEqual([turns[0].status, session.status], ["interrupted", "interrupted"]);
    assert.deepEqual(alive(word), []);
  });

  it("is ended by the start after a crash, though it had never said a word", async () => {
    const word = `crash-${process.pid}`;
    const { dataDir, server, client } = await begin(word, "mute");
    await until(client, ({ eventType }) => eventType === "thread.session-set");
    await isThere(word);
    const [orphan] = alive(word);
    await server.kill("SIGKILL");
    assert.deepEqual(alive(word), [orphan ?? ""], "nobody else ends it");
    const next = await startServer(dataDir);
    // The turn that had not begun begins again, with an agent of its own.
    assert.notInclude(alive(word), orphan);
    const again = await next.connect();
    await isThere(word);
    const stop = { type: "thread.session.stop", commandId: "stop", threadId: "t1", createdAt: AT };
    const { sequence } = await again.dispatch(stop);
    await until(
      again,
      ({ eventType, payload }) => eventType === "thread.session-set" && payload.session.status === "stopped",
      sequence,
    );
    assert.deepEqual((await threadOf(again)).turns, []);
    assert.deepEqual(alive(word), []);
  });
});
