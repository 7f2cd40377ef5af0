import { existsSync, writeFileSync, chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, assert, beforeAll, describe, it } from "vitest";
import { Heddle, jsonLines, TemporaryFolder } from "./support.ts";

const folder = new TemporaryFolder();
const heddle = new Heddle(join(folder.path, "data"));
/** Nothing of the machine that runs the tests. */
const PATH = join(folder.path, "bin");
const env = { PATH };

const settings = {
  agents: {
    mine: { command: process.execPath, args: ["-e", "console.error('no key'); process.exit(2)"] },
    gone: { command: join(folder.path, "gone") },
  },
};

beforeAll(() => {
  for (const place of [PATH, heddle.dataDir]) mkdirSync(place);
  writeFileSync(join(PATH, "gemini"), `#!${process.execPath}\nprocess.stdin.resume();\n`);
  chmodSync(join(PATH, "gemini"), 0o755);
  writeFileSync(join(heddle.dataDir, "settings.json"), JSON.stringify(settings));
});

afterAll(async () => {
  await heddle.stop();
  folder.dispose();
});

describe("heddle agents list", () => {
  it("shows those that are found and those of the settings in aligned columns, and how many more there are", async () => {
    const { code, stdout, stderr } = await heddle.run(["agents", "list"], { env });
    assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
    const [head = "", ...lines] = stdout.split("\n");
    assert.match(head, /^NAME +AGENT +FROM +COMMAND/);
    assert.deepEqual(
      lines.slice(0, 4).map((line) => line.split(/ +/)[0]),
      ["demo", "gemini", "mine", "gone"],
    );
    const from = head.indexOf("FROM");
    assert.deepEqual(
      lines.slice(0, 4).map((line) => line.slice(from).split(" ")[0]),
      ["built-in", "built-in", "settings", "settings"],
    );
    assert.include(stdout, `${join(PATH, "gemini")} --acp`);
    assert.match(stdout, /gone \(not found\)/);
    assert.match(stdout, /^\d+ more are known, .* agents list --all$/m);
  });

  it("shows with --all also those that are not found, and how to install them", async () => {
    const { stdout } = await heddle.run(["agents", "list", "--all"], { env });
    assert.match(
      stdout,
      /^codex +Codex +built-in +codex \(not found\) +npm install --global @openai\/codex$/m,
    );
    assert.notInclude(stdout, "more are known");
  });

  it("gives JSON, and needs neither a server nor a database", async () => {
    const { agents } = await heddle.json(["agents", "list"], { env });
    assert.includeMembers(
      agents.map(({ name }: { name: string }) => name),
      ["demo", "gemini", "mine", "gone"],
    );
    assert.isFalse(existsSync(join(heddle.dataDir, "heddle.db")));
  });
});

describe("heddle agents doctor", () => {
  it("says of an agent that works that it does, and ends with 0", async () => {
    const { code, stdout } = await heddle.run(["agents", "doctor", "demo"], { env });
    assert.equal(code, 0);
    assert.match(stdout, /^✓ demo {2}Demo agent of Heddle$/m);
    assert.match(stdout, /^ {2}version +0\.1\.0$/m);
    assert.match(stdout, /^ {2}it can +take prompts during a turn$/m);
    assert.notInclude(stdout, "→");
  });

  it("says of one that is named and does not work what is wrong and what to do, and ends with 1", async () => {
    const { code, stdout, stderr } = await heddle.run(["agents", "doctor", "mine", "codex"], { env });
    assert.deepEqual({ code, stderr }, { code: 1, stderr: "" });
    assert.match(
      stdout,
      /^✗ mine .*\n {2}command .*\n {2}! It ended \(exit code 2\) before it answered\. It said:\n {6}no key\n {2}→ See /m,
    );
    assert.match(
      stdout,
      /^✗ codex .*\n {2}command +codex was not found on the PATH\n {2}→ Install it: npm install --global @openai\/codex$/m,
    );
  });

  it("gives a line of JSON for each, and says on stderr which are not usable", async () => {
    const { code, stdout, stderr } = await heddle.run(["agents", "doctor", "demo", "gone", "--json"], {
      env,
    });
    assert.equal(code, 1);
    const usable = jsonLines(stdout).map(({ agent, usable: is }) => [agent.name, is]);
    assert.sameDeepMembers(usable, [
      ["demo", true],
      ["gone", false],
    ]);
    assert.deepInclude(JSON.parse(stderr), { error: "agent-not-usable", agents: ["gone"] });
  });

  it("refuses a name that is none, and says how to see those that there are", async () => {
    const { code, stderr } = await heddle.run(["agents", "doctor", "gemnii"], { env });
    assert.equal(code, 1);
    assert.include(stderr, 'There is no agent "gemnii"');
    assert.include(stderr, "heddle agents list --all");
  });

  it("asks the server, where one runs: its PATH and its settings are what counts", async () => {
    await heddle.serve();
    writeFileSync(join(heddle.dataDir, "settings.json"), "{}");
    const { code, stdout } = await heddle.run(["agents", "doctor", "mine"], { env });
    assert.equal(code, 1);
    assert.include(stdout, "no key");
    const { agents } = await heddle.json(["agents", "list"], { env });
    const names = agents.map(({ name }: { name: string }) => name);
    assert.include(names, "gone");
    const gemini = agents.find(({ name }: { name: string }) => name === "gemini");
    assert.notEqual(gemini?.found, join(PATH, "gemini"));
  });
});
