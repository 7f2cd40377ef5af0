/** The database, from the command line. */
import { chmodSync, copyFileSync, existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  createProject,
  createThread,
  fill,
  hashOf,
  Load,
  look,
  rename,
  Sender,
  settled,
} from "./retention.ts";
import { Heddle, jsonLines, TemporaryFolder } from "./support.ts";

let folder: TemporaryFolder;
let heddle: Heddle;
let sender: Sender;

const file = (name: string): string => join(folder.path, name);
const counts = () =>
  look<{ events: number; head: number; threads: number }>(
    heddle,
    `SELECT (SELECT count(*) FROM orchestration_events) AS events,
      (SELECT max(last_sequence) FROM orchestration_pruned) AS head,
      (SELECT count(*) FROM projection_threads) AS threads`,
  )[0];

beforeAll(async () => {
  folder = new TemporaryFolder();
  heddle = new Heddle(file("data"));
  await heddle.serve();
  sender = await Sender.connect(heddle);
  await sender.send(createProject(folder.path));
  await fill(sender, { threads: 6, events: 30, deleted: 2 });
  await settled(heddle);
});
afterAll(async () => {
  sender.close();
  await heddle.stop("SIGKILL");
  folder.dispose();
});

describe("heddle db check", () => {
  it("finds a sound database sound, while its server runs", async () => {
    const { code, stdout } = await heddle.run(["db", "check"]);
    expect(stdout).toContain("Sound.");
    expect(code).toBe(0);
    expect(await heddle.json(["db", "check", "--quick"])).toEqual({ sound: true, violations: [] });
  });

  it("says each thing that is wrong in a sentence, and what to do, and ends with 1", async () => {
    const broken = new Heddle(file("broken"));
    await heddle.run(["db", "backup", file("for-broken.db")]);
    expect((await broken.run(["db", "restore", file("for-broken.db"), "--yes"])).code).toBe(0);
    const database = new DatabaseSync(join(broken.dataDir, "heddle.db"));
    database.exec("DELETE FROM orchestration_events WHERE sequence = 5");
    database.close();
    const { code, stdout } = await broken.run(["db", "check"]);
    expect(code).toBe(1);
    expect(stdout).toContain("The log goes on with sequence 6 where 5 was to come.");
    expect(stdout).toContain("db restore FILE");
    const told = await broken.run(["db", "check", "--json"]);
    expect(told.code).toBe(1);
    expect(JSON.parse(told.stdout)).toMatchObject({ sound: false });
  });

  it("says that a damaged file is damaged", async () => {
    const damaged = new Heddle(file("damaged"));
    await damaged.run(["db", "restore", file("for-broken.db"), "--yes"]);
    const path = join(damaged.dataDir, "heddle.db");
    const bytes = readFileSync(path);
    bytes.fill(0x5a, 20 * 4096, 24 * 4096);
    writeFileSync(path, bytes);
    const { code, stdout, stderr } = await damaged.run(["db", "check"]);
    expect(code).toBe(1);
    expect(stdout + stderr).toMatch(/malformed|damaged/);
    expect(stdout + stderr).toContain("db restore FILE");
  });
});

describe("heddle db stats", () => {
  it("says what the tables take, and what a prune could give back", async () => {
    const stats = await heddle.json(["db", "stats"]);
    const events = stats.tables.find(({ table }: { table: string }) => table === "orchestration_events");
    expect(events.rows).toBe(counts()?.events);
    expect(stats.pages * stats.pageBytes).toBeGreaterThan(events.bytes + events.indexBytes);
    expect(stats.reclaimable).toContainEqual({ what: "deleted-threads", count: 0, bytes: 0 });
    expect((await heddle.run(["db", "stats"])).stdout).toContain("orchestration_events");
  });
});

describe("heddle db backup", () => {
  it("copies the database of a running server, for its owner alone, and says what is in it", async () => {
    const made = await heddle.json(["db", "backup", file("backup.db")]);
    expect(made).toMatchObject({ events: counts()?.events, pending: [] });
    expect(statSync(file("backup.db")).mode & 0o777).toBe(0o600);
    expect(existsSync(file("backup.db.partial"))).toBe(false);
    const copy = new DatabaseSync(file("backup.db"), { readOnly: true });
    expect(copy.prepare("SELECT count(*) AS events FROM orchestration_events").get()).toEqual({
      events: counts()?.events,
    });
    copy.close();
  });

  it("overwrites nothing unless it is told to", async () => {
    const before = readFileSync(file("backup.db"));
    await sender.send(rename("t5"));
    const { code, stderr } = await heddle.run(["db", "backup", file("backup.db")]);
    expect(code).toBe(1);
    expect(stderr).toContain("is there already");
    expect(readFileSync(file("backup.db"))).toEqual(before);
    expect((await heddle.run(["db", "backup", file("backup.db"), "--force"])).code).toBe(0);
    expect(readFileSync(file("backup.db"))).not.toEqual(before);
  });

  it("leaves nothing behind where it cannot write", async () => {
    const { code, stderr } = await heddle.run(["db", "backup", file("nowhere/backup.db")]);
    expect(code).toBe(1);
    expect(stderr).toContain("Could not write");
  });

  it("ends while the database is written to all the time, and holds up no command", async () => {
    const load = new Load(sender, "t5");
    const { code } = await heddle.run(["db", "backup", file("busy.db")]);
    expect(code).toBe(0);
    expect(await load.end()).toBeGreaterThan(10);
  });
});

describe("heddle db restore", () => {
  it("is refused while a server runs, and names its process", async () => {
    const { code, stderr } = await heddle.run(["db", "restore", file("backup.db"), "--yes"]);
    expect(code).toBe(1);
    expect(stderr).toContain(`Process ${heddle.server?.child.pid}`);
  });

  it("puts the backup in place and the present database aside, from where it comes back the same way", async () => {
    const other = new Heddle(file("other"));
    await other.run(["db", "restore", file("backup.db"), "--yes"]);
    const first = hashOf(other);
    const database = new DatabaseSync(join(other.dataDir, "heddle.db"));
    database.exec("UPDATE projection_projects SET title = 'Changed'");
    // Left open, so that the change stands beside the file.
    const { aside } = await other.json(["db", "restore", file("backup.db"), "--yes"]);
    database.close();
    expect(hashOf(other)).toBe(first);
    const back = await other.json(["db", "restore", aside, "--yes"]);
    expect(back.aside).not.toBe(aside);
    expect(look(other, "SELECT title FROM projection_projects")).toEqual([{ title: "Changed" }]);
    expect((await other.run(["db", "check"])).code).toBe(0);
  });

  it("takes no file that is damaged, unsound, or none of Heddle, and leaves all as it was", async () => {
    const other = new Heddle(file("other"));
    const before = hashOf(other);
    writeFileSync(file("text.db"), "no database".repeat(1000));
    copyFileSync(file("backup.db"), file("unsound.db"));
    chmodSync(file("unsound.db"), 0o600);
    const unsound = new DatabaseSync(file("unsound.db"));
    unsound.exec("DELETE FROM orchestration_events WHERE sequence = 9");
    unsound.close();
    const newer = file("newer.db");
    copyFileSync(file("backup.db"), newer);
    const database = new DatabaseSync(newer);
    database.exec("INSERT INTO heddle_migrations VALUES ('999_future', '', '')");
    database.close();
    for (const [name, words] of [
      ["text.db", "damaged, or no database"],
      ["unsound.db", "is not sound"],
      ["newer.db", "999_future"],
      ["nothing.db", "There is no file"],
    ] as const) {
      const { code, stderr } = await other.run(["db", "restore", file(name), "--yes"]);
      expect(stderr).toContain(words);
      expect(code).toBe(1);
      expect(hashOf(other)).toBe(before);
    }
  });
});

describe("heddle db prune", () => {
  it("shows what could go, and changes nothing, where it is not told what", async () => {
    const before = hashOf(heddle);
    const { code, stdout } = await heddle.run(["db", "prune"]);
    expect(code).toBe(0);
    expect(stdout).toContain("Nothing was changed.");
    const plan = await heddle.json(["db", "prune", "--deleted", "0d", "--blobs", "--dry-run"]);
    expect(plan).toMatchObject({ kind: "plan", threadCount: 2, kept: [] });
    expect(plan.threads[0]).toMatchObject({ threadId: "t0", reason: "deleted", events: 31 });
    expect(hashOf(heddle)).toBe(before);
  });

  it("asks where the threads shall go, and whether that is meant", async () => {
    const nowhere = await heddle.run(["db", "prune", "--deleted", "0d", "--yes"]);
    expect(nowhere.code).toBe(2);
    expect(nowhere.stderr).toContain("--archive FILE");
    const unasked = await heddle.run(["db", "prune", "--deleted", "0d", "--archive", file("a.jsonl")]);
    expect(unasked.code).toBe(2);
    expect(unasked.stderr).toContain("--yes");
    expect(existsSync(file("a.jsonl"))).toBe(false);
  });

  it("writes over no archive, and then takes nothing out", async () => {
    writeFileSync(file("mine.txt"), "mine");
    const before = hashOf(heddle);
    const { code, stderr } = await heddle.run([
      "db",
      "prune",
      "--deleted",
      "0d",
      "--archive",
      file("mine.txt"),
      "-y",
    ]);
    expect(code).toBe(1);
    expect(stderr).toContain("is there already");
    expect(readFileSync(file("mine.txt"), "utf8")).toBe("mine");
    expect(hashOf(heddle)).toBe(before);
  });

  it("takes deleted threads to an archive while commands go on, and leaves a sound database", async () => {
    const load = new Load(sender, "t5");
    const report = await heddle.json([
      "db",
      "prune",
      "--deleted",
      "0d",
      "--archive",
      file("a.jsonl"),
      "--yes",
    ]);
    expect(await load.end()).toBeGreaterThan(10);
    expect(report).toMatchObject({ kind: "report", threadCount: 2, kept: [], checkpointsLeft: [] });
    const lines = jsonLines(readFileSync(file("a.jsonl"), "utf8"));
    expect(lines[0]).toMatchObject({ kind: "heddle-archive", threads: ["t0", "t1"] });
    expect(lines.filter(({ kind }) => kind === "event")).toHaveLength(62);
    const left = look(heddle, "SELECT stream_id FROM orchestration_events WHERE stream_id IN ('t0', 't1')");
    expect(left).toEqual([]);
    expect(look(heddle, "SELECT thread_id, event_count, archive, state FROM orchestration_pruned")).toEqual([
      { thread_id: "t0", event_count: 31, archive: "a.jsonl", state: "done" },
      { thread_id: "t1", event_count: 31, archive: "a.jsonl", state: "done" },
    ]);
    expect((await heddle.run(["db", "check"])).stdout).toContain("Sound.");
    expect((await heddle.run(["projections", "verify"])).code).toBe(0);
    await expect(sender.send({ ...rename("t0"), commandId: "late" })).rejects.toThrow("thread-not-found");
  });

  it("takes a thread that is named, but none in which something is at work", async () => {
    const kept = await heddle.json(["db", "prune", "--thread", "t2", "--without-archive", "--yes"]);
    expect(kept).toMatchObject({ threadCount: 1, archive: null });
    const unknown = await heddle.run(["db", "prune", "--thread", "t2", "--dry-run"]);
    expect(unknown.code).toBe(1);
    expect(unknown.stderr).toContain("There is no thread t2");
    await sender.send({
      type: "thread.turn.start",
      commandId: "busy",
      threadId: "t3",
      message: { messageId: "busy", role: "user", text: "[[slow: 600000]] [[say: x]]", attachments: [] },
      createdAt: "2026-01-31T12:00:00.000Z",
    });
    const plan = await heddle.json(["db", "prune", "--thread", "t3", "--dry-run"]);
    expect(plan.threadCount).toBe(0);
    expect(plan.kept).toHaveLength(1);
    await sender.send({ type: "thread.delete", commandId: "end-busy", threadId: "t3" });
    await settled(heddle);
  });

  it("takes receipts that are old, and a repeat of such a command is still known", async () => {
    const { code } = await heddle.run(["db", "prune", "--receipts", "1h", "--yes"]);
    expect(code).toBe(2);
    const old = "2020-01-01T00:00:00.000Z";
    const before = counts()?.events;
    await heddle.stop();
    const database = new DatabaseSync(join(heddle.dataDir, "heddle.db"));
    // As if they were of then.
    database.exec(
      `UPDATE orchestration_command_receipts SET accepted_at = '${old}' WHERE aggregate_id = 't4'`,
    );
    database.exec(`UPDATE orchestration_events SET occurred_at = '${old}' WHERE stream_id = 't4'`);
    database.close();
    await heddle.serve();
    sender = await Sender.connect(heddle);
    const report = await heddle.json(["db", "prune", "--receipts", "90d", "--yes"]);
    expect(report.tables).toMatchObject([{ table: "orchestration_command_receipts", rows: 30 }]);
    await expect(sender.send(createThread("t4", "p"))).resolves.toMatchObject({});
    expect(counts()?.events).toBe(before);
    expect((await heddle.run(["db", "check"])).stdout).toContain("Sound.");
  });

  it("runs where no server does, on one of its own", async () => {
    await heddle.stop();
    await heddle.json(["db", "prune", "--deleted", "0d", "--without-archive", "--yes"]);
    expect((await heddle.run(["db", "check"])).stdout).toContain("Sound.");
    expect(look(heddle, "SELECT thread_id FROM projection_threads ORDER BY 1")).toEqual([
      { thread_id: "t4" },
      { thread_id: "t5" },
    ]);
  });
});

describe("heddle db vacuum", () => {
  const freePages = () =>
    look<{ free: number }>(heddle, "SELECT freelist_count AS free FROM pragma_freelist_count")[0]?.free;
  const makeRoom = () => {
    const database = new DatabaseSync(join(heddle.dataDir, "heddle.db"));
    database.exec("CREATE TABLE room AS SELECT randomblob(4000) AS x FROM orchestration_events");
    database.exec("DROP TABLE room");
    database.close();
  };

  it("rewrites the file where no server runs", async () => {
    makeRoom();
    expect(freePages()).toBeGreaterThan(20);
    const done = await heddle.json(["db", "vacuum"]);
    expect(done).toMatchObject({ online: false });
    expect(freePages()).toBe(0);
    expect(done.fileBytesAfter).toBeLessThan(done.fileBytesBefore);
  });

  it("frees its pages some at a time while a server runs", async () => {
    makeRoom();
    await heddle.serve();
    const done = await heddle.json(["db", "vacuum"]);
    expect(done).toMatchObject({ online: true });
    expect(done.pages).toBeGreaterThan(20);
    expect(freePages()).toBe(0);
    expect((await heddle.run(["db", "check"])).stdout).toContain("Sound.");
  });
});
