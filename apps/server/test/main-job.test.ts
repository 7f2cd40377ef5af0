import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { assert, describe, it } from "vitest";
import { createProject, createThread, prompt, watchTurn } from "./conversation.ts";
import type { Json } from "./raw-client.ts";
import { gitHead, gitStatus, makeRepository, startServer, temporaryFolder } from "./server-process.ts";

const hashOf = (path: string) => createHash("sha256").update(readFileSync(path)).digest("hex");

describe("a thread in a repository of some thousand files", () => {
  it("says, writes and runs what the prompt asks, and the snapshot tells what happened", async () => {
    const repository = makeRepository(3000);
    const server = await startServer(temporaryFolder());
    const client = await server.connect();
    writeFileSync(join(repository, "mine.txt"), "A person's own file.\n");
    const before = { index: hashOf(join(repository, ".git/index")), head: gitHead(repository) };

    await createProject(client, "p1", repository);
    await createThread(client, "t1", "p1");
    const watched = watchTurn(client, "t1", {
      decide: (event) => (event.payload.title.includes("two") ? "decline" : "accept"),
    });
    await client.dispatch(
      prompt(
        "t1",
        "m1",
        "[[say: Good day to you]] [[write: one.txt | first]] [[write: two.txt | second]] [[write: README.md | # Mine]] [[shell: echo ran > ran.txt]] [[ask: Which colour?]]",
      ),
    );
    const events = await watched;

    const snapshot = await client.call("orchestration.getSnapshot", {});
    const [thread] = snapshot.threads;
    const texts = thread.messages.map(({ role, text, isStreaming }: Json) => [role, text, isStreaming]);
    assert.deepEqual(texts[0]?.[0], "user");
    assert.deepEqual(texts[1], ["assistant", "Good day to you", false]);
    assert.include(thread.messages.at(-1).text, "blue");

    assert.deepEqual(
      thread.turns.map(({ turnCount, status, userMessageId }: Json) => ({
        turnCount,
        status,
        userMessageId,
      })),
      [{ turnCount: 1, status: "completed", userMessageId: "m1" }],
    );
    assert.equal(thread.session.status, "ready");
    assert.equal(thread.latestTurnId, thread.turns[0].turnId);
    assert.deepEqual(
      thread.pendingApprovals.map(({ kind, status, decision }: Json) => [kind, status, decision]),
      [
        ["edit", "resolved", "accept"],
        ["edit", "resolved", "decline"],
        ["edit", "resolved", "accept"],
        ["execute", "resolved", "accept"],
        ["user-input", "resolved", "answered"],
      ],
    );
    const toolEnds = thread.activities.filter(({ kind }: Json) => /^tool\.(completed|failed)$/.test(kind));
    assert.deepEqual(
      toolEnds.map(({ kind }: Json) => kind),
      ["tool.completed", "tool.failed", "tool.completed", "tool.completed"],
    );

    const changed = ["README.md", "one.txt", "ran.txt"];
    assert.deepEqual(
      thread.checkpoints.map(({ checkpointTurnCount, status, files }: Json) => ({
        checkpointTurnCount,
        status,
        files: files.map(({ path, kind }: Json) => `${kind} ${path}`),
      })),
      [
        {
          checkpointTurnCount: 1,
          status: "ready",
          files: ["modified README.md", "added one.txt", "added ran.txt"],
        },
      ],
    );
    const { diff } = await client.call("orchestration.getTurnDiff", {
      threadId: "t1",
      fromTurnCount: 0,
      toTurnCount: 1,
    });
    assert.deepEqual(
      [...diff.matchAll(/^diff --git a\/(\S+)/gm)].map((match) => match[1]),
      changed,
    );
    assert.include(diff, "+first");

    // Beside the agent's edits, nothing in the repository has changed.
    assert.equal(gitStatus(repository), " M README.md\n?? mine.txt\n?? one.txt\n?? ran.txt\n");
    assert.equal(gitHead(repository), before.head);

    // What becomes of the session because of the turn stands in its chain.
    const session = events.filter(({ eventType }) => eventType === "thread.session-set");
    assert.isAtLeast(session.length, 3);
    for (const { correlationId } of session) assert.equal(correlationId, "send-m1");

    // Every event has its envelope, and the diff's chain of causes leads back to the prompt.
    const byId = new Map(events.map((event) => [event.eventId, event]));
    let event = events.find(({ eventType }) => eventType === "thread.turn-diff-completed");
    const chain: Array<string> = [];
    while (event) {
      chain.push(event.eventType);
      assert.equal(event.correlationId, "send-m1");
      event = byId.get(event.causationEventId);
    }
    assert.deepEqual(chain, [
      "thread.turn-diff-completed",
      "thread.turn-started",
      "thread.turn-start-requested",
      "thread.message-sent",
    ]);
  });

  it("goes back to before a turn, and touches nothing else", async () => {
    const repository = makeRepository(20);
    const server = await startServer(temporaryFolder());
    const client = await server.connect();
    await createProject(client, "p1", repository);
    await createThread(client, "t1", "p1", { runtimeMode: "full-access" });
    const run = async (messageId: string, text: string) => {
      const { sequence } = await client.dispatch(prompt("t1", messageId, text));
      await watchTurn(client, "t1", { from: sequence });
    };
    await run("m1", "[[write: kept.txt | from the first turn]]");
    writeFileSync(join(repository, "mine.txt"), "A person's own file.\n");
    writeFileSync(join(repository, "part-1/file-1.txt"), "A person's own edit.\n");
    await run(
      "m2",
      "[[write: README.md | # Changed]] [[write: kept.txt | changed]] [[write: gone.txt | soon]]",
    );

    const reverted = client.stream(
      "orchestration.subscribeThread",
      { threadId: "t1", fromSequenceExclusive: 0 },
      ({ event }) => (event?.eventType === "thread.reverted" ? "stop" : undefined),
    );
    await client.dispatch({
      type: "thread.checkpoint.revert",
      commandId: "revert",
      threadId: "t1",
      turnCount: 1,
      createdAt: "2026-01-31T12:00:00.000Z",
    });
    await reverted;

    assert.equal(readFileSync(join(repository, "README.md"), "utf8"), "# A project\n");
    assert.equal(readFileSync(join(repository, "kept.txt"), "utf8"), "from the first turn");
    assert.equal(readFileSync(join(repository, "mine.txt"), "utf8"), "A person's own file.\n");
    assert.equal(readFileSync(join(repository, "part-1/file-1.txt"), "utf8"), "A person's own edit.\n");
    assert.equal(gitStatus(repository), " M part-1/file-1.txt\n?? kept.txt\n?? mine.txt\n");
    const { thread } = await client.call("orchestration.getThreadSnapshot", { threadId: "t1" });
    assert.deepEqual(
      thread.turns.map(({ turnCount }: Json) => turnCount),
      [1],
    );
    assert.notInclude(JSON.stringify(thread.messages), "Changed");

    // The next turn takes the place of the one that was reverted.
    await run("m3", "[[write: next.txt | again]]");
    const after = await client.call("orchestration.getThreadSnapshot", { threadId: "t1" });
    assert.deepEqual(
      after.thread.turns.map(({ turnCount, status }: Json) => [turnCount, status]),
      [
        [1, "completed"],
        [2, "completed"],
      ],
    );
    rmSync(join(repository, "next.txt"));
  });
});
