/** Threads as they stood: real processes, a real server, the demo agent. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { gitRepository, Heddle, TemporaryFolder } from "./support.ts";

let folder: TemporaryFolder;
let heddle: Heddle;
let threadId: string;
/** What `thread show --json` gave at the time. */
// oxlint-disable-next-line typescript/no-explicit-any -- what a program prints has no type here, on purpose
const shown: Array<any> = [];

const look = async () => {
  shown.push(await heddle.json(["thread", "show", threadId]));
};

beforeAll(async () => {
  folder = new TemporaryFolder();
  const repository = join(folder.path, "shop");
  mkdirSync(repository);
  gitRepository(repository);
  heddle = new Heddle(join(folder.path, "data"));
  await heddle.serve();
  await heddle.json(["project", "add", "."], { cwd: repository });
  ({ threadId } = await heddle.json(["thread", "new", "--title", "First title"], { cwd: repository }));
  await look();
  await heddle.run(["thread", "send", threadId, "--yes", "[[say: One.]] [[write: a.txt | a]]"]);
  await look();
  await heddle.run(["thread", "send", threadId, "--yes", "[[say: Two\u001B[2J.]]"]);
  await look();
  await heddle.run(["thread", "rename", threadId, "Second", "title"]);
  await look();
  await heddle.run(["thread", "revert", threadId, "1", "--yes"]);
  await look();
}, 120_000);
afterAll(async () => {
  await heddle.stop("SIGKILL");
  folder.dispose();
});

const sequenceAt = (index: number): string => String(shown[index]?.snapshotSequence);

describe("thread show --at", () => {
  it("shows a thread as it was shown at the time", async () => {
    for (const [index, snapshot] of shown.entries()) {
      const then = await heddle.json(["thread", "show", threadId, "--at", sequenceAt(index)]);
      expect(then, `after ${sequenceAt(index)}`).toEqual(snapshot);
    }
    expect(shown.map(({ thread }) => thread.turns.length)).toEqual([0, 1, 2, 2, 1]);
    expect(await heddle.json(["thread", "show", threadId, "--at", "999999999"])).toEqual(shown.at(-1));
  });

  it("says first at which event and time that is, and takes the beginning of an id", async () => {
    const { code, stdout } = await heddle.run([
      "thread",
      "show",
      threadId.slice(0, -1),
      "--at",
      sequenceAt(2),
    ]);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      new RegExp(
        `^As it stood at event ${sequenceAt(2)} \\(\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d\\)\n\nFirst title`,
      ),
    );
    expect(stdout).toContain("Two.");
    expect(stdout).not.toContain("\u001B");
  });

  it("takes a time, or how long ago", async () => {
    const now = new Date().toISOString();
    expect(await heddle.json(["thread", "show", threadId, "--at", now])).toEqual(shown.at(-1));
    const before = await heddle.run(["thread", "show", threadId, "--at", "3d"]);
    expect(before).toMatchObject({ code: 1, stderr: expect.stringContaining("did not exist yet") });
    const wrong = await heddle.run(["thread", "show", threadId, "--at", "yesterday"]);
    expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining("yesterday is no moment") });
  });
});

describe("thread changes", () => {
  it("tells what came, what changed, and what a revert took away", async () => {
    const { code, stdout } = await heddle.run(["thread", "changes", threadId, sequenceAt(1)]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Between event \d+ \(.+\) and event \d+ \(.+\)\n\n/);
    expect(stdout).toContain("Thread\n  title: First title → Second title\n");
    const gone = await heddle.run(["thread", "changes", threadId, sequenceAt(2), sequenceAt(4)]);
    expect(gone.stdout).toMatch(/Turns\n {2}− turn:/);
    expect(gone.stdout).toMatch(/Messages\n {2}− .+\n {2}− /);
    expect((await heddle.run(["thread", "changes", threadId, sequenceAt(4)])).stdout).toContain(
      "Nothing differs.",
    );
    const added = await heddle.run(["thread", "changes", threadId, sequenceAt(1), sequenceAt(2)]);
    expect(added.stdout).toMatch(/Turns\n {2}\+ turn 2, completed/);
    expect(added.stdout).not.toContain("\u001B");
    const json = await heddle.json(["thread", "changes", threadId, sequenceAt(1), sequenceAt(2)]);
    expect(json.turns.added).toEqual(shown[2].thread.turns.slice(1));
  });

  it("is refused where it goes backwards", async () => {
    const { code, stderr } = await heddle.run(["thread", "changes", threadId, sequenceAt(2), "1"]);
    expect(code).toBe(1);
    expect(stderr).toContain("is behind the second");
  });
});

describe("a thread that is deleted", () => {
  it("can still be seen as it was before", async () => {
    await heddle.run(["thread", "delete", threadId, "--yes"]);
    expect(await heddle.json(["thread", "show", threadId, "--at", sequenceAt(3)])).toEqual(shown[3]);
    const now = await heddle.run(["thread", "show", threadId, "--at", "999999999"]);
    expect(now).toMatchObject({ code: 1, stderr: expect.stringContaining("was deleted already") });
  });
});
