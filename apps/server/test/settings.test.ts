/** What a person sets in settings.json, in a real server. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { assert, describe, it } from "vitest";
import { createProject, createThread, prompt } from "./conversation.ts";
import type { Json } from "./raw-client.ts";
import { makeRepository, startServer, temporaryFolder } from "./server-process.ts";

const startWith = (settings: object) => {
  const dataDir = temporaryFolder();
  writeFileSync(join(dataDir, "settings.json"), JSON.stringify(settings));
  return startServer(dataDir);
};

describe("settings.json", () => {
  it.each([
    ["a key that is none", { agent: {} }, "agent"],
    ["a key of an agent that is none", { agents: { mine: { command: "a", arguments: [] } } }, "arguments"],
    ["a time that is none", { sessions: { idleAfter: "a while" } }, "idleAfter"],
    ["a time that is too short", { sessions: { stallAfter: "10 millis" } }, "stallAfter"],
  ])("with %s stops the start, and the error names the key", async (_, settings, key) => {
    const error: Error = await startWith(settings).then(
      () => assert.fail("It started."),
      (cause) => cause,
    );
    assert.match(error.message, new RegExp(`settings\\.json is not valid:[^]*"${key}"`));
  });

  it("says after which time a silent turn is shown as stalled", async () => {
    const server = await startWith({ sessions: { stallAfter: "1 second", idleAfter: "Infinity" } });
    const client = await server.connect();
    await createProject(client, "p1", makeRepository(3));
    await createThread(client, "t1", "p1");
    await client.dispatch(prompt("t1", "m1", "[[slow: 60000]] [[say: one two]]"));
    let stalled: Json;
    await client.stream(
      "orchestration.subscribeThread",
      { threadId: "t1", fromSequenceExclusive: 0 },
      (item) => {
        stalled = item.event?.payload.session?.stalled;
        return stalled ? "stop" : undefined;
      },
    );
    assert.equal(stalled.waitsFor, "the agent");
  });
});
