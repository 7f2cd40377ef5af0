/** Disks that are full, files that cannot be written, and what a server says and does then. */
import { join } from "node:path";
import { assert, describe, it } from "vitest";
import { Heddle } from "./support.ts";
import { createProject } from "@heddle/server/testing/conversation";
import { openDatabase } from "@heddle/server/testing/database";
import { limitFileSize, makeReadOnly, mountSmallDisk, takeWriting } from "@heddle/server/testing/faulty-disk";
import type { Json } from "@heddle/server/testing/raw-client";
import { startServer, temporaryFolder, type RunningServer } from "@heddle/server/testing/server-process";
import { bulky, failureOf, readiness, readLog, sendUntilRefused } from "@heddle/server/testing/store-failure";

/**
 * The store fails, in `fail`, and is mended: in between commands get typed errors, reads and subscriptions go on, and
 * afterwards everything that was answered is there, and nothing else. Gives what the errors and `/ready` said.
 */
const failsAndRecovers = async (
  dataDir: string,
  fail: (server: RunningServer) => () => void,
): Promise<string> => {
  const server = await startServer(dataDir);
  const client = await server.connect();
  await createProject(client, "p1", "/tmp");
  const followed: Array<Json> = [];
  let behind = Promise.withResolvers<void>();
  const follower = await server.connect();
  void follower.stream("orchestration.subscribe", { fromSequenceExclusive: 0 }, (item) => {
    if (item.kind === "event") followed.push(item.event.eventId);
    if (item.kind === "event" && item.event.commandId === "after") behind.resolve();
    return undefined;
  });

  const mend = fail(server);
  const { command, error, answered } = await sendUntilRefused(client, "p1");
  assert.equal(error._tag, "StoreUnavailable");
  assert.include(error.message, "Nothing was changed");
  const degraded = await readiness(server.url);
  assert.equal(degraded.status, 503);
  assert.equal(degraded.body.status, "degraded");
  assert.equal(degraded.body.store, error.message);
  // Several at once, too, and other clients.
  const other = await server.connect();
  const refused = Array.from({ length: 5 }, (_, index) =>
    failureOf(other.dispatch(bulky("p1", `more-${index}`))),
  );
  for (const each of await Promise.all(refused)) assert.equal(each._tag, "StoreUnavailable");
  // Reads go on, and show what was answered and no more.
  const events = await readLog(other);
  assert.deepEqual(
    events.map(({ commandId }) => commandId),
    ["create-p1", ...answered.keys()],
  );
  const { snapshotSequence } = await other.call("orchestration.getSnapshot", {});
  assert.equal(snapshotSequence, events.length);
  assert.equal((await fetch(`${server.url}/health`)).status, 200);

  mend();
  const { sequence } = await client.dispatch(command);
  assert.equal(sequence, events.length + 1);
  const ready = await readiness(server.url);
  assert.deepEqual([ready.status, ready.body.store], [200, "ok"]);
  await client.dispatch({ type: "project.meta.update", commandId: "after", projectId: "p1", title: "After" });
  await behind.promise;
  assert.deepEqual(
    followed,
    ["create-p1", ...answered.keys(), command.commandId, "after"].map((id) => `${id}#1`),
  );

  await server.kill("SIGKILL");
  const again = await startServer(dataDir);
  const log = await readLog(await again.connect());
  assert.deepEqual(
    log.map(({ eventId }) => eventId),
    followed,
  );
  await again.kill("SIGTERM");
  const database = openDatabase(dataDir);
  assert.equal(database.prepare("PRAGMA integrity_check").get()?.["integrity_check"], "ok");
  database.close();
  return error.message;
};

describe("a store that fails while the server runs", () => {
  it("for want of room on its disk, says so, and goes on when there is room", async (context) => {
    const disk = mountSmallDisk(context, 4);
    const said = await failsAndRecovers(join(disk.path, "data"), () => disk.makeRoom);
    assert.match(said, /the disk is full; make room on it/);
  });

  it("as its files cannot grow, says so, and goes on when they can", async (context) => {
    const said = await failsAndRecovers(temporaryFolder(), (server) =>
      limitFileSize(context, server.process.pid ?? 0, 600_000),
    );
    assert.match(said, /reading or writing the database failed/);
  });

  it("as its files became read-only, says so, and goes on when they are not", async (context) => {
    const dataDir = temporaryFolder();
    const said = await failsAndRecovers(dataDir, () => takeWriting(context, join(dataDir, "heddle.db-wal")));
    assert.match(said, /reading or writing the database failed.* whether its files may be written/);
  });
});

/** A server's data directory with a database in it, and no server. */
const usedDirectory = async (path: string): Promise<Heddle> => {
  const server = await startServer(path);
  await createProject(await server.connect(), "p1", "/tmp");
  await server.kill("SIGTERM");
  return new Heddle(path);
};

/** What a person is told by a server that does not start. */
const refusalOf = async (heddle: Heddle): Promise<string> => {
  const { code, stdout, stderr } = await heddle.run(["serve", "--port", "0"]);
  assert.deepEqual({ code, stdout }, { code: 1, stdout: "" });
  assert.include(stderr, heddle.dataDir);
  // No places in the program, and no bug.
  assert.notMatch(stderr, /^\s+at |bug/m);
  return stderr;
};

const startAndStop = async (heddle: Heddle): Promise<number | null | undefined> => {
  await heddle.serve();
  return (await heddle.stop())?.code;
};

describe("a server whose store cannot be written", () => {
  it("does not start on a full disk, and says so", async (context) => {
    const disk = mountSmallDisk(context, 4);
    const heddle = await usedDirectory(join(disk.path, "data"));
    disk.fill();
    assert.match(await refusalOf(heddle), /Make room|disk is full/);
    assert.match(await refusalOf(new Heddle(join(disk.path, "fresh"))), /Make room|disk is full/);
    disk.makeRoom();
    assert.equal(await startAndStop(heddle), 0);
  });

  it("does not start in a read-only folder, and says which it is", async (context) => {
    const heddle = await usedDirectory(join(temporaryFolder(), "data"));
    const undo = makeReadOnly(context, heddle.dataDir);
    assert.match(await refusalOf(heddle), /Make it writable/);
    undo();
    assert.equal(await startAndStop(heddle), 0);
  });

  it("does not start on a read-only database, and says which it is", async (context) => {
    const heddle = await usedDirectory(temporaryFolder());
    const undo = makeReadOnly(context, join(heddle.dataDir, "heddle.db"));
    assert.match(await refusalOf(heddle), /heddle\.db .*read-?only/);
    undo();
    assert.equal(await startAndStop(heddle), 0);
  });
});
