/** Agents that start and then say nothing. */
import { randomUUID } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { assert, describe, it } from "vitest";
import { createProject, createThread, prompt, watchTurn } from "./conversation.ts";
import type { Json } from "./raw-client.ts";
import { endAll, processesOf, seesProcesses, WORD_VARIABLE } from "./real-agents/processes.ts";
import { eventually } from "./real-agents/thread.ts";
import { afterwards, makeRepository, startServer, temporaryFolder } from "./server-process.ts";

/** Ignores what ends others: the end of its input, and what it is asked. */
const MUTE = "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)";
/** More than start at the same time. */
const MUTES = 10;

const begin = async () => {
  const [dataDir, word] = [temporaryFolder(), randomUUID()];
  afterwards(() => endAll(word));
  const env = { [WORD_VARIABLE]: word };
  const mute = { protocol: "acp", command: process.execPath, args: ["-e", MUTE], env };
  writeFileSync(join(dataDir, "settings.json"), JSON.stringify({ agents: { mute } }));
  const server = await startServer(dataDir);
  const client = await server.connect();
  await createProject(client, "p1", makeRepository(3));
  return { dataDir, word, server, client };
};

describe("agents that do not come up", () => {
  it("keep no other thread's agent from its turn", async () => {
    const { client } = await begin();
    for (let index = 1; index <= MUTES; index += 1) {
      await createThread(client, `mute-${index}`, "p1", { model: "mute" });
      await client.dispatch(prompt(`mute-${index}`, `mm-${index}`, "hello"));
    }
    await createThread(client, "t1", "p1");
    const { sequence } = await client.dispatch(prompt("t1", "m1", "[[say: here]]"));
    const events = await watchTurn(client, "t1", { from: sequence });
    const ended = events.find(({ eventType }) => eventType === "thread.turn-completed");
    assert.equal(ended.payload.status, "completed");
    // None of the mute ones was given up by then: it did not wait for the place of one.
    const { threads } = await client.call("orchestration.getSnapshot", {});
    const mutes = threads.filter(({ threadId }: Json) => threadId !== "t1");
    assert.deepEqual(
      mutes.map(({ session }: Json) => session?.status),
      Array.from({ length: MUTES }, () => "starting"),
    );
  });

  it.runIf(seesProcesses)("are gone after the next start of a server that was killed meanwhile", async () => {
    const { client, server, dataDir, word } = await begin();
    await createThread(client, "t1", "p1", { model: "mute" });
    await client.dispatch(prompt("t1", "m1", "hello"));
    await eventually("It does not start", () => (processesOf(word).length === 1 ? undefined : "no process"));
    const [first] = processesOf(word);
    await server.kill("SIGKILL");
    await startServer(dataDir);
    await eventually("It is still there", () =>
      processesOf(word).some(({ pid }) => pid === first?.pid) ? first : undefined,
    );
    assert.isDefined(first);
  });
});
