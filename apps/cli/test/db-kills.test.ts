/** Jobs on the database that are killed in the middle: nothing is lost, and the next run goes on or starts over. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { DatabaseSync } from "node:sqlite";
import { checkDatabaseFile } from "@heddle/replay/database/Onlook";
import { Effect } from "effect";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createProject, fill, hashOf, look, Sender, settled } from "./retention.ts";
import { Heddle, type Running, TemporaryFolder } from "./support.ts";

let folder: TemporaryFolder;
let heddle: Heddle;

const file = (name: string): string => join(folder.path, name);
const database = (): string => join(heddle.dataDir, "heddle.db");

beforeEach(() => {
  folder = new TemporaryFolder();
  heddle = new Heddle(file("data"));
});
afterEach(async () => {
  await heddle.stop("SIGKILL");
  folder.dispose();
});

const violations = () =>
  Effect.runPromise(
    Effect.map(checkDatabaseFile(database(), {}), (found) => found.map(({ message }) => message)),
  );

/** Kills the process as soon as the fact is there; gives whether it was, before the process ended. */
const killOnce = async (
  running: Running,
  isThere: () => boolean,
  victim = running.child,
): Promise<boolean> => {
  while (running.isRunning) {
    if (isThere()) {
      victim.kill("SIGKILL");
      return true;
    }
    // Often enough to come in between, and the process that is watched has the machine.
    await setTimeout(1);
  }
  return false;
};

const number = (statement: string): number => look<{ n: number }>(heddle, statement)[0]?.n ?? 0;

/** What stays, whatever is pruned. */
const stays = () =>
  JSON.stringify(
    look(heddle, "SELECT * FROM orchestration_events WHERE stream_id IN ('t6', 't7', 'p') ORDER BY sequence"),
  );

describe("a prune that is killed", { timeout: 300_000 }, () => {
  it.each([
    ["has archived and marked the first thread", 1, 0],
    ["is in the middle of a thread", 3, 20],
    ["is near its end", 6, 40],
  ])("when it %s is brought to its end by the next start, and the next prune", async (_, marked, deleted) => {
    const server = await heddle.serve();
    const sender = await Sender.connect(heddle);
    await sender.send(createProject(folder.path));
    await fill(sender, { threads: 8, events: 50, deleted: 6 });
    await settled(heddle);
    const [before, head] = [stays(), number("SELECT max(sequence) AS n FROM orchestration_events")];

    const prune = ["db", "prune", "--deleted", "0d", "--archive", file("first.jsonl"), "--blobs", "--yes"];
    const killed = await killOnce(
      heddle.start(prune, { input: "" }),
      () =>
        number("SELECT count(*) AS n FROM orchestration_pruned") >= marked &&
        number(`SELECT max(p.event_count - (SELECT count(*) FROM orchestration_events WHERE stream_id = p.thread_id))
          AS n FROM (SELECT * FROM orchestration_pruned ORDER BY thread_id DESC LIMIT 1) AS p`) >= deleted,
      server.child,
    );
    expect(killed).toBe(true);
    await server.ended;
    expect(await violations()).toEqual([]);

    await heddle.serve();
    expect(number("SELECT count(*) AS n FROM orchestration_pruned WHERE state = 'pruning'")).toBe(0);
    expect(await violations()).toEqual([]);
    const { code } = await heddle.run([
      "db",
      "prune",
      "--deleted",
      "0d",
      "--archive",
      file("rest.jsonl"),
      "-y",
    ]);
    expect(code).toBe(0);
    expect(number("SELECT count(*) AS n FROM orchestration_pruned WHERE state = 'done'")).toBe(6);
    expect(number("SELECT count(*) AS n FROM projection_threads")).toBe(2);
    expect(stays()).toBe(before);
    expect(await violations()).toEqual([]);
    expect((await heddle.run(["projections", "verify"])).code).toBe(0);
    expect((await heddle.json(["status"])).headSequence).toBe(head);
  });
});

describe("a vacuum that is killed", { timeout: 300_000 }, () => {
  const makeRoom = () => {
    const opened = new DatabaseSync(database());
    opened.exec(
      "CREATE TABLE room (x); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000) INSERT INTO room SELECT randomblob(4000) FROM n",
    );
    opened.exec("DROP TABLE room");
    opened.close();
  };
  const free = () => number("SELECT freelist_count AS n FROM pragma_freelist_count");

  it("on a server goes on when it is asked for again", async () => {
    await heddle.serve();
    await heddle.run(["project", "add", folder.path]);
    await heddle.stop();
    makeRoom();
    const server = await heddle.serve();
    const before = free();
    const killed = await killOnce(heddle.start(["db", "vacuum"]), () => free() < before - 50, server.child);
    expect(killed).toBe(true);
    await server.ended;
    expect(await violations()).toEqual([]);
    expect(free()).toBeGreaterThan(0);
    await heddle.serve();
    await heddle.json(["db", "vacuum"]);
    expect(free()).toBe(0);
    expect(await violations()).toEqual([]);
  });

  it("without a server leaves the database as it was", async () => {
    await heddle.serve();
    await heddle.run(["project", "add", folder.path]);
    await heddle.stop();
    makeRoom();
    const before = hashOf(heddle);
    const wal = `${database()}-wal`;
    const killed = await killOnce(
      heddle.start(["db", "vacuum"]),
      () => existsSync(wal) && statSync(wal).size > 0,
    );
    expect(killed).toBe(true);
    expect(hashOf(heddle)).toBe(before);
    expect(await violations()).toEqual([]);
    expect((await heddle.run(["db", "vacuum"])).code).toBe(0);
    expect(hashOf(heddle)).toBe(before);
    expect(free()).toBe(0);
  });
});

describe("a backup that is killed", { timeout: 300_000 }, () => {
  it.each([0, 1, 200_000])("after %i bytes has no name, and is begun anew", async (bytes) => {
    await heddle.serve();
    const sender = await Sender.connect(heddle);
    await sender.send(createProject(folder.path));
    await fill(sender, { threads: 10, events: 80, deleted: 0 });
    const partial = file("backup.db.partial");
    const killed = await killOnce(
      heddle.start(["db", "backup", file("backup.db")]),
      () => existsSync(partial) && statSync(partial).size >= bytes,
    );
    expect(killed).toBe(true);
    expect(existsSync(file("backup.db"))).toBe(false);
    const { events } = await heddle.json(["db", "backup", file("backup.db")]);
    expect(events).toBe(801);
    expect(existsSync(partial)).toBe(false);
    expect(await violations()).toEqual([]);
  });
});

describe("a restore that is killed", { timeout: 300_000 }, () => {
  const there = (name: RegExp) => () => readdirSync(heddle.dataDir).some((entry) => name.test(entry));

  it.each([
    ["copies", /^heddle\.db\.restoring$/],
    ["has noted what is to be done", /^heddle\.db\.restore\.json$/],
    ["puts the old database aside", /^heddle\.db\.before-restore-/],
  ])("while it %s leaves the old database or the new one, and the next run ends it", async (_, moment) => {
    await heddle.serve();
    const sender = await Sender.connect(heddle);
    await sender.send(createProject(folder.path));
    await heddle.run(["db", "backup", file("backup.db")]);
    await fill(sender, { threads: 3, events: 20, deleted: 0 });
    await heddle.stop();
    const old = hashOf(heddle);

    const restore = heddle.start(["db", "restore", file("backup.db"), "--yes"], { input: "" });
    expect(await killOnce(restore, there(moment))).toBe(true);
    await restore.ended;
    expect(await violations()).toEqual([]);
    const events = number("SELECT count(*) AS n FROM orchestration_events");
    expect(hashOf(heddle) === old || events === 1).toBe(true);

    // A server ends what was begun; it does not begin with an empty database.
    await heddle.serve();
    await heddle.stop();
    expect(there(/restore\.json$/)()).toBe(false);
    expect([1, 61]).toContain(number("SELECT count(*) AS n FROM orchestration_events"));
    expect((await heddle.run(["db", "restore", file("backup.db"), "--yes"])).code).toBe(0);
    expect(number("SELECT count(*) AS n FROM orchestration_events")).toBe(1);
    expect(there(/restoring/)()).toBe(false);
    expect(await violations()).toEqual([]);
  });
});
