import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { assert, describe, it } from "vitest";
import { openDatabase } from "./database.ts";
import type { Json, RawClient } from "./raw-client.ts";
import { startServer, temporaryFolder } from "./server-process.ts";

const SESSIONS = 3;
const EXCHANGES = 400;

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

describe("an import", () => {
  it("that a kill -9 of the server cut short, again and again, goes on, and has each message once and in order", async () => {
    const { dataDir, day } = withLongSessions();
    for (const share of [0.1, 0.4, 0.7]) {
      const server = await startServer(dataDir);
      const client = await server.connect();
      let killed: Promise<unknown> | undefined;
      const report = await runImport(client, (done, total) => {
        if (done > total * share) killed ??= server.kill("SIGKILL");
      });
      await killed;
      assert.isUndefined(report, "the server was killed in the middle of it");
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
    const job = { goesOn: true };
    let asked: Promise<unknown> | undefined;
    const ask = async () => {
      for (let index = 0; job.goesOn; index += 1) {
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
    job.goesOn = false;
    await asked;
    await server.kill("SIGTERM");

    // What came into the log between one command of the person's and the next, while the import went on.
    const database = openDatabase(dataDir);
    const between = database
      .prepare(
        `SELECT count(*) AS count FROM (
          SELECT event_type, sum(actor_kind = 'client') OVER (ORDER BY sequence) AS asked FROM orchestration_events
        ) WHERE event_type = 'thread.message-sent' GROUP BY asked ORDER BY count`,
      )
      .all()
      .map(({ count }) => Number(count));
    database.close();
    assert.isAbove(between.length, 20);
    assert.isBelow(between[Math.floor(between.length / 2)] ?? Number.NaN, 50);
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
