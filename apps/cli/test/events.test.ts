/** The log, read from the command line. */
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Heddle, jsonLines, TemporaryFolder } from "./support.ts";

let folder: TemporaryFolder;
let heddle: Heddle;
let threadId: string;

beforeAll(async () => {
  folder = new TemporaryFolder();
  heddle = new Heddle(join(folder.path, "data"));
  await heddle.serve();
  await heddle.run(["project", "add", folder.path]);
  threadId = (await heddle.json(["thread", "new", "--title", "Watched"])).threadId;
  await heddle.run(["thread", "send", threadId, "[[say: hello]]"]);
});
afterAll(async () => {
  await heddle.stop("SIGKILL");
  folder.dispose();
});

describe("heddle events", () => {
  it("lists the last events, those after a sequence, and those of a thread", async () => {
    const { headSequence } = await heddle.json(["status"]);
    const all = await heddle.json(["events", "list"]);
    expect(all.map((event: { sequence: number }) => event.sequence)).toEqual(
      Array.from({ length: headSequence }, (_, index) => index + 1),
    );
    expect(await heddle.json(["events", "list", "--limit", "2"])).toEqual(all.slice(-2));
    expect(await heddle.json(["events", "list", "--from", "1", "-n", "3"])).toEqual(all.slice(1, 4));
    const mine = all.filter((event: { streamId: string }) => event.streamId === threadId);
    expect(await heddle.json(["events", "list", "--thread", "watched"])).toEqual(mine);
    expect(await heddle.json(["events", "list", "--thread", threadId, "-n", "2"])).toEqual(mine.slice(-2));
    expect(await heddle.json(["events", "list", "--thread", threadId, "--from", "0", "-n", "2"])).toEqual(
      mine.slice(0, 2),
    );
    const human = await heddle.run(["events", "list", "-n", "3", "--from", "0"]);
    const lines = human.stdout.trimEnd().split("\n");
    expect(lines).toHaveLength(3);
    expect(lines[0]).toMatch(
      /^1 {2}\d\d-\d\d \d\d:\d\d:\d\d {2}project\.created +heddle-cli-\S+ {2}heddle-cli-/,
    );
  });

  it("shows an event whole", async () => {
    const json = await heddle.json(["events", "show", "2"]);
    expect(json).toMatchObject({
      sequence: 2,
      eventType: "thread.created",
      streamId: threadId,
      streamVersion: 1,
    });
    const { stdout } = await heddle.run(["events", "show", "2"]);
    expect(stdout).toMatch(/^thread\.created\nsequence +2\n/);
    expect(stdout).toContain('"title": "Watched"');
    const missing = await heddle.run(["events", "show", "100000"]);
    expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining("There is no event 100000") });
  });

  it("lists the events that cannot be read with the reason, and says so of one of them", async () => {
    const none = await heddle.run(["events", "quarantine"]);
    expect(none.stdout).toBe("Every event that was met could be read.\n");
    const doomed = (await heddle.json(["thread", "new", "--title", "Doomed"])).threadId;
    const { headSequence } = await heddle.json(["status"]);
    await heddle.stop();
    const database = new DatabaseSync(join(folder.path, "data", "heddle.db"));
    database.exec(`UPDATE orchestration_events SET event_version = 7 WHERE sequence = ${headSequence}`);
    database.close();
    await heddle.serve();

    const refused = await heddle.run(["thread", "rename", doomed, "later"]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(`Event ${headSequence} (thread.created, version 7) cannot be read`);
    const { stdout } = await heddle.run(["events", "quarantine"]);
    expect(stdout).toContain(
      `${headSequence}  thread.created version 7  ${doomed}\n    a newer Heddle wrote it; this one knows its type up to version 1\n`,
    );
    expect(stdout).toContain("1 in all.");
    expect(await heddle.json(["events", "quarantine"])).toMatchObject({
      total: 1,
      events: [{ sequence: headSequence, eventVersion: 7 }],
      nextFromSequenceExclusive: null,
    });
    const shown = await heddle.run(["events", "show", String(headSequence)]);
    expect(shown.code).toBe(1);
    expect(shown.stderr).toContain("cannot be read: a newer Heddle wrote it");
    // The other threads go on.
    expect((await heddle.run(["thread", "rename", threadId, "meanwhile"])).code).toBe(0);

    await heddle.stop();
    const mended = new DatabaseSync(join(folder.path, "data", "heddle.db"));
    mended.exec(`UPDATE orchestration_events SET event_version = 1 WHERE sequence = ${headSequence}`);
    mended.close();
    await heddle.serve();
    expect((await heddle.run(["thread", "rename", doomed, "alive"])).code).toBe(0);
  });

  it("follows them over a server that stops and comes back elsewhere, each once", async () => {
    const following = heddle.start(["events", "tail", "--from", "0", "--json"]);
    await following.says('"synchronized"');
    await heddle.run(["thread", "rename", threadId, "before"]);
    await following.says('"before"');
    await heddle.stop();
    await heddle.serve();
    await heddle.run(["thread", "rename", threadId, "after"]);
    await following.says('"after"');
    following.child.kill("SIGINT");
    const { code, stdout } = await following.ended;
    expect(code).toBe(0);
    const sequences = jsonLines(stdout)
      .filter(({ kind }) => kind === "event")
      .map(({ event }) => event.sequence);
    expect(sequences).toEqual(Array.from({ length: sequences.length }, (_, index) => index + 1));
  });

  it("ends without a word when nobody reads any more", async () => {
    const following = heddle.start(["events", "tail", "--from", "0", "--thread", threadId]);
    await following.says("thread.created");
    following.child.stdout?.destroy();
    await heddle.run(["thread", "rename", threadId, "unread"]);
    const { code, stderr } = await following.ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  });
});
