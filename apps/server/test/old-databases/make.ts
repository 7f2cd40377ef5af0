/** Makes a sample of the present schema, as README.md says: `node apps/server/test/old-databases/make.ts`. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants } from "node:zlib";
import { MIGRATIONS } from "@heddle/event-store/Migrations";
import { AT, createProject, createThread, prompt, watchTurn } from "../conversation.ts";
import { type Json, RawClient } from "../raw-client.ts";

/** The same on every machine, since it stands in the log. */
const ROOT = "/tmp/heddle-sample";
const WORKSPACE = join(ROOT, "workspace");
const DATA = join(ROOT, "data");
const SERVE = fileURLToPath(new URL("../fixtures/serve.ts", import.meta.url));

const makeWorkspace = (): void => {
  mkdirSync(WORKSPACE, { recursive: true });
  writeFileSync(join(WORKSPACE, "README.md"), "# A project\n");
  const git = (...args: ReadonlyArray<string>) =>
    execFileSync("git", ["-c", "user.name=Sample", "-c", "user.email=sample@example.org", ...args], {
      cwd: WORKSPACE,
    });
  git("init", "--quiet", "--initial-branch=main");
  git("add", "--all");
  git("commit", "--quiet", "--message", "Begin");
};

/** A server of this version; `stop` ends it in order, so that its file holds everything. */
const startServer = async () => {
  const child = spawn(process.execPath, [SERVE, DATA], { stdio: ["ignore", "pipe", "inherit"] });
  const [first] = (await once(child.stdout, "data")) as [Buffer];
  const url = /^listening (\S+)$/m.exec(first.toString())?.[1] ?? "";
  const client = await RawClient.connect(url, readFileSync(join(DATA, "token"), "utf8").trim());
  const stop = async () => {
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    await ended;
  };
  return { client, stop };
};

/** Waits for an event of the thread. */
const until = (client: RawClient, threadId: string, eventType: string, from = 0) =>
  client.stream("orchestration.subscribeThread", { threadId, fromSequenceExclusive: from }, ({ event }) =>
    event?.eventType === eventType ? "stop" : undefined,
  );

/** Sends a prompt, answers what the agent asks, and waits for the end of the turn. */
const turn = async (
  client: RawClient,
  threadId: string,
  messageId: string,
  text: string,
  more: Json = {},
) => {
  const { headSequence } = await client.call("orchestration.replayEvents", {
    fromSequenceExclusive: 0,
    limit: 1,
  });
  const ended = watchTurn(client, threadId, {
    from: headSequence,
    decide: ({ payload }) => (payload.title.includes("two") ? "decline" : "accept"),
  });
  await client.dispatch(prompt(threadId, messageId, text, more));
  await ended;
};

const converse = async (client: RawClient): Promise<void> => {
  await createProject(client, "p1", WORKSPACE);
  const scripts = [{ name: "test", command: "make test" }];
  await client.dispatch({ type: "project.meta.update", commandId: "scripts", projectId: "p1", scripts });

  // A turn with approvals and a question, one that is reverted, and one after it.
  await createThread(client, "t1", "p1");
  const picture = { name: "dot.png", mimeType: "image/png", data: "iVBORw0KGgo=" };
  await turn(
    client,
    "t1",
    "m1",
    "[[plan: look; write]] [[think: hm]] [[say: Good day]] [[write: one.txt | first]] [[write: two.txt | second]] [[ask: Which colour?]]",
  );
  await turn(
    client,
    "t1",
    "m2",
    "[[write: three.txt | third]] [[shell: yes a line of output | head -n 1200]]",
  );
  const revert = { type: "thread.checkpoint.revert", commandId: "revert", threadId: "t1", turnCount: 1 };
  const { sequence } = await client.dispatch({ ...revert, createdAt: AT });
  await until(client, "t1", "thread.reverted", sequence);
  await client.call("orchestration.getTurnDiff", { threadId: "t1", fromTurnCount: 0, toTurnCount: 1 });
  await client.dispatch(prompt("t1", "m3", `${"a long prompt ".repeat(1500)}[[say: read]]`));
  await watchTurn(client, "t1", { from: sequence });
  // Which the demo agent does not take: its turn ends with an error.
  const message = { messageId: "m4", role: "user", text: "[[say: seen]]", attachments: [picture] };
  await turn(client, "t1", "m4", "", { message });

  // A prompt that waited for the turn before it.
  await createThread(client, "t2", "p1", { runtimeMode: "full-access" });
  const both = watchTurn(client, "t2", { turns: 2 });
  await client.dispatch(prompt("t2", "m5", "[[slow: 300]] [[say: one]] [[say: two]]"));
  await client.dispatch(prompt("t2", "m6", "[[say: three]]", { dispatchMode: "queue" }));
  await both;

  const fork = { type: "thread.fork", commandId: "fork", threadId: "t3", sourceThreadId: "t1", turnCount: 1 };
  await client.dispatch({ ...fork, createdAt: AT });
  await turn(client, "t3", "m7", "[[say: from here]]");

  await createThread(client, "t4", "p1");
  await turn(client, "t4", "m8", "[[say: kept]]");
  await client.dispatch({ type: "thread.archive", commandId: "archive", threadId: "t4" });

  await createThread(client, "t5", "p1");
  await turn(client, "t5", "m9", "[[write: four.txt | fourth]]");
  await client.dispatch({ type: "thread.delete", commandId: "delete", threadId: "t5" });
  await client.dispatch(prompt("t5", "m10", "too late")).catch(() => "It is refused, and that is kept.");

  const folder = join(WORKSPACE, "part");
  mkdirSync(folder);
  await createProject(client, "p2", folder);
  await createThread(client, "t6", "p2");
  await client.dispatch({ type: "project.delete", commandId: "delete-project", projectId: "p2" });
  await until(client, "t6", "thread.deleted");

  // What is still open when the server stops: a turn that runs, and a prompt that waits for it.
  await createThread(client, "t7", "p1");
  await client.dispatch(prompt("t7", "m11", "[[say: at work]] [[hang]]"));
  await until(client, "t7", "thread.message-sent", 0);
  await until(client, "t7", "thread.turn-started", 0);
  await client.dispatch(prompt("t7", "m12", "[[say: next]]", { dispatchMode: "queue" }));
};

rmSync(ROOT, { recursive: true, force: true });
makeWorkspace();
const { client, stop } = await startServer();
await converse(client);
await stop();
const database = join(DATA, "heddle.db");
if (existsSync(`${database}-wal`)) throw new Error("The server left a WAL: it did not stop in order.");
const bytes = readFileSync(database);
const params = { [constants.BROTLI_PARAM_LGWIN]: 24, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
const target = new URL(`${MIGRATIONS.at(-1)?.name}.db.br`, import.meta.url);
writeFileSync(target, brotliCompressSync(bytes, { params }));
rmSync(ROOT, { recursive: true, force: true });
process.exit(0);
