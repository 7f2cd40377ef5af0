import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { assert, describe, it } from "vitest";
import { AT, createProject, createThread, prompt, watchTurn } from "./conversation.ts";
import type { Json, RawClient, RpcFailure } from "./raw-client.ts";
import { makeRepository, startServer, temporaryFolder } from "./server-process.ts";

const begin = async (more: Json = {}) => {
  const repository = makeRepository(3);
  const server = await startServer(temporaryFolder());
  const client = await server.connect();
  await createProject(client, "p1", repository);
  await createThread(client, "t1", "p1", more);
  return { repository, server, client };
};

/** Waits for an event of the thread. */
const until = async (
  client: RawClient,
  threadId: string,
  matches: (event: Json) => boolean,
): Promise<Json> => {
  let found: Json;
  await client.stream(
    "orchestration.subscribeThread",
    { threadId, fromSequenceExclusive: 0 },
    ({ event }) => {
      if (!event || !matches(event)) return undefined;
      found = event;
      return "stop";
    },
  );
  return found;
};

const ofType = (type: string) => (event: Json) => event.eventType === type;
const threadOf = async (client: RawClient, threadId = "t1") =>
  (await client.call("orchestration.getThreadSnapshot", { threadId })).thread;
const rejection = (promise: Promise<Json>): Promise<Json> =>
  promise.then(
    () => assert.fail("It was accepted."),
    (error: RpcFailure) => error.error,
  );
const interrupt = (commandId: string, more: Json = {}) => ({
  type: "thread.turn.interrupt",
  commandId,
  threadId: "t1",
  createdAt: AT,
  ...more,
});

/** Processes that the server has started and that are still there. */
const childrenOf = (pid: number | undefined): ReadonlyArray<string> =>
  execFileSync("ps", ["-A", "-o", "ppid=,pid=,args="], { encoding: "utf8" })
    .split("\n")
    .filter((line) => line.trim().split(/\s+/)[0] === String(pid) && !line.includes("ps -A"));

describe("an agent that", () => {
  it("crashes ends its turn with an error that says so, and the next prompt starts it again", async () => {
    const { client } = await begin();
    await client.dispatch(prompt("t1", "m1", "[[say: going down]] [[crash]]"));
    await watchTurn(client, "t1");
    const crashed = await threadOf(client);
    assert.equal(crashed.turns[0].status, "error");
    assert.match(crashed.turns[0].reason, /process ended/);
    assert.equal(crashed.session.status, "error");
    assert.equal(crashed.messages.at(-1).text, "going down");
    const { sequence } = await client.dispatch(prompt("t1", "m2", "[[say: up again]]"));
    await watchTurn(client, "t1", { from: sequence });
    const after = await threadOf(client);
    assert.equal(after.messages.at(-1).text, "up again");
    assert.include(
      after.activities.map(({ kind }: Json) => kind),
      "session.fresh",
    );
  });

  it("thinks or asks in the middle of its words loses none of them", async () => {
    const { client } = await begin();
    await client.dispatch(
      prompt("t1", "m1", "[[say: first]] [[think: hm]] [[say: second]] [[ask: Go on?]] [[say: third]]"),
    );
    await watchTurn(client, "t1");
    const { turns, messages, activities } = await threadOf(client);
    assert.equal(turns[0].status, "completed");
    const words = messages
      .filter(({ role }: Json) => role === "assistant")
      .map(({ text }: Json) => text)
      .join(" ");
    assert.match(words, /^first\s+second\s+You said: blue\s+third$/);
    const sequences = messages.map(({ sequence }: Json) => sequence);
    const thought = activities.find(({ kind }: Json) => kind === "reasoning");
    assert.isTrue(sequences[1] < thought.sequence && thought.sequence < sequences[2]);
  });

  it("reports an error ends its turn with that error and keeps its session", async () => {
    const { client } = await begin();
    await client.dispatch(prompt("t1", "m1", "[[fail: the model is on strike]]"));
    await watchTurn(client, "t1");
    const { turns, session } = await threadOf(client);
    assert.equal(turns[0].status, "error");
    assert.include(turns[0].reason, "the model is on strike");
    assert.include(session.lastError, "the model is on strike");
  });

  it("does not exist, or whose folder does not, fails the turn and says what to do", async () => {
    const { client } = await begin({ model: "nobody" });
    await client.dispatch(prompt("t1", "m1", "hello"));
    await watchTurn(client, "t1");
    // A turn that never began has no row; its end is in the log, and the session tells.
    const { session } = await threadOf(client);
    assert.equal(session.status, "error");
    assert.include(session.lastError, "heddle agents list");
    await createProject(client, "p2", "/nowhere/at/all");
    await createThread(client, "t2", "p2");
    await client.dispatch(prompt("t2", "m2", "hello"));
    await watchTurn(client, "t2");
    assert.include((await threadOf(client, "t2")).session.lastError, "/nowhere/at/all");
  });

  it("is interrupted ends the turn at once, with what it had said", async () => {
    const { client } = await begin();
    await client.dispatch(prompt("t1", "m1", "[[say: so far]] [[slow: 60000]] [[say: never said]]"));
    await until(client, "t1", ofType("thread.turn-started"));
    await client.dispatch(interrupt("i1"));
    await watchTurn(client, "t1");
    const { turns, session, messages } = await threadOf(client);
    assert.equal(turns[0].status, "interrupted");
    assert.equal(session.status, "ready");
    assert.notInclude(messages.at(-1).text, "never");
    assert.equal((await rejection(client.dispatch(interrupt("i2")))).code, "no-turn-in-progress");
  });

  it("does not even answer an interrupt is ended with its process", async () => {
    const { client, server } = await begin();
    await client.dispatch(prompt("t1", "m1", "[[hang]]"));
    await until(client, "t1", ofType("thread.turn-started"));
    await client.dispatch(interrupt("i1"));
    await watchTurn(client, "t1");
    const { turns, session } = await threadOf(client);
    assert.equal(turns[0].status, "interrupted");
    assert.equal(session.status, "interrupted");
    assert.deepEqual(childrenOf(server.process.pid), []);
  });

  it("is stopped while it asks ends the turn, the request and the session together", async () => {
    const { client, server } = await begin();
    await client.dispatch(prompt("t1", "m1", "[[shell: sleep 100]]"));
    const asked = await until(client, "t1", ofType("thread.approval-requested"));
    await client.dispatch(prompt("t1", "m2", "[[say: later]]", { dispatchMode: "queue" }));
    await client.dispatch({ type: "thread.session.stop", commandId: "stop", threadId: "t1", createdAt: AT });
    const ended = await until(
      client,
      "t1",
      (event) => event.eventType === "thread.session-set" && event.payload.session.status === "stopped",
    );
    const { turns, pendingApprovals, queuedTurns } = await threadOf(client);
    assert.equal(turns[0].status, "interrupted");
    assert.deepEqual(
      [pendingApprovals[0].requestId, pendingApprovals[0].status],
      [asked.payload.requestId, "resolved"],
    );
    assert.deepEqual(queuedTurns, []);
    assert.deepEqual(childrenOf(server.process.pid), []);
    // In one commit: the end of the turn stands right before the end of the session, given by the same command.
    const { events } = await client.call("orchestration.replayEvents", {
      fromSequenceExclusive: ended.sequence - 3,
    });
    const before = events.find(ofType("thread.turn-completed"));
    assert.equal(before.commandId, ended.commandId);
  });

  it("is stopped while it starts never begins its turn", async () => {
    const dataDir = temporaryFolder();
    const launch = {
      protocol: "acp",
      command: process.execPath,
      args: ["-e", "setInterval(() => {}, 1000)"],
      env: {},
    };
    writeFileSync(join(dataDir, "settings.json"), JSON.stringify({ agents: { mute: launch } }));
    const server = await startServer(dataDir);
    const client = await server.connect();
    await createProject(client, "p1", makeRepository(3));
    await createThread(client, "t1", "p1", { model: "mute" });
    await client.dispatch(prompt("t1", "m1", "hello"));
    await until(client, "t1", ofType("thread.session-set"));
    await client.dispatch({ type: "thread.session.stop", commandId: "stop", threadId: "t1", createdAt: AT });
    await until(
      client,
      "t1",
      (event) => event.eventType === "thread.session-set" && event.payload.session.status === "stopped",
    );
    const { session, turns } = await threadOf(client);
    assert.deepEqual([session.status, turns], ["stopped", []]);
    assert.deepEqual(childrenOf(server.process.pid), []);
  });

  it("asks can be declined", async () => {
    const { client } = await begin();
    await client.dispatch(prompt("t1", "m1", "[[ask: Go on?]] [[say: on we go]]"));
    const asked = await until(client, "t1", ofType("thread.user-input-requested"));
    const { requestId } = asked.payload;
    const respond = (commandId: string, answers: Json) =>
      client.dispatch({
        type: "thread.user-input.respond",
        commandId,
        threadId: "t1",
        requestId,
        answers,
        createdAt: AT,
      });
    assert.equal((await rejection(respond("r1", { wrong: "yes" }))).code, "answer-missing");
    await respond("r2", {});
    await until(client, "t1", ofType("thread.turn-completed"));
    const { pendingApprovals, messages } = await threadOf(client);
    assert.equal(pendingApprovals[0].decision, "decline");
    assert.include(messages.at(-1).text, "on we go");
  });

  it("works in a deleted thread is ended", async () => {
    const { client, server } = await begin();
    await client.dispatch(prompt("t1", "m1", "[[slow: 60000]] [[say: words]]"));
    await until(client, "t1", ofType("thread.turn-started"));
    assert.isNotEmpty(childrenOf(server.process.pid));
    await client.dispatch({ type: "project.delete", commandId: "delete", projectId: "p1" });
    await until(client, "t1", ofType("thread.deleted"));
    const { threads } = await client.call("orchestration.getSnapshot", {});
    assert.isNotNull(threads[0].deletedAt);
    assert.equal(threads[0].turns[0].status, "interrupted");
    await server.kill("SIGTERM");
    const refused = await startServer(temporaryFolder());
    assert.isNotEmpty(refused.url);
  });
});

describe("prompts sent during a turn", () => {
  it("are refused, or steer it, or wait in order on the server", async () => {
    const { client } = await begin();
    await client.dispatch(prompt("t1", "m1", "[[ask: Shall I go on?]]"));
    await until(client, "t1", ofType("thread.user-input-requested"));
    assert.equal((await rejection(client.dispatch(prompt("t1", "m2", "now")))).code, "turn-in-progress");
    await client.dispatch(prompt("t1", "m3", "[[say: third]]", { dispatchMode: "steer" }));
    await client.dispatch(prompt("t1", "m4", "[[say: fourth]]", { dispatchMode: "queue" }));
    await client.dispatch(prompt("t1", "m5", "[[say: fifth]]", { dispatchMode: "queue" }));
    const { queuedTurns } = await threadOf(client);
    assert.deepEqual(
      queuedTurns.map(({ messageId }: Json) => messageId),
      ["m4", "m5"],
    );
    const events = await watchTurn(client, "t1", { turns: 3 });
    const { messages, turns } = await threadOf(client);
    const said = (turnCount: number) =>
      messages
        .filter(({ turnId, role }: Json) => turnId === turns[turnCount - 1].turnId && role === "assistant")
        .map(({ text }: Json) => text)
        .join(" ");
    assert.match(said(1), /You said: blue.*third/s);
    assert.equal(said(2), "fourth");
    assert.equal(said(3), "fifth");
    assert.deepEqual(
      messages.filter(({ role }: Json) => role === "user").map(({ messageId }: Json) => messageId),
      ["m1", "m3", "m4", "m5"],
    );
    assert.deepEqual(
      turns.map(({ status }: Json) => status),
      ["completed", "completed", "completed"],
    );
    // A queued turn belongs to the chain of the prompt that brought it.
    const last = events.findLast(ofType("thread.turn-completed"));
    assert.equal(last.correlationId, "send-m5");
  });
});

describe("a runtime mode", () => {
  it("answers for the person what it says, and nothing else", async () => {
    const { client, repository } = await begin({ runtimeMode: "auto-accept-edits" });
    const { sequence } = await client.dispatch(
      prompt("t1", "m1", "[[write: a.txt | edited]] [[shell: touch b.txt]]"),
    );
    await watchTurn(client, "t1", { from: sequence, decide: () => "decline" });
    assert.equal(readFileSync(join(repository, "a.txt"), "utf8"), "edited");
    assert.isFalse(existsSync(join(repository, "b.txt")));
    const { pendingApprovals } = await threadOf(client);
    assert.deepEqual(
      pendingApprovals.map(({ kind }: Json) => kind),
      ["execute"],
    );
    const mode = {
      type: "thread.runtime-mode.set",
      commandId: "mode",
      threadId: "t1",
      runtimeMode: "full-access",
    };
    const { sequence: then } = await client.dispatch(mode);
    await client.dispatch(prompt("t1", "m2", "[[shell: touch b.txt]]"));
    await watchTurn(client, "t1", { from: then });
    assert.isTrue(existsSync(join(repository, "b.txt")));
  });
});

describe("a fork", () => {
  it("has the history up to its turn, and goes its own way", async () => {
    const { client } = await begin();
    for (const [messageId, text] of [
      ["m1", "[[say: first]]"],
      ["m2", "[[say: second]]"],
    ] as const) {
      const { sequence } = await client.dispatch(prompt("t1", messageId, text));
      await watchTurn(client, "t1", { from: sequence });
    }
    const fork = {
      type: "thread.fork",
      commandId: "fork",
      threadId: "t2",
      sourceThreadId: "t1",
      turnCount: 1,
      createdAt: AT,
    };
    await client.dispatch(fork);
    await until(client, "t2", (event) => event.payload.role === "assistant");
    const { sequence } = await client.dispatch(prompt("t2", "m3", "[[say: other]]"));
    await watchTurn(client, "t2", { from: sequence });
    const forked = await threadOf(client, "t2");
    assert.deepEqual(
      forked.messages.map(({ text }: Json) => text),
      ["[[say: first]]", "first", "[[say: other]]", "other"],
    );
    assert.deepEqual(forked.forkedFrom, { threadId: "t1", turnCount: 1 });
    assert.equal((await threadOf(client)).turns.length, 2);
  });
});
