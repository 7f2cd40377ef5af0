/** Which agents there are, over the wire. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { assert, describe, it } from "vitest";
import type { Json } from "./raw-client.ts";
import { startServer, temporaryFolder } from "./server-process.ts";

const LIST = "orchestration.listAgents";
const CHECK = "orchestration.checkAgents";

const begin = async (settings: object = {}) => {
  const dataDir = temporaryFolder();
  writeFileSync(join(dataDir, "settings.json"), JSON.stringify(settings));
  const server = await startServer(dataDir);
  return server.connect();
};

describe("listAgents", () => {
  it("gives all that are known and those of the settings, with where their commands are", async () => {
    const client = await begin({
      agents: { mine: { command: process.execPath, args: ["--acp"] }, gone: { command: "/no/such/path" } },
    });
    const { agents } = await client.call(LIST, {});
    const named = (name: string): Json => agents.find((agent: Json) => agent.name === name);
    assert.isAbove(agents.length, 30);
    assert.deepEqual(named("mine"), {
      name: "mine",
      title: "mine",
      protocol: "acp",
      command: process.execPath,
      args: ["--acp"],
      source: "settings",
      found: process.execPath,
      install: null,
      login: null,
    });
    assert.isNull(named("gone").found);
    assert.include(named("codex"), { protocol: "codex", source: "built-in", login: "codex login" });
    assert.equal(named("demo").found, process.execPath);
  });
});

describe("checkAgents", () => {
  it("gives a result for each agent that is named, as they come", async () => {
    const hangs = { command: process.execPath, args: ["-e", "process.stdin.resume()"] };
    const ends = { command: process.execPath, args: ["-e", "process.exit(3)"] };
    const client = await begin({ agents: { hangs, ends } });
    const seen: Array<Json> = [];
    // The one that hangs would take until its deadline: whoever has seen enough ends the check, and it ends with it.
    await client.stream(CHECK, { names: ["hangs", "demo", "ends"] }, (check) => {
      seen.push(check);
      return seen.length === 2 ? "stop" : undefined;
    });
    const by = new Map(seen.map((check) => [check.agent.name, check]));
    assert.sameMembers([...by.keys()], ["demo", "ends"]);
    assert.deepInclude(by.get("demo"), { usable: true, version: "0.1.0", problems: [] });
    assert.include(by.get("ends"), { usable: false, loggedIn: "unknown" });
    assert.match(by.get("ends").problems[0], /exit code 3/);
  });

  it("fails for a name that is none, and for one that cannot be", async () => {
    const client = await begin();
    const failure = async (payload: Json): Promise<Json> => {
      const exit: Json = await client.stream(CHECK, payload, () => assert.fail("It gave something."));
      return exit.cause[0].error;
    };
    assert.include(await failure({ names: ["nobody"] }), { _tag: "NotFound", kind: "agent", id: "nobody" });
    const invalid = await failure({ names: ["No Body"] });
    assert.deepEqual([invalid._tag, invalid.issues[0].path], ["InvalidInput", "names[0]"]);
  });
});
