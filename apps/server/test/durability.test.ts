import { execFileSync } from "node:child_process";
import { assert, describe, it } from "vitest";
import { AT, createProject, createThread, prompt, watchTurn } from "./conversation.ts";
import { openDatabase, PROJECTIONS, projectionRows } from "./database.ts";
import type { RawClient } from "./raw-client.ts";
import { type Json, RpcFailure } from "./raw-client.ts";
import { makeRepository, startServer, temporaryFolder } from "./server-process.ts";

const rename = (threadId: string, commandId: string, title: string) => ({
  type: "thread.meta.update",
  commandId,
  threadId,
  title,
});

describe("a command id", () => {
  it("sent ten times at once gives one event and one answer; with another body, an error", async () => {
    const server = await startServer(temporaryFolder());
    const clients = await Promise.all(Array.from({ length: 10 }, () => server.connect()));
    const [client] = clients as [RawClient];
    await createProject(client, "p1", "/tmp");
    await createThread(client, "t1", "p1");
    const answers = await Promise.all(clients.map((each) => each.dispatch(rename("t1", "once", "New"))));
    assert.deepEqual([...new Set(answers.map(({ sequence }) => sequence))], [3]);
    const { events } = await client.call("orchestration.replayEvents", { fromSequenceExclusive: 0 });
    assert.equal(events.length, 3);
    const refused = await client
      .dispatch(rename("t1", "once", "Other"))
      .catch((error: RpcFailure) => error.error);
    assert.equal((refused as Json)._tag, "CommandIdConflict");
  });
});

describe("a server that is killed in mid-write", () => {
  it("has every answered command, none twice, and nothing that claims to run", async () => {
    const repository = makeRepository(10);
    const dataDir = temporaryFolder();
    const first = await startServer(dataDir);
    const client = await first.connect();
    await createProject(client, "p1", repository);
    for (let index = 0; index < 20; index += 1) await createThread(client, `t${index}`, "p1");

    // One agent is in the middle of a turn.
    const begun = client.stream(
      "orchestration.subscribeThread",
      { threadId: "t0", fromSequenceExclusive: 0 },
      ({ event }) => (event?.payload.streaming === true ? "stop" : undefined),
    );
    await client.dispatch(
      prompt("t0", "slow", "[[lorem: 3000]] [[slow: 60000]] [[say: this will never end]]"),
    );
    await begun;

    // 5,000 commands go out; the server dies when half of them are answered.
    const answered = new Map<string, number>();
    let killed: Promise<unknown> | undefined;
    const writers = await Promise.all(Array.from({ length: 4 }, () => first.connect()));
    await Promise.all(
      Array.from({ length: 5000 }, async (_, index) => {
        const commandId = `update-${index}`;
        const writer = writers[index % 4] as RawClient;
        try {
          const { sequence } = await writer.dispatch(rename(`t${index % 20}`, commandId, `Title ${index}`));
          answered.set(commandId, sequence);
          if (answered.size === 2500) killed = first.kill("SIGKILL");
        } catch (error) {
          if (!(error instanceof RpcFailure)) throw error;
        }
      }),
    );
    await killed;
    assert.isAtLeast(answered.size, 2500);

    const second = await startServer(dataDir);
    const again = await second.connect();
    const events: Array<Json> = [];
    for (let from: number | null = 0; from !== null;) {
      const page: Json = await again.call("orchestration.replayEvents", { fromSequenceExclusive: from });
      events.push(...page.events);
      from = page.nextFromSequenceExclusive;
    }
    const bySequence = new Map(events.map((event) => [event.sequence, event]));
    for (const [commandId, sequence] of answered)
      assert.equal(bySequence.get(sequence)?.commandId, commandId);
    assert.deepEqual(
      events.map(({ sequence }) => sequence),
      events.map((_, index) => index + 1),
    );
    const updates = events.filter(({ eventType }) => eventType === "thread.meta-updated");
    assert.equal(new Set(updates.map(({ commandId }) => commandId)).size, updates.length);
    const versions = new Map<string, number>();
    for (const { streamId, streamVersion } of events) {
      assert.equal(streamVersion, (versions.get(streamId) ?? 0) + 1);
      versions.set(streamId, streamVersion);
    }

    const snapshot = await again.call("orchestration.getSnapshot", {});
    assert.equal(snapshot.snapshotSequence, events.length);
    const running = snapshot.threads.filter(
      ({ session, turns }: Json) =>
        ["starting", "running", "ready"].includes(session?.status) ||
        turns.some(({ status }: Json) => status === "running"),
    );
    assert.deepEqual(running, []);
    const [cut] = snapshot.threads.find(({ threadId }: Json) => threadId === "t0").turns;
    assert.equal(cut.status, "interrupted");
    const streaming = snapshot.threads
      .flatMap(({ messages }: Json) => messages)
      .filter(({ isStreaming }: Json) => isStreaming);
    assert.deepEqual(streaming, []);

    await second.kill("SIGTERM");
    const database = openDatabase(dataDir);
    const cursors = database
      .prepare("SELECT DISTINCT last_applied_sequence AS at FROM projection_state")
      .all();
    const [head] = database.prepare("SELECT max(sequence) AS at FROM orchestration_events").all();
    assert.deepEqual(cursors, [head]);
    assert.deepEqual({ ...database.prepare("PRAGMA integrity_check").get() }, { integrity_check: "ok" });
    database.close();
  });

  it("starts the turn that was answered and had not begun", async () => {
    const repository = makeRepository(5);
    const dataDir = temporaryFolder();
    const first = await startServer(dataDir);
    const client = await first.connect();
    await createProject(client, "p1", repository);
    await createThread(client, "t1", "p1");
    await client.dispatch(prompt("t1", "m1", "[[say: I was not lost]]"));
    await first.kill("SIGKILL");

    const second = await startServer(dataDir);
    const again = await second.connect();
    await watchTurn(again, "t1");
    const { thread } = await again.call("orchestration.getThreadSnapshot", { threadId: "t1" });
    assert.equal(thread.messages.at(-1).text, "I was not lost");
    assert.equal(thread.turns.length, 1);
  });

  it("leaves no process of an agent behind, not even one that its tools had started apart", async () => {
    const dataDir = temporaryFolder();
    const first = await startServer(dataDir);
    const client = await first.connect();
    await createProject(client, "p1", makeRepository(3));
    await createThread(client, "t1", "p1", { runtimeMode: "full-access" });
    const marker = `heddle-left-behind-${process.pid}-${Math.floor(performance.now())}`;
    const running = () =>
      execFileSync("ps", ["-A", "-o", "args="], { encoding: "utf8" }).includes(`${marker} 1000`);
    const { sequence } = await client.dispatch(
      prompt(
        "t1",
        "m1",
        `[[shell: setsid sh -c 'sleep 1000; true' ${marker} 1000 >/dev/null 2>&1 & echo started]]`,
      ),
    );
    await watchTurn(client, "t1", { from: sequence });
    assert.isTrue(running());
    await first.kill("SIGKILL");
    await startServer(dataDir);
    assert.isFalse(running());
  });

  it("expires what an agent had asked, and takes the next prompt", async () => {
    const repository = makeRepository(5);
    const dataDir = temporaryFolder();
    const first = await startServer(dataDir);
    const client = await first.connect();
    await createProject(client, "p1", repository);
    await createThread(client, "t1", "p1");
    const asked = client.stream(
      "orchestration.subscribeThread",
      { threadId: "t1", fromSequenceExclusive: 0 },
      ({ event }) => (event?.eventType === "thread.approval-requested" ? "stop" : undefined),
    );
    await client.dispatch(prompt("t1", "m1", "[[shell: true]]"));
    await asked;
    await first.kill("SIGKILL");

    const second = await startServer(dataDir);
    const again = await second.connect();
    const { thread } = await again.call("orchestration.getThreadSnapshot", { threadId: "t1" });
    const [request] = thread.pendingApprovals;
    assert.equal(request.decision, "expired");
    const late = await again
      .dispatch({
        type: "thread.approval.respond",
        commandId: "late",
        threadId: "t1",
        requestId: request.requestId,
        decision: "accept",
        createdAt: AT,
      })
      .catch((error: RpcFailure) => error.error);
    assert.equal((late as Json).code, "request-not-found");
    const { sequence } = await again.dispatch(prompt("t1", "m2", "[[say: here again]]"));
    await watchTurn(again, "t1", { from: sequence });
    const after = await again.call("orchestration.getThreadSnapshot", { threadId: "t1" });
    assert.equal(after.thread.messages.at(-1).text, "here again");
  });
});

describe("projection tables that were emptied", () => {
  it("come back the same, byte for byte", async () => {
    const repository = makeRepository(5);
    const dataDir = temporaryFolder();
    const first = await startServer(dataDir);
    const client = await first.connect();
    await createProject(client, "p1", repository);
    for (let index = 0; index < 5; index += 1) {
      await createThread(client, `t${index}`, "p1", { runtimeMode: "full-access" });
      const { sequence } = await client.dispatch(
        prompt(`t${index}`, `m${index}`, "[[say: words]] [[write: a.txt | text]] [[ask: colour?]]"),
      );
      await watchTurn(client, `t${index}`, { from: sequence });
    }
    await client.dispatch({
      type: "thread.checkpoint.revert",
      commandId: "revert",
      threadId: "t1",
      turnCount: 0,
      createdAt: AT,
    });
    await client.dispatch({ type: "thread.delete", commandId: "delete", threadId: "t2" });
    // More than one page of events to catch up with.
    await Promise.all(
      Array.from({ length: 3000 }, (_, index) =>
        client.dispatch(rename("t3", `rename-${index}`, `Title ${index}`)),
      ),
    );
    await first.kill("SIGTERM");

    const database = openDatabase(dataDir);
    const before = projectionRows(database);
    for (const table of PROJECTIONS) database.exec(`DELETE FROM ${table}`);
    database.close();

    const second = await startServer(dataDir);
    await second.kill("SIGTERM");
    const after = openDatabase(dataDir);
    assert.deepEqual(projectionRows(after), before);
    assert.isAbove(before["projection_thread_activities"]?.length ?? 0, 0);
    after.close();
  });
});
