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

const sequences = (events: ReadonlyArray<{ readonly sequence: number }>) =>
  events.map(({ sequence }) => sequence);

describe("heddle events", () => {
  it("lists the last events, those from a sequence on, and those of a thread", async () => {
    const { headSequence } = await heddle.json(["status"]);
    const all = await heddle.json(["events", "list"]);
    expect(sequences(all)).toEqual(Array.from({ length: headSequence }, (_, index) => index + 1));
    expect(await heddle.json(["events", "list", "--limit", "2"])).toEqual(all.slice(-2));
    expect(await heddle.json(["events", "list", "--from", "2", "-n", "3"])).toEqual(all.slice(1, 4));
    expect(await heddle.json(["events", "list", "--oldest", "-n", "2"])).toEqual(all.slice(0, 2));
    const mine = all.filter((event: { streamId: string }) => event.streamId === threadId);
    expect(await heddle.json(["events", "list", "--thread", "watched"])).toEqual(mine);
    expect(await heddle.json(["events", "list", "--thread", threadId, "-n", "2"])).toEqual(mine.slice(-2));
    const human = await heddle.run(["events", "list", "-n", "3", "--from", "0"]);
    const lines = human.stdout.trimEnd().split("\n");
    expect(lines).toHaveLength(3);
    expect(lines[0]).toMatch(
      /^1 {2}\d\d-\d\d \d\d:\d\d:\d\d {2}project\.created +heddle-cli-\S+ {2}heddle-cli-/,
    );
    const none = await heddle.run(["events", "list", "--text", "quokka"]);
    expect(none.stdout).toBe("There are no events there.\n");
  });

  it("lists the events that fit all that is given", async () => {
    const all = await heddle.json(["events", "list"]);
    const turns = await heddle.json(["events", "list", "--type", "thread.turn-*", "--actor", "server"]);
    expect(turns).toEqual(
      all.filter(
        ({ eventType, actorKind }: { eventType: string; actorKind: string }) =>
          eventType.startsWith("thread.turn-") && actorKind === "server",
      ),
    );
    expect(turns).not.toEqual([]);
    const { projectId } = all[0].payload;
    expect(await heddle.json(["events", "list", "--project", projectId, "--since", "1h"])).toEqual(all);
    expect(await heddle.json(["events", "list", "--until", "2020-01-01"])).toEqual([]);
    const said = await heddle.json(["events", "list", "--text", "SAY: Hello", "--to", "5"]);
    expect(sequences(said)).toEqual([3]);
    expect(await heddle.json(["events", "list", "--command", said[0].commandId])).toEqual(
      all.filter(({ commandId }: { commandId: string }) => commandId === said[0].commandId),
    );
    expect(
      await heddle.json(["events", "list", "--stream", `project:${projectId}`, "--type", "project.created"]),
    ).toEqual(all.slice(0, 1));
  });

  it("says what is wrong with a filter, and what to give", async () => {
    const failing = async (...args: ReadonlyArray<string>) => {
      const { code, stderr } = await heddle.run(["events", "list", ...args]);
      return { code, stderr };
    };
    expect(await failing("--since", "yesterday")).toEqual({
      code: 2,
      stderr: expect.stringContaining("--since yesterday is no time.\nGive how long ago (30s, 15m"),
    });
    expect(await failing("--stream", "t1")).toEqual({
      code: 2,
      stderr: expect.stringContaining("--stream t1 is no stream."),
    });
    expect(await failing("--oldest", "--newest")).toMatchObject({ code: 2 });
    expect(await failing("--thread", "no-such")).toEqual({
      code: 1,
      stderr: expect.stringContaining("A deleted thread needs its whole id."),
    });
  });

  it("finds the events of a deleted thread by its id", async () => {
    const { threadId: doomed } = await heddle.json(["thread", "new", "--title", "Deleted"]);
    await heddle.run(["thread", "delete", doomed, "--yes"]);
    const events = await heddle.json(["events", "list", "--thread", doomed]);
    expect(events.map(({ eventType }: { eventType: string }) => eventType)).toEqual([
      "thread.created",
      "thread.deleted",
    ]);
  });

  it("shows an event whole, with its receipt and what it asked for", async () => {
    const json = await heddle.json(["events", "show", "2"]);
    expect(json).toMatchObject({
      event: { sequence: 2, eventType: "thread.created", streamId: threadId, streamVersion: 1 },
      receipt: { status: "accepted", resultSequence: 2 },
      effects: [],
      blobs: [],
    });
    expect(await heddle.json(["events", "show", json.event.eventId])).toEqual(json);
    const { stdout } = await heddle.run(["events", "show", "2"]);
    expect(stdout).toMatch(/^thread\.created\nsequence +2\n/);
    expect(stdout).toMatch(/^ {2}title +Watched$/m);
    expect(stdout).toMatch(/^Receipt\n {2}accepted at /m);
    const asking = await heddle.run(["events", "show", "4"]);
    expect(asking.stdout).toMatch(/^Effects\n {2}turn\.start done: started/m);
    const missing = await heddle.run(["events", "show", "100000"]);
    expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining("There is no event 100000") });
  });

  it("draws what an event came from and what came of it", async () => {
    const [completed] = await heddle.json(["events", "list", "--type", "thread.turn-completed"]);
    const { stdout } = await heddle.run(["events", "chain", String(completed.sequence)]);
    const lines = stdout.trimEnd().split("\n");
    expect(lines[0]).toMatch(/^› +0 ms +client +command cli-\S+ {2}accepted$/);
    expect(lines[1]).toMatch(/^› +3 +0 ms +client +└ message-sent {2}user: \[\[say: hello]]$/);
    expect(lines[2]).toMatch(/^› +4 +\d+ ms +client +└ turn-start-requested$/);
    expect(stdout).toMatch(/^ +\d+ ms +server +├ effect {2}turn\.start done: started$/m);
    expect(stdout).toMatch(/^› +\d+ .+ server +[├└] turn-started {2}turn 1$/m);
    expect(stdout).toMatch(/^▶ +\d+ .+ provider +(│ |  )[├└] turn-completed {2}completed$/m);
    expect(stdout).toMatch(/turn-diff-completed {2}turn 1: no files changed$/m);
    const byCommand = await heddle.json(["events", "chain", completed.correlationId]);
    expect(byCommand).toMatchObject({ correlationId: completed.correlationId, leftOut: null });
    const byEvent = await heddle.json(["events", "chain", completed.eventId]);
    expect(byEvent.nodes.find(({ asked }: { asked: boolean }) => asked).sequence).toBe(completed.sequence);
    const short = await heddle.run(["events", "chain", completed.correlationId, "-n", "2"]);
    expect(short.stdout).toMatch(
      /… \d+ events more between 3 and \d+: heddle .*events chain cli-\S+ --after 3$/m,
    );
    const missing = await heddle.run(["events", "chain", "no-such"]);
    expect(missing).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("There is no command no-such"),
    });
  });

  it("shows a command that was refused", async () => {
    const { threadId: mine } = await heddle.json(["thread", "new", "--title", "Refused"]);
    const asleep = await heddle.run(["thread", "interrupt", mine]);
    expect(asleep.code).toBe(1);
    await heddle.stop();
    const database = new DatabaseSync(join(folder.path, "data", "heddle.db"));
    const row = database
      .prepare("SELECT command_id FROM orchestration_command_receipts WHERE status = 'rejected'")
      .get();
    database.close();
    await heddle.serve();
    const { stdout } = await heddle.run(["events", "chain", String(row?.["command_id"])]);
    expect(stdout).toMatch(
      /^▶ +0 ms +client +command refused: no-turn-in-progress {2}cli-\S+\nIt gave no events\.\n$/,
    );
  });

  it("says what takes the space", async () => {
    const stats = await heddle.json(["events", "stats"]);
    expect(stats.events).toBe(stats.headSequence);
    const { stdout } = await heddle.run(["events", "stats"]);
    expect(stdout).toMatch(/^\d+ events; payloads of [\d.]+ KiB\n/);
    expect(stdout).toMatch(/^orchestration_events +\d+ +[\d.]+ KiB/m);
    expect(stdout).toMatch(/^thread\.created +\d+ +\d+ bytes|^thread\.created +\d+ +[\d.]+ KiB/m);
    expect(stdout).toMatch(new RegExp(`^${threadId} +thread`, "m"));
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
    expect(shown.stdout).toContain("It cannot be read: a newer Heddle wrote it");
    expect(shown.stdout).toContain('"title":"Doomed"');
    const listed = await heddle.run(["events", "list", "-n", "1", "--thread", doomed]);
    expect(listed.stdout).toMatch(/thread\.created +\S+ +cannot be read: a newer Heddle/);
    // The other threads go on.
    expect((await heddle.run(["thread", "rename", threadId, "meanwhile"])).code).toBe(0);

    await heddle.stop();
    const mended = new DatabaseSync(join(folder.path, "data", "heddle.db"));
    mended.exec(`UPDATE orchestration_events SET event_version = 1 WHERE sequence = ${headSequence}`);
    mended.close();
    await heddle.serve();
    expect((await heddle.run(["thread", "rename", doomed, "alive"])).code).toBe(0);
  });

  it("prints the last that fit, and ends", async () => {
    const all = await heddle.json(["events", "list", "-n", "1000"]);
    const tail = await heddle.run(["events", "tail", "--json"]);
    expect(tail.code).toBe(0);
    expect(jsonLines(tail.stdout).map(({ event }) => event)).toEqual(all.slice(-10));
    const two = await heddle.run(["events", "tail", "-n", "2", "--type", "thread.created", "--json"]);
    expect(jsonLines(two.stdout).map(({ event }) => event)).toEqual(
      all.filter(({ eventType }: { eventType: string }) => eventType === "thread.created").slice(-2),
    );
    expect(await heddle.run(["events", "tail", "-n", "0"])).toMatchObject({ code: 0, stdout: "" });
  });

  it("follows them over a server that stops and comes back elsewhere, each once", async () => {
    const following = heddle.start(["events", "tail", "-f", "-n", "100000", "--json"]);
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
    const followed = jsonLines(stdout)
      .filter(({ kind }) => kind === "event")
      .map(({ event }) => event.sequence);
    expect(followed).toEqual(Array.from({ length: followed.length }, (_, index) => index + 1));
  });

  it("follows only what fits, also a thread that is new in its project", async () => {
    const [{ payload }] = await heddle.json(["events", "list", "--oldest", "-n", "1"]);
    const filters = ["--project", payload.projectId, "--type", "thread.created", "--type", "thread.meta-*"];
    const following = heddle.start(["events", "tail", "-f", "-n", "0", "--json", ...filters]);
    await following.says('"synchronized"');
    const { threadId: fresh } = await heddle.json(["thread", "new", "--title", "New here"]);
    await heddle.run(["thread", "archive", fresh]);
    await heddle.run(["thread", "rename", fresh, "renamed"]);
    await following.says('"renamed"');
    following.child.kill("SIGINT");
    const { stdout } = await following.ended;
    const events = jsonLines(stdout).filter(({ kind }) => kind === "event");
    expect(events.map(({ event }) => [event.streamId, event.eventType])).toEqual([
      [fresh, "thread.created"],
      [fresh, "thread.meta-updated"],
    ]);
  });

  it("lets nothing that an agent said act on the terminal", async () => {
    const { threadId: sly } = await heddle.json(["thread", "new", "--title", "Sly"]);
    await heddle.run(["thread", "send", sly, "[[say: red \u001B[31mred\u0007 \u202Eback]]"]);
    const [said] = await heddle.json([
      "events",
      "list",
      "--thread",
      sly,
      "--actor",
      "provider",
      "--text",
      "red",
    ]);
    for (const args of [
      ["list", "--thread", sly],
      ["show", String(said.sequence)],
      ["chain", String(said.sequence)],
    ]) {
      const { stdout } = await heddle.run(["events", ...args]);
      expect(stdout).toContain("red");
      // oxlint-disable-next-line no-control-regex -- what must not be there
      expect(stdout).not.toMatch(/[\u0000-\u0009\u000B-\u001F\u007F-\u009F\u202E]/);
    }
  });

  it("ends without a word when nobody reads any more", async () => {
    const following = heddle.start(["events", "tail", "-f", "--thread", threadId]);
    await following.says("thread.");
    following.child.stdout?.destroy();
    await heddle.run(["thread", "rename", threadId, "unread"]);
    const { code, stderr } = await following.ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  });
});
