import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { assert, describe, it } from "vitest";
import { createProject, createThread, prompt, watchTurn } from "./conversation.ts";
import type { Json, RawClient, RpcFailure } from "./raw-client.ts";
import { eventually } from "./real-agents/thread.ts";
import { gitStatus, makeRepository, startServer, temporaryFolder } from "./server-process.ts";

const git = (folder: string, ...args: ReadonlyArray<string>): string =>
  execFileSync("git", ["-c", "user.name=Person", "-c", "user.email=person@localhost", ...args], {
    cwd: folder,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  }).trimEnd();

const begin = async (repository = makeRepository(2)) => {
  const server = await startServer(temporaryFolder());
  const client = await server.connect();
  await createProject(client, "p1", repository);
  return { repository, server, client };
};

const threadOf = async (client: RawClient, threadId: string): Promise<Json> =>
  (await client.call("orchestration.getThreadSnapshot", { threadId })).thread;

/** What came of the thread's wish for a worktree. */
const settled = async (client: RawClient, threadId: string): Promise<Json> => {
  let found: Json;
  await client.stream(
    "orchestration.subscribeThread",
    { threadId, fromSequenceExclusive: 0 },
    ({ event }) => {
      if (!/^thread\.worktree-(made|failed)$/.test(event?.eventType ?? "")) return undefined;
      found = event;
      return "stop";
    },
  );
  return found;
};

const turn = async (client: RawClient, threadId: string, messageId: string, text: string): Promise<Json> => {
  const { sequence } = await client.dispatch(prompt(threadId, messageId, text, { dispatchMode: "queue" }));
  await watchTurn(client, threadId, { from: sequence - 2 });
  return threadOf(client, threadId);
};

/** Deletes the thread, and gives what its clean-up says when it is done. */
const deleteThread = async (client: RawClient, threadId: string): Promise<string> => {
  const { sequence } = await client.dispatch({
    type: "thread.delete",
    commandId: `delete-${threadId}`,
    threadId,
  });
  let cleanUp: Json;
  await eventually("The thread is not cleaned up", async () => {
    [cleanUp] = (await client.call("orchestration.getEvent", { sequence })).effects;
    return ["done", "dead"].includes(cleanUp.status) ? undefined : cleanUp;
  });
  assert.equal(cleanUp.status, "done", cleanUp.outcome);
  return cleanUp.outcome;
};

const FULL_ACCESS = { runtimeMode: "full-access" };

describe("threads with worktrees of their own", () => {
  it("edit the same file side by side, and neither sees what the other does, nor does the project", async () => {
    const { repository, client } = await begin();
    await createThread(client, "t-1111", "p1", { ...FULL_ACCESS, worktree: {} });
    await createThread(client, "t-2222", "p1", {
      ...FULL_ACCESS,
      worktree: { branch: "feature", from: "main" },
    });
    const [one, two] = await Promise.all([
      turn(client, "t-1111", "m1", "[[write: README.md | one]]"),
      turn(client, "t-2222", "m2", "[[write: README.md | two]]"),
    ]);
    assert.equal(one.turns[0].status, "completed");
    assert.equal(readFileSync(join(one.worktreePath, "README.md"), "utf8").trimEnd(), "one");
    assert.equal(readFileSync(join(two.worktreePath, "README.md"), "utf8").trimEnd(), "two");
    assert.equal(gitStatus(repository), "");
    const baseCommit = git(repository, "rev-parse", "HEAD");
    assert.deepInclude(one, { branch: "heddle/thread-t-1111-1111" });
    assert.deepEqual(two.worktree, {
      state: "made",
      branch: "feature",
      from: "main",
      baseCommit,
      reason: null,
    });
    assert.deepEqual(
      one.checkpoints.map(({ files }: Json) => files.map(({ path }: Json) => path)),
      [["README.md"]],
    );
    await client.dispatch({
      type: "thread.checkpoint.revert",
      commandId: "revert",
      threadId: "t-1111",
      turnCount: 0,
      createdAt: "2026-01-31T12:00:00.000Z",
    });
    await client.stream(
      "orchestration.subscribeThread",
      { threadId: "t-1111", fromSequenceExclusive: 0 },
      (item) => (item.event?.eventType === "thread.reverted" ? "stop" : undefined),
    );
    assert.equal(readFileSync(join(one.worktreePath, "README.md"), "utf8"), "# A project\n");
    assert.equal(readFileSync(join(two.worktreePath, "README.md"), "utf8").trimEnd(), "two");
  });

  it("take them away when they are deleted, but not work that is nowhere else", async () => {
    const { repository, server, client } = await begin();
    for (const threadId of ["idle", "dirty", "done"]) {
      await createThread(client, threadId, "p1", { ...FULL_ACCESS, worktree: { branch: threadId } });
    }
    await settled(client, "idle");
    const idle = await threadOf(client, "idle");
    const dirty = await turn(client, "dirty", "m1", "[[write: new.txt | new]]");
    const done = await turn(client, "done", "m2", "[[write: new.txt | new]]");
    git(done.worktreePath, "add", "--all");
    git(done.worktreePath, "commit", "--quiet", "--message", "Done");

    assert.equal(await deleteThread(client, "idle"), "cleaned up");
    assert.isFalse(existsSync(idle.worktreePath));
    assert.include(
      await deleteThread(client, "dirty"),
      `left the worktree ${dirty.worktreePath}: it has uncommitted changes: new.txt`,
    );
    assert.equal(readFileSync(join(dirty.worktreePath, "new.txt"), "utf8").trimEnd(), "new");
    assert.equal(
      await deleteThread(client, "done"),
      "cleaned up; kept the branch done: it has commits that are on no other branch",
    );
    assert.isFalse(existsSync(done.worktreePath));
    assert.equal(git(repository, "show", "done:new.txt"), "new");
    assert.equal(git(repository, "branch", "--format=%(refname:short)"), "dirty\ndone\nmain");
    assert.equal(git(repository, "for-each-ref", "refs/heddle"), "");
    await server.kill("SIGTERM");
  });

  it("go with their project", async () => {
    const { repository, client } = await begin();
    await createThread(client, "t1", "p1", { worktree: {} });
    const { payload } = await settled(client, "t1");
    await client.dispatch({ type: "project.delete", commandId: "delete-p1", projectId: "p1" });
    await eventually("The worktree is still there", () =>
      existsSync(payload.worktreePath) ? payload : undefined,
    );
    assert.equal(git(repository, "worktree", "list", "--porcelain").split("worktree ").length, 2);
  });

  it("do not share them with their forks, which begin at the source's last commit", async () => {
    const { client } = await begin();
    await createThread(client, "t1", "p1", { ...FULL_ACCESS, worktree: { branch: "source" } });
    const source = await turn(client, "t1", "m1", "[[write: new.txt | new]]");
    git(source.worktreePath, "add", "--all");
    git(source.worktreePath, "commit", "--quiet", "--message", "Work");
    await client.dispatch({
      type: "thread.fork",
      commandId: "fork",
      threadId: "t2",
      sourceThreadId: "t1",
      turnCount: 1,
      createdAt: "2026-01-31T12:00:00.000Z",
    });
    await settled(client, "t2");
    const fork = await threadOf(client, "t2");
    assert.notEqual(fork.worktreePath, source.worktreePath);
    assert.equal(readFileSync(join(fork.worktreePath, "new.txt"), "utf8").trimEnd(), "new");
    assert.deepInclude(fork.worktree, { state: "made", from: "source" });
    assert.lengthOf(fork.messages, source.messages.length);
  });
});

describe("a thread whose worktree cannot be made", () => {
  it("never works in the project's own folder: its turn tries once more, and ends with the reason", async () => {
    const folder = temporaryFolder();
    const { client } = await begin(folder);
    git(folder, "init", "--quiet", "--initial-branch=main");
    await createThread(client, "t1", "p1", { ...FULL_ACCESS, worktree: {} });
    const failed = await settled(client, "t1");
    assert.include(failed.payload.reason, "has no commit yet");
    const ended = await turn(client, "t1", "m1", "[[write: new.txt | new]]");
    assert.equal(ended.turns.length, 0);
    assert.isFalse(existsSync(join(folder, "new.txt")));
    const { state, reason } = ended.worktree;
    assert.equal(state, "failed");
    assert.include(reason, "has no commit yet");
    assert.include(
      ended.activities.map(({ kind, tone }: Json) => `${kind} ${tone}`),
      "worktree.failed error",
    );

    writeFileSync(join(folder, "first.txt"), "first\n");
    git(folder, "add", "--all");
    git(folder, "commit", "--quiet", "--message", "First");
    const mended = await turn(client, "t1", "m2", "[[write: new.txt | new]]");
    assert.equal(mended.worktree.state, "made");
    assert.equal(mended.turns[0].status, "completed");
    assert.isFalse(existsSync(join(folder, "new.txt")));
    assert.isTrue(existsSync(join(mended.worktreePath, "new.txt")));
  });

  it("is refused where it names a folder as well", async () => {
    const { client } = await begin();
    const refused = await createThread(client, "t1", "p1", { worktree: {}, worktreePath: "/tmp" }).then(
      () => assert.fail("It was accepted."),
      (error: RpcFailure) => error.error,
    );
    assert.deepInclude(refused, { _tag: "CommandRejected", code: "worktree-conflict" });
  });
});

describe("a worktree that a person has made", () => {
  it("is taken from outside of the project's folder, and is not removed with the thread", async () => {
    const { repository, client } = await begin();
    const worktreePath = join(temporaryFolder(), "tree");
    git(repository, "worktree", "add", "--quiet", worktreePath);
    await createThread(client, "t1", "p1", { ...FULL_ACCESS, worktreePath });
    const thread = await turn(client, "t1", "m1", "[[write: new.txt | new]]");
    assert.equal(thread.turns[0].status, "completed");
    assert.isTrue(existsSync(join(worktreePath, "new.txt")));
    git(worktreePath, "clean", "-fd");
    assert.equal(await deleteThread(client, "t1"), "cleaned up");
    assert.isTrue(existsSync(worktreePath));
  });

  it("of another repository ends the turn with an error", async () => {
    const { client } = await begin();
    const worktreePath = join(temporaryFolder(), "tree");
    git(makeRepository(1), "worktree", "add", "--quiet", worktreePath);
    await createThread(client, "t1", "p1", { ...FULL_ACCESS, worktreePath });
    const { session, turns } = await turn(client, "t1", "m1", "[[write: new.txt | new]]");
    assert.deepEqual([session.status, turns], ["error", []]);
    assert.include(session.lastError, `${worktreePath} is neither inside the project's folder`);
    assert.isFalse(existsSync(join(worktreePath, "new.txt")));
  });
});

describe("a server that was killed while it made a worktree", () => {
  it("has it after the next start, once", async () => {
    const repository = makeRepository(200);
    const dataDir = temporaryFolder();
    const first = await startServer(dataDir);
    const client = await first.connect();
    await createProject(client, "p1", repository);
    const commands = ["a-1111", "b-2222", "c-3333"].map((threadId) =>
      createThread(client, threadId, "p1", { worktree: {} }),
    );
    await commands[0];
    await Promise.allSettled([...commands.slice(1), first.kill("SIGKILL")]);
    const second = await startServer(dataDir);
    const again = await second.connect();
    const { threads } = await again.call("orchestration.getShellSnapshot", {});
    assert.isAbove(threads.length, 0);
    for (const { threadId } of threads) {
      assert.equal((await settled(again, threadId)).eventType, "thread.worktree-made");
      const { worktreePath, branch } = await threadOf(again, threadId);
      assert.equal(git(worktreePath, "status", "--porcelain", "--branch"), `## ${branch}`);
    }
    assert.equal(git(repository, "worktree", "list").split("\n").length, threads.length + 1);
  });
});
