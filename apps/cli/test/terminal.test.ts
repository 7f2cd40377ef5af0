/** Somebody sits at a terminal: questions are asked there, and things are said in colours. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Heddle, inTerminal, type Running, TemporaryFolder } from "./support.ts";

const hasScript = process.platform === "linux" && existsSync("/usr/bin/script");

describe.skipIf(!hasScript)("at a terminal", () => {
  let folder: TemporaryFolder;
  let heddle: Heddle;
  let threadId: string;

  beforeAll(async () => {
    folder = new TemporaryFolder();
    heddle = new Heddle(join(folder.path, "data"));
    await heddle.serve();
    await heddle.run(["project", "add", folder.path]);
    threadId = (await heddle.json(["thread", "new", "--title", "Asked"])).threadId;
  });
  afterAll(async () => {
    await heddle.stop("SIGKILL");
    folder.dispose();
  });

  const sit = (...args: ReadonlyArray<string>): Running =>
    inTerminal([...args, "--data-dir", heddle.dataDir]);
  const type = (running: Running, text: string): void => {
    running.child.stdin?.write(text);
  };

  it("approvals and questions are asked, one after the other", async () => {
    const sending = sit(
      "thread",
      "send",
      threadId,
      "[[write: a.txt | a]] [[ask: What name?]] [[shell: echo b > b.txt]]",
    );
    await sending.says(/Write a\.txt[^]*Allow\?/);
    type(sending, "what\n");
    await sending.says(/Allow\?[^]*Allow\?/);
    expect(existsSync(join(folder.path, "a.txt"))).toBe(false);
    type(sending, "y\n");
    await sending.says(/What name\?[^]*Answer:/);
    type(sending, "Bob\n");
    await sending.says(/You said: Bob[^]*echo b > b\.txt[^]*Allow\?/);
    type(sending, "n\n");
    const { code, stdout } = await sending.ended;
    expect(code).toBe(0);
    expect(stdout).toContain("\u001B[32m✓\u001B[0m Turn 1 completed");
    expect(readFileSync(join(folder.path, "a.txt"), "utf8")).toBe("a");
    expect(existsSync(join(folder.path, "b.txt"))).toBe(false);
  });

  it("a question that is answered elsewhere is not asked any longer", async () => {
    const sending = sit("thread", "send", threadId, "[[write: c.txt | c]] [[say: and on]]");
    await sending.says("Allow?");
    expect((await heddle.run(["thread", "approve", threadId])).code).toBe(0);
    const { code, stdout } = await sending.ended;
    expect(code).toBe(0);
    expect(stdout).toMatch(/→ accepted[^]*and on/);
  });

  it("what cannot be undone is asked about first", async () => {
    const refused = sit("thread", "revert", threadId, "0");
    await refused.says("[y/N]");
    type(refused, "\n");
    expect((await refused.ended).code).toBe(1);
    expect(existsSync(join(folder.path, "a.txt"))).toBe(true);
    const meant = sit("thread", "revert", threadId, "0");
    await meant.says("[y/N]");
    type(meant, "y\n");
    const { code, stdout } = await meant.ended;
    expect(code).toBe(0);
    expect(stdout).toContain("is where it was before the first turn");
    expect(existsSync(join(folder.path, "a.txt"))).toBe(false);
  });

  it("there are no colours where nobody wants them", async () => {
    const plain = inTerminal(["project", "list", "--data-dir", heddle.dataDir], { env: { NO_COLOR: "1" } });
    expect((await plain.ended).stdout).not.toContain("\u001B");
    const flag = sit("project", "list", "--no-color");
    expect((await flag.ended).stdout).not.toContain("\u001B");
  });
});
