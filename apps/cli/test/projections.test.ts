import { existsSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, assert, beforeAll, describe, it } from "vitest";
import { gitRepository, Heddle, inTerminal, TemporaryFolder } from "./support.ts";

const folder = new TemporaryFolder();
const dataDir = join(folder.path, "data");
const heddle = new Heddle(dataDir);

const change = (...statements: ReadonlyArray<string>): void => {
  const database = new DatabaseSync(join(dataDir, "heddle.db"));
  database.exec("PRAGMA busy_timeout = 10000");
  for (const statement of statements) database.exec(statement);
  database.close();
};

/** More events than are built in no time: copies of the thread's last change of title. */
const LONGER = `INSERT INTO orchestration_events SELECT event.sequence + 1000 + n.value, 'copy-' || n.value, aggregate_kind,
    stream_id, stream_version + 1000 + n.value, event_type, event_version, occurred_at, command_id, causation_event_id,
    correlation_id, actor_kind, payload_json, metadata_json
  FROM (SELECT * FROM orchestration_events WHERE stream_id LIKE 'hello%' ORDER BY sequence DESC LIMIT 1) AS event,
    (WITH RECURSIVE numbers(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM numbers WHERE value < 150000)
      SELECT value FROM numbers) AS n ORDER BY n.value`;

beforeAll(async () => {
  gitRepository(folder.path);
  await heddle.serve();
  await heddle.run(["project", "add", folder.path]);
  await heddle.run(["thread", "new", "--send", "hello"], { cwd: folder.path });
});

afterAll(async () => {
  await heddle.stop();
  folder.dispose();
});

describe("heddle projections", () => {
  it("status says of each projector where it stands", async () => {
    const { code, stdout } = await heddle.run(["projections", "status"]);
    assert.equal(code, 0);
    assert.match(stdout, /^thread-messages +1 +live +\d+$/m);
    const { headSequence, projectors } = await heddle.json(["projections", "status"]);
    assert.lengthOf(projectors, 8);
    assert.deepInclude(projectors[0], { state: "live", behind: 0, lastAppliedSequence: headSequence });
  });

  it("verify ends with 0 where they are sound, and shows its phases on stderr where there is no terminal", async () => {
    const { code, stdout, stderr } = await heddle.run(["projections", "verify"]);
    assert.equal(code, 0);
    assert.include(stdout, "✓ The projections are what the log gives.");
    assert.equal(stderr, "building…\ncomparing…\n");
  });

  it("verify shows what differs, column by column, and ends with 1; with --repair it mends it, and ends with 0", async () => {
    change("UPDATE projection_threads SET title = 'changed'", "DELETE FROM projection_thread_turns");
    const found = await heddle.run(["projections", "verify"]);
    assert.equal(found.code, 1);
    assert.match(found.stdout, /^threads +hello-\S+ +title +changed +hello +\d+$/m);
    assert.match(found.stdout, /^thread_turns +\S+ +no such row +a row +\d+$/m);
    assert.include(found.stderr, "2 rows differ from what the log gives.");
    assert.include(found.stderr, "projections verify --repair");

    const repaired = await heddle.run(["projections", "verify", "--repair"]);
    assert.equal(repaired.code, 0, repaired.stderr);
    assert.match(repaired.stdout, /^threads +hello-\S+ +title +changed +hello +\d+$/m);
    assert.match(repaired.stdout, /^threads +1 +0 +0 +1 +corrected$/m);
    assert.equal((await heddle.run(["projections", "verify"])).code, 0);
  });

  it("rebuild mends those that are named, and refuses names that are none", async () => {
    change("UPDATE projection_threads SET title = 'changed'");
    const other = await heddle.json(["projections", "rebuild", "thread-turns", "checkpoints"]);
    assert.deepEqual(
      other.projections.map(({ projector }: { projector: string }) => projector),
      ["thread-turns", "checkpoints", "projection_state"],
    );
    assert.equal((await heddle.run(["projections", "verify", "threads"])).code, 1);
    assert.equal((await heddle.run(["projections", "rebuild", "threads"])).code, 0);
    assert.equal((await heddle.run(["projections", "verify"])).code, 0);
    const refused = await heddle.run(["projections", "rebuild", "turns"]);
    assert.equal(refused.code, 1);
    assert.include(refused.stderr, 'There is no projector "turns". There are: projects, threads,');
  });

  it("does the same where no server runs, and leaves nothing but the database behind", async () => {
    await heddle.stop();
    change("UPDATE projection_threads SET title = 'changed'");
    const { code, stdout } = await heddle.run(["projections", "verify", "--json"]);
    assert.equal(code, 1);
    const { differences, sound } = JSON.parse(stdout);
    assert.isFalse(sound);
    assert.deepInclude(differences[0], { table: "projection_threads", side: "differs" });
    assert.equal((await heddle.run(["projections", "rebuild"])).code, 0);
    assert.equal((await heddle.run(["projections", "verify"])).code, 0);
    assert.isFalse(existsSync(join(dataDir, "rebuild.db")));
    assert.isFalse(existsSync(join(dataDir, "server.json")));
  });

  it("says that it was cancelled, and takes its file away", async () => {
    change(LONGER);
    const running = inTerminal(["projections", "rebuild", "--data-dir", dataDir]);
    await running.says(/building \d+ % · [\d,]+ of [\d,]+ events · [\d,]+ events\/s/);
    running.child.stdin?.write("\u0003");
    const { stdout } = await running.ended;
    assert.include(stdout, "Cancelled. What was corrected stays so; the rest is as it was.");
    assert.isFalse(existsSync(join(dataDir, "rebuild.db")));
  });
});
