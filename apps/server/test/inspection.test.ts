/** Looking into the log over the wire, and what that costs those who work meanwhile. */
import { assert, describe, it } from "vitest";
import { createProject, createThread } from "./conversation.ts";
import { openDatabase } from "./database.ts";
import type { RawClient } from "./raw-client.ts";
import { startServer, temporaryFolder } from "./server-process.ts";

const rename = (commandId: string) => ({
  type: "project.meta.update",
  commandId,
  projectId: "p1",
  title: commandId,
});

const failure = (call: Promise<unknown>) =>
  call.then(
    () => assert.fail("It should have failed."),
    ({ error }) => error,
  );

const list = (client: RawClient, payload: object = {}) => client.call("orchestration.listEvents", payload);

/** Events that take long to look through: each payload nearly holds what is looked for, everywhere. */
const fill = (dataDir: string, count: number): void => {
  const database = openDatabase(dataDir);
  database.exec(`
    WITH RECURSIVE place(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM place WHERE n < ${count}),
      head(at) AS (SELECT max(sequence) FROM orchestration_events)
    INSERT INTO orchestration_events (sequence, event_id, aggregate_kind, stream_id, stream_version, event_type,
      event_version, occurred_at, command_id, causation_event_id, correlation_id, actor_kind, payload_json, metadata_json)
    SELECT at + n, 'filled-' || n || '#1', 'project', 'filled', n, 'project.meta-updated', 1, '2026-01-01T00:00:00.000Z',
      'filled-' || n, NULL, 'filled-' || n, 'client',
      json_object('projectId', 'filled', 'title', replace(hex(zeroblob(30000)), '0', 'a')), '{}'
    FROM place, head;
    UPDATE projection_state SET last_applied_sequence = (SELECT max(sequence) FROM orchestration_events)`);
  database.close();
};

describe("looking into the log", () => {
  it("is decoded as every method is: what is wrong is named by its path", async () => {
    const server = await startServer(temporaryFolder());
    const client = await server.connect();
    const issues = async (method: string, payload: object) => {
      const error = await failure(client.call(`orchestration.${method}`, payload));
      assert.equal(error._tag, "InvalidInput");
      return error.issues.map(({ path }: { readonly path: string }) => path);
    };
    assert.deepEqual(await issues("listEvents", { limit: 1001 }), ["limit"]);
    assert.deepEqual(
      await issues("listEvents", { filter: { since: "2026-02-45T00:00:00Z", types: ["Thread!"], text: "" } }),
      ["filter.types[0]", "filter.since", "filter.text"],
    );
    assert.deepEqual(await issues("getEvent", {}), [""]);
    assert.deepEqual(await issues("getEvent", { sequence: 1, eventId: "c1#1" }), [""]);
    assert.deepEqual(await issues("getChain", { commandId: 7 }), ["commandId"]);
  });

  it("gives what was found, what belongs to an event, its chain, and what takes the space", async () => {
    const server = await startServer(temporaryFolder());
    const client = await server.connect();
    await createProject(client, "p1", "/tmp");
    await createThread(client, "t1", "p1");
    await client.dispatch(rename("c-rename"));
    const found = await list(client, { filter: { types: ["project.*"] }, order: "newest" });
    assert.deepEqual(
      found.events.map(({ sequence }: { readonly sequence: number }) => sequence),
      [3, 1],
    );
    assert.deepInclude(found, { unreadable: [], headSequence: 3, nextCursor: null });

    const { event, receipt } = await client.call("orchestration.getEvent", { eventId: "c-rename#1" });
    assert.deepInclude(event, { sequence: 3, eventType: "project.meta-updated" });
    assert.deepInclude(receipt, { commandId: "c-rename", status: "accepted", resultSequence: 3 });
    const missing = await failure(client.call("orchestration.getEvent", { sequence: 99 }));
    assert.deepInclude(missing, { _tag: "NotFound", kind: "event", id: "99" });

    await failure(client.dispatch({ ...rename("c-refused"), projectId: "p9" }));
    const refused = await client.call("orchestration.getChain", { commandId: "c-refused" });
    assert.deepInclude(refused.nodes[0].receipt, { status: "rejected" });
    assert.equal(refused.nodes[0].receipt.error.code, "project-not-found");
    const chain = await client.call("orchestration.getChain", { sequence: 3 });
    assert.deepEqual(
      chain.nodes.map(({ id, parent }: { readonly id: string; readonly parent: string | null }) => [
        id,
        parent,
      ]),
      [
        ["command:c-rename", null],
        ["c-rename#1", "command:c-rename"],
      ],
    );

    const stats = await client.call("orchestration.getLogStats", {});
    assert.deepInclude(stats, { events: 3, headSequence: 3, streams: 2 });
    assert.deepEqual(stats.receipts, { accepted: 3, rejected: 1 });
  });

  it("does not hold up a command, however long one statement of it takes", async () => {
    const dataDir = temporaryFolder();
    const first = await startServer(dataDir);
    await createProject(await first.connect(), "p1", "/tmp");
    await first.kill("SIGTERM");
    fill(dataDir, 400);

    const server = await startServer(dataDir);
    const reader = await server.connect();
    const writer = await server.connect();
    // The thread starts with its first call.
    await list(reader, { limit: 1 });
    await writer.dispatch(rename("warm"));

    const state = { over: false };
    const scan = list(reader, { filter: { text: `${"a".repeat(199)}b` } }).finally(() => {
      state.over = true;
    });
    let answered = 0;
    while (!state.over) {
      await writer.dispatch(rename(`c-${answered}`));
      answered += 1;
    }
    const page = await scan;
    assert.deepInclude(page, { events: [], nextCursor: null });
    assert.isAtLeast(page.examined, 400);
    // On the thread that serves, the first would be answered when the scan is.
    assert.isAtLeast(answered, 5);
  });
});
