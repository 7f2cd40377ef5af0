import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { assert, describe, it } from "vitest";
import { openDatabase } from "./database.ts";
import { copyDatabase } from "./kill-loop/copies.ts";
import type { Json, RawClient } from "./raw-client.ts";
import { type RunningServer, startServer, temporaryFolder } from "./server-process.ts";

const SESSIONS = 3;
/** A file of so many is read in two pieces. */
const EXCHANGES = 200;
/** What is said in all of them. */
const MESSAGES = SESSIONS * EXCHANGES * 2;
/**
 * After how many messages that it stored each life of the server ends: in the first session, in the second, and there again.
 * Together they are well below all, as a kill takes its time.
 */
const LIVES = [20, 400, 300];
/** What a person asks for during an import. */
const COMMANDS = 20;

/** A data directory whose codex keeps long sessions, and the words of each. */
const withLongSessions = () => {
  const [dataDir, home, project] = [temporaryFolder(), temporaryFolder(), temporaryFolder()];
  const codex = { protocol: "codex", command: "codex", args: ["app-server"], env: { CODEX_HOME: home } };
  writeFileSync(join(dataDir, "settings.json"), JSON.stringify({ agents: { codex } }));
  const day = join(home, "sessions", "2025", "06", "01");
  mkdirSync(day, { recursive: true });
  for (let session = 0; session < SESSIONS; session += 1) {
    writeFileSync(
      fileOf(day, session),
      `${[metaOf(session, project), ...exchangesOf(session)].join("\n")}\n`,
    );
  }
  return { dataDir, day };
};

const fileOf = (day: string, session: number) =>
  join(day, `rollout-2025-06-01T10-00-0${session}-s${session}.jsonl`);

const at = "2025-06-01T10:00:00.000Z";
const metaOf = (session: number, cwd: string) =>
  JSON.stringify({ timestamp: at, type: "session_meta", payload: { id: `s${session}`, cwd } });
const said = (role: "user" | "assistant", text: string) => {
  const content = [{ type: role === "user" ? "input_text" : "output_text", text }];
  return JSON.stringify({
    timestamp: at,
    type: "response_item",
    payload: { type: "message", role, content },
  });
};
const wordsOf = (session: number) =>
  Array.from({ length: EXCHANGES }, (_, index) => [
    `ask ${session}/${index}`,
    `answer ${session}/${index}`,
  ]).flat();
const exchangesOf = (session: number) =>
  wordsOf(session).map((text, index) => said(index % 2 === 0 ? "user" : "assistant", text));

/** Imports, until the server dies or `onProgress` says stop. */
const runImport = async (client: RawClient, onProgress: (done: number, total: number) => void) => {
  let report: Json;
  await client.stream("orchestration.runImport", { source: "codex", all: true }, (item) => {
    if (item.kind === "progress") onProgress(item.done, item.total);
    if (item.kind === "report") report = item;
    return undefined;
  });
  return report;
};

/** Kills the server once it has told of so many messages that it stored from now on. */
const killAfter = async (server: RunningServer, messages: number): Promise<void> => {
  const client = await server.connect();
  const { snapshotSequence } = await client.call("orchestration.getShellSnapshot", {});
  let stored = 0;
  void client.stream("orchestration.subscribe", { fromSequenceExclusive: snapshotSequence }, ({ event }) => {
    if (event?.eventType === "thread.message-sent") stored += 1;
    if (stored === messages) void server.kill("SIGKILL");
    return undefined;
  });
};

/** Of a copy: whoever opens the database itself does what the next start is to do. */
const storedMessages = (dataDir: string): number => {
  const copy = temporaryFolder();
  copyDatabase(dataDir, copy);
  const database = openDatabase(copy);
  const row = database
    .prepare("SELECT count(*) AS count FROM orchestration_events WHERE event_type = 'thread.message-sent'")
    .get();
  database.close();
  return Number(row?.["count"]);
};

describe("an import", () => {
  it("that a kill -9 of the server cut short, again and again, goes on, and has each message once and in order", async () => {
    const { dataDir, day } = withLongSessions();
    let before = 0;
    for (const messages of LIVES) {
      const server = await startServer(dataDir);
      await killAfter(server, messages);
      assert.isUndefined(await runImport(await server.connect(), () => {}), "it was killed before the end");
      await server.kill("SIGKILL");
      const after = storedMessages(dataDir);
      assert.isAtLeast(after, before + messages);
      assert.isBelow(after, MESSAGES);
      before = after;
    }

    const server = await startServer(dataDir);
    const client = await server.connect();
    const report = await runImport(client, () => {});
    assert.equal(report.unreadableCount, 0);
    appendFileSync(fileOf(day, 0), `${said("user", "one more")}\n`);
    const more = await runImport(client, () => {});
    assert.deepInclude(more, { threadCount: 1, messages: 1 });
    await server.kill("SIGTERM");

    const database = openDatabase(dataDir);
    for (let session = 0; session < SESSIONS; session += 1) {
      const rows = database
        .prepare("SELECT text FROM projection_thread_messages WHERE thread_id = ? ORDER BY sequence")
        .all(`codex-s${session}`);
      assert.deepEqual(
        rows.map(({ text }) => text),
        [...wordsOf(session), ...(session === 0 ? ["one more"] : [])],
      );
      const events = database
        .prepare(
          "SELECT count(*) AS count FROM orchestration_events WHERE stream_id = ? AND event_type = 'thread.message-sent'",
        )
        .get(`codex-s${session}`);
      assert.equal(events?.["count"], rows.length);
    }
    database.close();
  });

  it("does not keep a person waiting: commands are answered while it goes on", async () => {
    const { dataDir } = withLongSessions();
    const server = await startServer(dataDir);
    const [client, person] = await Promise.all([server.connect(), server.connect()]);
    let asked: Promise<unknown> | undefined;
    const ask = async () => {
      for (let index = 0; index < COMMANDS; index += 1) {
        await person.dispatch({
          type: "project.create",
          commandId: `c${index}`,
          projectId: `p${index}`,
          title: "A project",
          workspaceRoot: "/tmp",
          createdAt: at,
        });
      }
    };
    await runImport(client, () => {
      asked ??= ask();
    });
    await asked;
    await server.kill("SIGTERM");

    // Commands that waited for the import would stand behind it. As it is, a few messages come in between two of them.
    const database = openDatabase(dataDir);
    const amid = database
      .prepare(
        `SELECT count(*) AS count FROM orchestration_events WHERE actor_kind = 'client' AND sequence <
          (SELECT max(sequence) FROM orchestration_events WHERE event_type = 'thread.message-sent')`,
      )
      .get();
    database.close();
    assert.equal(amid?.["count"], COMMANDS);
  });

  it("is refused while another one goes on, and for a source that is not known", async () => {
    const { dataDir } = withLongSessions();
    const server = await startServer(dataDir);
    const [client, other] = await Promise.all([server.connect(), server.connect()]);
    let second: Promise<Json> | undefined;
    await runImport(client, () => {
      second ??= other.stream("orchestration.runImport", { source: "codex", all: true }, () => undefined);
    });
    const refused = await second;
    assert.equal(refused.cause[0].error._tag, "MaintenanceBusy");
    const unknown: Json = await other.stream(
      "orchestration.listImports",
      { source: "cursor" },
      () => undefined,
    );
    assert.equal(unknown.cause[0].error._tag, "InvalidInput");
  });
});
