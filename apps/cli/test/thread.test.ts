/** Work with threads, from the first prompt to what is undone: real processes, a real repository, the demo agent. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { gitRepository, Heddle, jsonLines, type Running, TemporaryFolder } from "./support.ts";

let folder: TemporaryFolder;
let heddle: Heddle;
let repository: string;
let projectId: string;

beforeAll(async () => {
  folder = new TemporaryFolder();
  repository = join(folder.path, "shop");
  mkdirSync(repository);
  gitRepository(repository);
  heddle = new Heddle(join(folder.path, "data"));
  await heddle.serve();
  ({ projectId } = await heddle.json(["project", "add", "."], { cwd: repository }));
});
afterAll(async () => {
  await heddle.stop("SIGKILL");
  folder.dispose();
});

const here = () => ({ cwd: repository });

/** A new thread, without a prompt. */
const newThread = async (...args: ReadonlyArray<string>): Promise<string> => {
  const { threadId } = await heddle.json(["thread", "new", "--title", "Some work", ...args], here());
  return threadId;
};

const path = (name: string): string => join(repository, name);

/** What no terminal is to be sent. */
const CONTROLS = /(?!\n)\p{Cc}|[\u202A-\u202E\u2066-\u2069]/u;

describe("a thread", () => {
  it("is begun with a prompt in the project of the folder, and the reply streams", async () => {
    const below = path("below");
    mkdirSync(below, { recursive: true });
    const { code, stdout, stderr } = await heddle.run(["thread", "new", "--send", "[[say: Good morning]]"], {
      cwd: below,
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(
      /^✓ Thread say-good-morning-\w{4} in shop-\w{4}, with demo\n\ndemo\n {2}Good morning\n✓ Turn 1 completed in .+ · no files changed\n\n$/,
    );
  });

  it("goes from prompt to diff to revert", async () => {
    const threadId = await newThread();
    const sent = await heddle.run([
      "thread",
      "send",
      threadId,
      "--yes",
      "[[say: On it.]] [[write: a.txt | hi\\nthere]] [[shell: cat a.txt]] [[say: Done.]]",
    ]);
    expect({ code: sent.code, stderr: sent.stderr }).toEqual({ code: 0, stderr: "" });
    const lines = sent.stdout.split("\n");
    expect(lines).toEqual([
      "demo",
      "  On it.",
      "  ▸ Write a.txt",
      "  ? Write a.txt  edit",
      "      + hi",
      "      + there",
      "    → accepted",
      "  ✓ Write a.txt",
      "  ▸ cat a.txt",
      "  ? cat a.txt  execute",
      "    → accepted",
      "  ✓ cat a.txt",
      "      hi",
      "      there",
      "  Done.",
      expect.stringMatching(/^✓ Turn 1 completed in .+ · 1 file changed, \+2 −0$/),
      "  A a.txt  +2",
      "",
      "",
    ]);
    expect(readFileSync(path("a.txt"), "utf8")).toBe("hi\nthere");

    await heddle.run(["thread", "send", threadId, "--yes", "[[write: readme.md | second]]"]);
    const last = await heddle.run(["thread", "diff", threadId]);
    expect(last).toMatchObject({ code: 0, stderr: "" });
    expect(last.stdout).toContain("-first\n+second\n");
    expect(last.stdout).not.toContain("a.txt");
    const both = await heddle.json(["thread", "diff", threadId, "0", "2"]);
    expect(both).toMatchObject({ threadId, fromTurnCount: 0, toTurnCount: 2 });
    expect(both.diff).toContain("+++ b/a.txt");
    const coloured = await heddle.run(["thread", "diff", threadId, "1", "--color"]);
    expect(coloured.stdout).toContain("\u001B[32m+hi\u001B[0m\n");
    expect((await heddle.run(["thread", "diff", threadId, "3"])).code).toBe(1);

    const unasked = await heddle.run(["thread", "revert", threadId, "0"]);
    expect(unasked.code).toBe(2);
    expect(unasked.stdout).toContain("A a.txt  +2");
    expect(unasked.stderr).toContain("--yes");
    expect(existsSync(path("a.txt"))).toBe(true);
    const reverted = await heddle.run(["thread", "revert", threadId, "0", "--yes"]);
    expect(reverted).toMatchObject({ code: 0, stderr: "" });
    expect(reverted.stdout).toContain(
      `✓ ${threadId} is where it was before the first turn; restored 2 files.\n`,
    );
    expect(existsSync(path("a.txt"))).toBe(false);
    expect(readFileSync(path("readme.md"), "utf8")).toBe("first\n");
    const { thread } = await heddle.json(["thread", "show", threadId]);
    expect(thread.turns).toEqual([]);
  });

  it("tells by its exit code how the turn ended", async () => {
    const threadId = await newThread();
    const failed = await heddle.run(["thread", "send", threadId, "[[fail: no way]]"]);
    expect(failed).toMatchObject({ code: 1, stderr: "" });
    expect(failed.stdout).toMatch(/^✗ Turn 1 failed after .+: no way/m);

    const json = await heddle.run(["thread", "send", threadId, "--json", "[[fail: no way]]"]);
    expect(json.code).toBe(1);
    expect(jsonLines(json.stdout).at(-1)).toMatchObject({
      kind: "result",
      threadId,
      status: "error",
      reason: "no way",
    });
    expect(JSON.parse(json.stderr)).toMatchObject({ error: "turn-failed", message: "no way" });

    const watching = heddle.start([
      "thread",
      "send",
      threadId,
      "[[say: begun]] [[slow: 60000]] [[say: never]]",
    ]);
    await watching.says("begun");
    const interrupted = await heddle.run(["thread", "interrupt", threadId]);
    expect(interrupted).toMatchObject({ code: 0, stderr: "" });
    expect(interrupted.stdout).toMatch(/^■ Turn 3 interrupted after /);
    const ended = await watching.ended;
    expect(ended).toMatchObject({ code: 1, stderr: "" });
    expect(ended.stdout).toMatch(/^■ Turn 3 interrupted after /m);
    expect((await heddle.run(["thread", "interrupt", threadId])).stderr).toContain("No turn is in progress.");
  });

  it("lists the prompts that wait, gives them another order, and takes one back", async () => {
    const threadId = await newThread();
    const slow = heddle.start(["thread", "send", threadId, "[[say: begun]] [[ask: Go on?]]"]);
    await slow.says("begun");
    expect((await heddle.run(["thread", "queue", "list", threadId])).stdout).toBe("No prompt waits.\n");
    const senders = [];
    for (const word of ["one", "two", "three"]) {
      const sender = heddle.start(["thread", "send", threadId, "--queue", `[[say: ${word}]]`]);
      await sender.says("Queued");
      senders.push(sender);
    }
    const texts = async () =>
      (await heddle.json(["thread", "queue", "list", threadId])).map(({ text }: { text: string }) => text);
    expect(await texts()).toEqual(["[[say: one]]", "[[say: two]]", "[[say: three]]"]);
    const moved = await heddle.run(["thread", "queue", "move", threadId, "3", "1"]);
    expect(moved).toMatchObject({ code: 0, stderr: "" });
    expect(moved.stdout).toMatch(/^1 +\[\[say: three\]\]/m);
    const withdrawn = await heddle.run(["thread", "queue", "withdraw", threadId, "2"]);
    expect(withdrawn.stdout).toBe("✓ Withdrawn: [[say: one]]\n");
    expect(await texts()).toEqual(["[[say: three]]", "[[say: two]]"]);
    const nobody = await heddle.run(["thread", "queue", "move", threadId, "3", "1"]);
    expect(nobody.code).toBe(1);
    expect(nobody.stderr).toContain("There is no place 3: 2 wait.");
    await heddle.run(["thread", "stop", threadId]);
    for (const sender of [slow, ...senders]) expect((await sender.ended).code).toBe(1);
  });

  it("takes a prompt from stdin, and one behind the turn that runs", async () => {
    const threadId = await newThread();
    const slow = heddle.start(["thread", "send", threadId, "-"], {
      input: "[[say: first]] [[plan: ask]] [[ask: Go on?]]\n",
    });
    await slow.says("first");
    const refused = await heddle.run(["thread", "send", threadId, "[[say: second]]"]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain("A turn is in progress in this thread.");
    expect(refused.stderr).toContain("--queue");
    const queued = heddle.start(["thread", "send", threadId, "--queue", "[[say: second]]"]);
    await queued.says("Queued");
    expect((await heddle.run(["thread", "list"], here())).stdout).toMatch(
      new RegExp(`${threadId} .* asks you `),
    );
    expect((await heddle.run(["thread", "answer", threadId, "yes", "please"])).stdout).toBe(
      "✓ Answered: yes please\n",
    );
    expect((await slow.ended).stdout).toContain("You said: yes please");
    const ended = await queued.ended;
    expect(ended.code).toBe(0);
    expect(ended.stdout).toMatch(/ {2}second\n✓ Turn 2 completed/);
  });

  it("waits for approvals that are given elsewhere, and says how to give them", async () => {
    const threadId = await newThread();
    const waiting = heddle.start([
      "thread",
      "send",
      threadId,
      "[[write: b.txt | b]] [[shell: echo c > c.txt]]",
    ]);
    const said = await waiting.says(/thread approve \S+ \S+ \(/);
    const [, named = "", request = ""] = /thread approve (\S+) (\S+) \(/.exec(said) ?? [];
    expect(named).toBe(threadId);
    expect(existsSync(path("b.txt"))).toBe(false);
    expect((await heddle.json(["status"])).waitingApprovals).toBe(1);
    expect((await heddle.run(["thread", "show", threadId])).stdout).toMatch(
      /Waiting\n {2}\? Write b\.txt {2}edit\n {6}\+ b\n {6}heddle --data-dir \S+ thread approve /,
    );
    const accepted = await heddle.run(["thread", "approve", threadId, request]);
    expect(accepted).toEqual({ code: 0, stdout: "✓ Accepted: Write b.txt\n", stderr: "" });
    await waiting.says("? echo c > c.txt  execute");
    expect((await heddle.run(["thread", "approve", threadId, "--decline"])).stdout).toContain(
      "✓ Declined: echo c",
    );
    expect((await waiting.ended).code).toBe(0);
    expect(readFileSync(path("b.txt"), "utf8")).toBe("b");
    expect(existsSync(path("c.txt"))).toBe(false);
    const late = await heddle.run(["thread", "approve", threadId]);
    expect(late).toMatchObject({ code: 1, stderr: `Error: No approval is open in ${threadId}.\n` });
  });

  it("asks nothing in full access, and goes on without who watches", async () => {
    const threadId = await newThread();
    expect((await heddle.run(["thread", "mode", threadId, "full-access"])).code).toBe(0);
    const sent = await heddle.json([
      "thread",
      "send",
      threadId,
      "--no-watch",
      "[[shell: echo d > d.txt]] [[say: it is done]]",
    ]);
    expect(sent).toMatchObject({ threadId, sequence: expect.any(Number) });
    const watching = heddle.start(["thread", "watch", threadId]);
    await watching.says(/✓ Turn 1 completed/);
    expect(watching.stdout).toContain("it is done");
    expect(readFileSync(path("d.txt"), "utf8")).toBe("d\n");
    watching.child.kill("SIGINT");
    const ended = await watching.ended;
    expect(ended.code).toBe(0);
    expect(ended.stdout).toContain("No longer watching");
  });

  it("goes on when who sent the prompt leaves", async () => {
    const threadId = await newThread();
    const leaving: Running = heddle.start([
      "thread",
      "send",
      threadId,
      "[[say: begun]] [[ask: And?]] [[say: still here]]",
    ]);
    await leaving.says(/Answer with: .* thread answer/);
    leaving.child.kill("SIGINT");
    const left = await leaving.ended;
    expect(left.code).toBe(130);
    expect(left.stdout).toContain("the agent goes on");
    await heddle.run(["thread", "answer", threadId, "on"]);
    const watching = heddle.start(["thread", "watch", threadId]);
    await watching.says("still here");
    watching.child.kill("SIGTERM");
    await watching.ended;
  });

  it("can be renamed, forked, stopped, archived, taken back and deleted", async () => {
    const threadId = await newThread();
    await heddle.run(["thread", "send", threadId, "[[say: the first turn]]"]);
    const prefix = threadId.slice(0, -1);
    expect((await heddle.run(["thread", "rename", prefix, "Another", "name"])).stdout).toContain(
      "“Another name”",
    );
    const forked = await heddle.json(["thread", "fork", threadId, "--turn", "1"]);
    expect(forked).toMatchObject({ forkedFrom: { threadId, turnCount: 1 } });
    expect(forked.threadId).toMatch(/^another-name-\w{4}$/);
    expect((await heddle.run(["thread", "stop", threadId])).stdout).toContain("was stopped");
    expect((await heddle.run(["thread", "stop", threadId])).code).toBe(1);

    expect((await heddle.run(["thread", "archive", threadId])).code).toBe(0);
    const archived = await heddle.run(["thread", "send", threadId, "hello"]);
    expect(archived).toMatchObject({ code: 1, stderr: expect.stringContaining("--undo") });
    const listed = async (...args: ReadonlyArray<string>): Promise<ReadonlyArray<string>> =>
      (await heddle.json(["thread", "list", ...args])).map((thread: { threadId: string }) => thread.threadId);
    expect(await listed()).not.toContain(threadId);
    expect(await listed("--all", "--project", projectId)).toContain(threadId);
    expect((await heddle.run(["thread", "archive", threadId, "--undo"])).code).toBe(0);
    expect(await listed()).toContain(threadId);

    expect((await heddle.run(["thread", "delete", threadId])).code).toBe(2);
    expect((await heddle.run(["thread", "delete", threadId, "--yes"])).code).toBe(0);
    const gone = await heddle.run(["thread", "show", threadId]);
    expect(gone).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`There is no thread ${threadId}.`),
    });
  });
});

describe("a thread with a worktree", () => {
  it("says why there is none, and then where it is", async () => {
    const bare = join(folder.path, "repository");
    mkdirSync(bare);
    const project = await heddle.json(["project", "add", bare]);
    const begin = ["thread", "new", "--project", project.projectId, "--title", "Try it", "--worktree"];
    const { threadId } = await heddle.json(begin);
    const send = ["thread", "send", threadId, "--yes", "[[write: new.txt | new]]"];
    expect(await heddle.run(send)).toMatchObject({
      code: 1,
      stdout: expect.stringContaining("is in no git repository"),
    });
    expect((await heddle.run(["thread", "show", threadId])).stdout).toContain("no worktree: ");

    gitRepository(bare);
    expect((await heddle.run(send)).code).toBe(0);
    const { stdout } = await heddle.run(["thread", "show", threadId]);
    expect(stdout).toMatch(/branch heddle\/try-it-\w{4} · in \S+\/worktrees\/\S+\/repository/);
    expect((await heddle.run(["events", "list", "--thread", threadId])).stdout).toContain(
      "thread.worktree-made",
    );
    expect((await heddle.run([...begin, "--in", "."])).code).toBe(2);
    expect((await heddle.run(["thread", "new", "--from", "main"], here())).code).toBe(2);
    expect((await heddle.run(["project", "remove", project.projectId, "--yes"])).code).toBe(0);
  });
});

describe("what an agent says", () => {
  it("never drives the terminal, live or later, but is kept as it was", async () => {
    const ESC = "\u001B";
    const bad = `${ESC}[2J${ESC}]0;owned\u0007${ESC}[31mred\u009B1m\u202Eevil\u0085`;
    const name = `e${ESC}[31mvil`;
    const threadId = await newThread("--mode", "full-access");
    await heddle.run(["thread", "rename", threadId, `A ${bad} title`]);
    const prompt = `[[say: so: ${bad} end]] [[think: ${bad}]] [[plan: ${bad}]] [[write: ${name} | ${bad}]] [[shell: printf '${bad}\\n']] [[fail: ${bad}]]`;
    const outputs = [
      await heddle.run(["thread", "send", threadId, prompt]),
      await heddle.run(["thread", "show", threadId]),
      await heddle.run(["thread", "list"]),
      await heddle.run(["project", "show", projectId]),
      await heddle.run(["thread", "diff", threadId]),
      await heddle.run(["events", "list", "--thread", threadId]),
    ];
    for (const { stdout, stderr } of outputs) {
      expect(stdout).not.toBe("");
      expect(stdout).not.toMatch(CONTROLS);
      expect(stderr).not.toMatch(CONTROLS);
    }
    expect(outputs[0]?.stdout).toContain("so: redevil end");
    expect(outputs[4]?.stdout).toContain("^[[2J");
    const json = await heddle.run(["thread", "show", threadId, "--json"]);
    expect(json.stdout).not.toMatch(CONTROLS);
    expect(JSON.stringify(JSON.parse(json.stdout))).toContain(JSON.stringify(bad).slice(1, -1));
  });
});

describe("a project", () => {
  it("is a folder, which is said with its readable id and what to do next", async () => {
    const added = join(folder.path, "added");
    mkdirSync(added);
    const { code, stdout } = await heddle.run(["project", "add", "."], { cwd: added });
    expect(code).toBe(0);
    const id = /^✓ Project (added-\w{4}) is/.exec(stdout)?.[1] ?? "";
    expect(stdout).toContain(`Project ${id} is ${added}\n`);
    expect(stdout).toContain(`heddle --data-dir ${heddle.dataDir} thread new --project ${id} --send "hello"`);
    await heddle.run(["project", "remove", id, "--yes"]);
  });

  it("is found by the beginning of its id, and refused twice for one folder", async () => {
    expect(await heddle.json(["project", "show", "shop"])).toMatchObject({
      projectId,
      workspaceRoot: repository,
    });
    expect((await heddle.run(["project", "list"])).stdout).toMatch(
      new RegExp(`^${projectId} +shop +\\d+ +– +${repository}$`, "m"),
    );
    const twice = await heddle.run(["project", "add", repository]);
    expect(twice).toMatchObject({
      code: 1,
      stderr: `Error: ${repository} is project ${projectId} already.\n`,
    });
    expect((await heddle.run(["project", "show", "nothing"])).stderr).toContain(
      "There is no project nothing.",
    );
    expect((await heddle.run(["project", "add", path("readme.md")])).stderr).toContain("is not a folder");
  });

  it("is asked for where several could be meant, and goes with its threads", async () => {
    const other = join(folder.path, "other");
    mkdirSync(other);
    const added = await heddle.json(["project", "add", other, "--title", "The other", "--model", "demo"]);
    expect(added.projectId).toMatch(/^the-other-\w{4}$/);
    const lost = await heddle.run(["thread", "new"], { cwd: folder.path });
    expect(lost.code).toBe(2);
    expect(lost.stderr).toContain(projectId);
    expect(lost.stderr).toContain(added.projectId);
    const { threadId } = await heddle.json(["thread", "new", "--project", "the-other"]);
    writeFileSync(join(other, "kept.txt"), "kept");
    expect((await heddle.run(["project", "remove", "the-other"])).code).toBe(2);
    expect((await heddle.run(["project", "remove", "the-other", "--yes"])).code).toBe(0);
    expect((await heddle.run(["project", "show", "the-other"])).code).toBe(1);
    expect((await heddle.run(["thread", "send", threadId, "hello"])).code).toBe(1);
    expect(existsSync(join(other, "kept.txt"))).toBe(true);
  });
});
