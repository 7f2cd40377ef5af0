/** A server that starts with a projector of another version, on a long log. */
import { assert, describe, it } from "vitest";
import { createProject } from "./conversation.ts";
import { openDatabase, projectionRows } from "./database.ts";
import { startServer, temporaryFolder } from "./server-process.ts";
import { readiness } from "./store-failure.ts";

/** More than a start builds before it serves. */
const EVENTS = 10_200;

const rename = (commandId: string, title: string) => ({
  type: "project.meta.update",
  commandId,
  projectId: "p1",
  title,
});

/** A project that was given the same name thousands of times. */
const longLog = async (dataDir: string) => {
  const server = await startServer(dataDir);
  const client = await server.connect();
  await createProject(client, "p1", "/tmp");
  await client.dispatch(rename("first", "Title"));
  await server.kill("SIGTERM");
  const database = openDatabase(dataDir);
  database.exec(`WITH RECURSIVE more(n) AS (SELECT 3 UNION ALL SELECT n + 1 FROM more WHERE n < ${EVENTS})
    INSERT INTO orchestration_events SELECT n, 'again-' || n, aggregate_kind, stream_id, n, event_type, event_version,
      occurred_at, NULL, NULL, NULL, actor_kind, payload_json, metadata_json
    FROM orchestration_events, more WHERE sequence = 2;
    UPDATE projection_state SET last_applied_sequence = ${EVENTS}`);
  return database;
};

describe("a projector of another version", () => {
  it("is built anew while the server serves: its old rows stand until the new ones do", async () => {
    const dataDir = temporaryFolder();
    const database = await longLog(dataDir);
    const right = projectionRows(database);
    database.exec(`UPDATE projection_projects SET title = 'of the old version';
      UPDATE projection_state SET version = 77 WHERE projector = 'projects'`);
    database.close();

    const server = await startServer(dataDir);
    const client = await server.connect();
    const titles = new Set<string>();
    let commands = 0;
    for (let filled = false; !filled;) {
      const snapshot = await client.call("orchestration.getShellSnapshot", {});
      assert.lengthOf(snapshot.projects, 1, "no reader sees an empty table");
      titles.add(snapshot.projects[0].title);
      await client.dispatch(rename(`meanwhile-${commands}`, "Meanwhile"));
      commands += 1;
      const { body } = await readiness(server.url);
      filled = body.projectors.every(({ state }: { state: string }) => state === "live");
    }
    assert.include([...titles], "of the old version", "the server served before it was built");
    const last = await client.call("orchestration.getShellSnapshot", {});
    assert.equal(last.projects[0].title, "Meanwhile");
    assert.deepEqual(last.laggingProjectors, []);
    assert.equal(last.snapshotSequence, EVENTS + commands);
    await server.kill("SIGTERM");

    const after = openDatabase(dataDir);
    const rows = projectionRows(after);
    after.close();
    assert.deepEqual(
      Object.keys(rows).filter((table) => rows[table]?.length !== right[table]?.length),
      [],
    );
  });
});
