import { appendFileSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, assert, beforeAll, describe, it } from "vitest";
import { Heddle, inTerminal, TemporaryFolder } from "./support.ts";

const folder = new TemporaryFolder();
const heddle = new Heddle(join(folder.path, "data"));
const home = join(folder.path, "codex");
const project = join(folder.path, "cloth");
const env = { CODEX_HOME: home, CLAUDE_CONFIG_DIR: join(folder.path, "claude") };

const at = "2025-06-01T10:00:00.000Z";
const item = (payload: object) => JSON.stringify({ timestamp: at, type: "response_item", payload });
const user = (text: string) =>
  item({ type: "message", role: "user", content: [{ type: "input_text", text }] });
const codex = (text: string) =>
  item({ type: "message", role: "assistant", content: [{ type: "output_text", text }] });

const fileOf = (id: string) => join(home, "sessions/2025/06/01", `rollout-2025-06-01T10-00-00-${id}.jsonl`);
const write = (id: string, cwd: string, ...lines: ReadonlyArray<string>) => {
  const meta = JSON.stringify({ timestamp: at, type: "session_meta", payload: { id, cwd } });
  mkdirSync(join(fileOf(id), ".."), { recursive: true });
  writeFileSync(fileOf(id), `${[meta, ...lines].join("\n")}\n`);
};

beforeAll(async () => {
  mkdirSync(project);
  write("aaaa-1", project, user("Weave a cloth"), codex("Woven."));
  write("bbbb-2", join(folder.path, "gone"), user("Dye\u001b[31m it"), '{"broken', codex("Dyed."));
  write("cccc-3", project, user("Cut it"), codex("Cut."));
  // It is the server that reads the agents' files.
  heddle.server = heddle.start(["serve", "--port", "0"], { env });
  await heddle.server.says("ctrl-C stops it.");
});

afterAll(async () => {
  await heddle.stop();
  folder.dispose();
});

const hasScript = process.platform === "linux" && existsSync("/usr/bin/script");

describe("heddle import", () => {
  it("shows what could be imported, and how, where nobody can be asked; and changes nothing", async () => {
    const { code, stdout } = await heddle.run(["import", "codex"]);
    assert.equal(code, 0);
    assert.match(stdout, /^3 sessions of codex could be imported:\n/);
    assert.match(stdout, /aaaa-1 +Weave a cloth +\S+cloth/);
    assert.notInclude(stdout, "\u001b");
    assert.match(stdout, /To import them: \S.* import codex --all, or name sessions\.\n$/);
    assert.match((await heddle.run(["thread", "list"])).stdout, /no threads/i);
  });

  it("takes in what is named by the beginning of its id, and says how to go on", async () => {
    const { code, stdout } = await heddle.run(["import", "codex", "bbbb"]);
    assert.equal(code, 0);
    assert.match(stdout, /^Imported 2 messages and 0 activities into 1 thread\.\n/);
    assert.match(stdout, /codex-bbbb-2 .*new, to read only/);
    assert.match(stdout, /! bbbb-2: Its folder \S+gone is not there \(any more\)/);
    assert.include(stdout, `Passed over ${fileOf("bbbb-2")}:3: It is no JSON.\n`);
    assert.match(stdout, /thread show codex-bbbb-2/);
    assert.match((await heddle.run(["thread", "show", "codex-bbbb-2"])).stdout, /Dye it[\s\S]*Dyed\./);
  });

  it.skipIf(!hasScript)("asks at a terminal which are wanted, until the answer is one", async () => {
    const asked = inTerminal(["import", "codex", "--data-dir", heddle.dataDir]);
    await asked.says("[none]");
    assert.match(asked.stdout, /2 sessions of codex could be imported:/);
    const number = /(\d)\s+aaaa-1/.exec(asked.stdout)?.[1] ?? "";
    asked.child.stdin?.write("7\n");
    await asked.says(/Give numbers between 1 and 2[^]*\[none\]/);
    asked.child.stdin?.write(`${number}\n`);
    const { code, stdout } = await asked.ended;
    assert.equal(code, 0);
    assert.match(stdout, /Imported.* 2 messages/);
    assert.match(
      (await heddle.run(["thread", "show", "codex-aaaa-1"])).stdout,
      /Weave a cloth[\s\S]*Woven\./,
    );
  });

  it.skipIf(!hasScript)("changes nothing where the answer is none", async () => {
    const asked = inTerminal(["import", "codex", "--data-dir", heddle.dataDir]);
    await asked.says("[none]");
    asked.child.stdin?.write("\n");
    const { code, stdout } = await asked.ended;
    assert.equal(code, 1);
    assert.include(stdout, "Nothing was changed.");
  });

  it("takes in all that is new or has grown with --all, and nothing twice", async () => {
    appendFileSync(fileOf("aaaa-1"), `${user("And another")}\n`);
    const report = await heddle.json(["import", "codex", "--all", "--archive"]);
    assert.deepEqual(
      report.threads.map(({ threadId, isNew, messages }: Record<string, unknown>) => [
        threadId,
        isNew,
        messages,
      ]),
      [
        ["codex-cccc-3", true, 2],
        ["codex-aaaa-1", false, 1],
      ],
    );
    assert.equal(report.threads[0].archive, join(heddle.dataDir, "imports", "codex", "cccc-3.jsonl.gz"));
    const { stdout } = await heddle.run(["import", "codex", "--all"]);
    assert.match(stdout, /^There is nothing new of codex in .*\n3 others: 3 imported\n$/);
  });

  it("says where it looked in vain, and what it does not understand", async () => {
    const { stdout } = await heddle.run(["import", "claude", "--dry-run"]);
    assert.equal(stdout, `There are no sessions of claude in ${join(env.CLAUDE_CONFIG_DIR, "projects")}\n`);
    const unknown = await heddle.run(["import", "codex", "zzzz"]);
    assert.equal(unknown.code, 1);
    assert.match(unknown.stderr, /There is no session zzzz in/);
    const both = await heddle.run(["import", "codex", "aaaa", "--all"]);
    assert.equal(both.code, 2);
    const since = await heddle.run(["import", "codex", "--since", "yesteryear"]);
    assert.equal(since.code, 2);
    assert.match(since.stderr, /--since yesteryear is no time/);
    const other = await heddle.run(["import", "cursor"]);
    assert.equal(other.code, 2);
  });

  it("works where no server runs", async () => {
    await heddle.stop();
    write("dddd-4", project, user("Fold it"), codex("Folded."));
    const { code, stdout } = await heddle.run(["import", "codex", "--all"], { env });
    assert.equal(code, 0);
    assert.match(stdout, /Imported 2 messages/);
  });
});
