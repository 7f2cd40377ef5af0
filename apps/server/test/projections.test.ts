import { existsSync } from "node:fs";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { setTimeout } from "node:timers/promises";
import { assert, describe, it } from "vitest";
import { createProject, createThread, prompt, watchTurn } from "./conversation.ts";
import { openDatabase } from "./database.ts";
import type { Json, RawClient } from "./raw-client.ts";
import { afterwards, makeRepository, startServer, temporaryFolder } from "./server-process.ts";

const EVERYTHING =
  "[[say: words]] [[write: one.txt | first]] [[shell: true]] [[ask: Which colour?]] [[say: done]]";

/** Of each table: its key, and a column that somebody changes. */
const TABLES = {
  projection_projects: { key: ["project_id"], column: "title" },
  projection_threads: { key: ["thread_id"], column: "title" },
  projection_thread_messages: { key: ["message_id"], column: "text" },
  projection_thread_activities: { key: ["activity_id"], column: "summary" },
  projection_thread_sessions: { key: ["thread_id"], column: "last_error" },
  projection_thread_turns: { key: ["turn_id"], column: "reason" },
  projection_checkpoints: { key: ["thread_id", "checkpoint_turn_count"], column: "checkpoint_ref" },
  projection_pending_approvals: { key: ["request_id"], column: "title" },
} as const;
const NAMES = Object.keys(TABLES) as ReadonlyArray<keyof typeof TABLES>;

const another = (dataDir: string): DatabaseSync => {
  const database = openDatabase(dataDir);
  database.exec("PRAGMA busy_timeout = 10000");
  afterwards(() => database.close());
  return database;
};

const rowsOf = (database: DatabaseSync, table: string): ReadonlyArray<Json> =>
  database.prepare(`SELECT * FROM ${table}`).all();

const idOf = (table: keyof typeof TABLES, row: Json): string =>
  [table, ...TABLES[table].key.map((column) => row[column])].join(" ");

/** Threads with everything in them, at which nobody works any more. */
const STILL = ["still-1", "still-2", "still-3"];

const makeStillThreads = async (client: RawClient): Promise<void> => {
  const repository = makeRepository(20);
  for (const [index, threadId] of STILL.entries()) {
    await createProject(client, `p${index}`, repository);
    await createThread(client, threadId, `p${index}`);
    const watched = watchTurn(client, threadId);
    await client.dispatch(prompt(threadId, `m-${threadId}`, EVERYTHING));
    await watched;
  }
  await createThread(client, "busy", "p0");
};

/**
 * In each table: one row changed, one gone, one more. Gives the rows as they should be and as they are now, by their ids.
 */
const corrupt = (database: DatabaseSync) => {
  const right = new Map<string, string>();
  const wrong = new Map<string, string>();
  const differences: Array<string> = [];
  database.exec("BEGIN IMMEDIATE");
  for (const table of NAMES) {
    const { key, column } = TABLES[table];
    const belongs = (row: Json): boolean => STILL.includes(row.thread_id) || /^p[123]$/.test(row.project_id);
    const [changed, gone] = rowsOf(database, table).filter(belongs);
    const where = key.map((name) => `${name} = ?`).join(" AND ");
    const keyOf = (row: Json) => key.map((name) => row[name]);
    const more = { ...changed, [key[0]]: "nobodys", ...("turn_count" in changed && { turn_count: 77 }) };
    database.prepare(`UPDATE ${table} SET ${column} = 'changed' WHERE ${where}`).run(...keyOf(changed));
    database.prepare(`DELETE FROM ${table} WHERE ${where}`).run(...keyOf(gone));
    database
      .prepare(
        `INSERT INTO ${table} (${Object.keys(more).join(", ")}) VALUES (${Object.keys(more)
          .map(() => "?")
          .join(", ")})`,
      )
      .run(...(Object.values(more) as Array<string>));
    right.set(idOf(table, changed), JSON.stringify(changed));
    wrong.set(idOf(table, changed), JSON.stringify({ ...changed, [column]: "changed" }));
    right.set(idOf(table, gone), JSON.stringify(gone));
    wrong.set(idOf(table, more), JSON.stringify(more));
    differences.push(
      `${idOf(table, changed)} differs ${column}`,
      `${idOf(table, gone)} missing`,
      `${idOf(table, more)} surplus`,
    );
  }
  database.exec("COMMIT");
  return { right, wrong, differences };
};

/** What a job says until it ends. */
const job = async (client: RawClient, method: string, payload: Json) => {
  const items: Array<Json> = [];
  const exit = await client.stream(`orchestration.${method}`, payload, (item) => {
    items.push(item);
    return undefined;
  });
  assert.equal(exit._tag, "Success", JSON.stringify(exit));
  return {
    progress: items.filter(({ kind }) => kind === "progress"),
    differences: items
      .filter(({ kind }) => kind === "difference")
      .map(({ table, key, side, columns }: Json) =>
        [table, ...Object.values(key), side, ...columns.map(({ column }: Json) => column)].join(" "),
      ),
    report: items.at(-1),
  };
};

/** Reads until it is told to stop; each time, no table is empty, and each row in question is one of two. */
const pollRows = (database: DatabaseSync, { right, wrong }: ReturnType<typeof corrupt>) => {
  const end = new AbortController();
  let polls = 0;
  const polling = (async () => {
    while (!end.signal.aborted) {
      for (const table of NAMES) {
        const rows = rowsOf(database, table);
        assert.isNotEmpty(rows, `${table} was empty`);
        const found = new Map(rows.map((row) => [idOf(table, row), JSON.stringify(row)]));
        for (const id of new Set([...right.keys(), ...wrong.keys()])) {
          if (!id.startsWith(`${table} `)) continue;
          assert.include([right.get(id), wrong.get(id)], found.get(id), `${id} was neither`);
        }
      }
      polls += 1;
      await setTimeout(1);
    }
    return polls;
  })();
  return () => {
    end.abort();
    return polling;
  };
};

/** Clients that send commands without a pause until they are told to stop; every one must be taken. */
const keepBusy = (clients: ReadonlyArray<RawClient>) => {
  const end = new AbortController();
  let sent = 0;
  const working = Promise.all(
    clients.map(async (client, index) => {
      while (!end.signal.aborted) {
        const commandId = `rename-${index}-${(sent += 1)}`;
        await client.dispatch({ type: "thread.meta.update", commandId, threadId: "busy", title: commandId });
      }
    }),
  );
  return async () => {
    end.abort();
    await working;
    return sent;
  };
};

/** Adds many events to the log of a server that does not run: copies of one activity. */
const lengthenLog = (dataDir: string, count: number): void => {
  const database = openDatabase(dataDir);
  database.exec(`
    INSERT INTO orchestration_events SELECT head.sequence + n.value, 'copy-' || n.value, aggregate_kind, stream_id,
        version.last + n.value, event_type, event_version, occurred_at, command_id, causation_event_id, correlation_id,
        actor_kind, payload_json, metadata_json
      FROM (SELECT * FROM orchestration_events WHERE event_type = 'thread.activity-appended' LIMIT 1) AS event,
        (SELECT max(sequence) AS sequence FROM orchestration_events) AS head,
        (SELECT max(stream_version) AS last FROM orchestration_events WHERE stream_id = '${STILL[0]}') AS version,
        (WITH RECURSIVE numbers(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM numbers WHERE value < ${count})
          SELECT value FROM numbers) AS n
      ORDER BY n.value`);
  database.close();
};

const until = async (fact: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await fact())) await setTimeout(10);
};

describe("verifying and repairing projections while the server is at work", () => {
  it("names every row that was changed by hand and nothing else, and mends them; nobody is disturbed", async () => {
    const dataDir = temporaryFolder();
    const server = await startServer(dataDir);
    const client = await server.connect();
    await makeStillThreads(client);
    await createThread(client, "talking", "p0");
    await client.dispatch(prompt("talking", "long", "[[slow: 2]] [[lorem: 100000]]"));
    const stop = keepBusy([await server.connect(), await server.connect(), await server.connect()]);

    const database = another(dataDir);
    const hands = corrupt(database);
    const stopPolling = pollRows(another(dataDir), hands);
    const verified = await job(client, "verifyProjections", {});
    assert.deepEqual(verified.differences.toSorted(), hands.differences.toSorted());
    assert.isFalse(verified.report.sound);

    const repaired = await job(client, "verifyProjections", { repair: true });
    assert.deepEqual(repaired.differences.toSorted(), hands.differences.toSorted());
    assert.isTrue(repaired.report.sound);
    for (const table of NAMES) {
      const found = new Map(rowsOf(database, table).map((row) => [idOf(table, row), JSON.stringify(row)]));
      for (const id of new Set([...hands.right.keys(), ...hands.wrong.keys()])) {
        if (id.startsWith(`${table} `)) assert.equal(found.get(id), hands.right.get(id));
      }
    }
    const again = await job(client, "verifyProjections", {});
    assert.deepEqual(again.differences, []);
    assert.isTrue(again.report.sound);

    assert.isAbove(await stopPolling(), 10);
    assert.isAbove(await stop(), 100);
    const { thread } = await client.call("orchestration.getThreadSnapshot", { threadId: "talking" });
    assert.isTrue(thread.messages.at(-1).isStreaming, "the agent still spoke when it was over");
    assert.isFalse(existsSync(join(dataDir, "rebuild.db")));
  });

  it("goes on after a kill during building, and after one during correcting, and ends sound", async () => {
    const dataDir = temporaryFolder();
    const first = await startServer(dataDir);
    await makeStillThreads(await first.connect());
    await first.kill("SIGTERM");
    lengthenLog(dataDir, 60_000);

    const killWhen = async (phase: string, done: number) => {
      const server = await startServer(dataDir);
      const client = await server.connect();
      await until(async () => {
        const { projectors } = await client.call("orchestration.getProjectionStatus", {});
        return projectors.every(({ state }: Json) => state === "live");
      });
      if (phase === "comparing") {
        another(dataDir).exec("UPDATE projection_thread_activities SET summary = 'changed'");
      }
      const payload = { repair: true };
      let reached = 0;
      await client.stream("orchestration.verifyProjections", payload, (item) => {
        if (item.phase === phase) reached = item.done;
        if (item.phase === phase && item.done >= done) void server.kill("SIGKILL");
        return undefined;
      });
      await server.kill("SIGKILL");
      return reached;
    };

    const built = await killWhen("building", 1000);
    assert.isBelow(built, 60_000, "it was killed before the end");
    assert.isTrue(existsSync(join(dataDir, "rebuild.db")));
    const corrected = await killWhen("comparing", 4000);
    assert.isBelow(corrected, 60_000, "it was killed before the end");

    const server = await startServer(dataDir);
    const client = await server.connect();
    const { report } = await job(client, "verifyProjections", { repair: true });
    assert.isAtLeast(report.resumedFrom, 60_000, "what was built was kept");
    const activities = report.projections.find(({ projector }: Json) => projector === "thread-activities");
    assert.isAbove(activities.differing, 0, "some were left to be corrected");
    assert.isBelow(activities.differing, 60_000, "some were corrected before the kill");
    assert.isTrue(report.sound);
    assert.isTrue((await job(client, "verifyProjections", {})).report.sound);
    assert.isFalse(existsSync(join(dataDir, "rebuild.db")));
  }, 240_000);

  it("ends with its stream: the file goes, and the next can begin", async () => {
    const dataDir = temporaryFolder();
    const first = await startServer(dataDir);
    await makeStillThreads(await first.connect());
    await first.kill("SIGTERM");
    lengthenLog(dataDir, 40_000);
    const server = await startServer(dataDir);
    const client = await server.connect();
    const request = () => client.stream("orchestration.rebuildProjections", {}, () => undefined);

    let [begun, refused]: [boolean, Json] = [false, undefined];
    await client.stream("orchestration.rebuildProjections", {}, () => {
      if (begun) return refused === undefined ? undefined : "stop";
      begun = true;
      void (async () => {
        refused = await request();
      })();
      return undefined;
    });
    assert.equal(refused.cause[0].error._tag, "MaintenanceBusy");
    assert.equal(refused.cause[0].error.job, "A rebuild of projections");
    await until(() => !existsSync(join(dataDir, "rebuild.db")));
    await until(async () => (await request())._tag === "Success");
  });

  it("refuses names that are no projector's, and says which there are", async () => {
    const server = await startServer(temporaryFolder());
    const client = await server.connect();
    const exit = await client.stream("orchestration.verifyProjections", { names: ["nope"] }, () => undefined);
    assert.equal(exit._tag, "Failure");
    const issue = exit._tag === "Failure" ? exit.cause[0]?.error.issues[0] : undefined;
    assert.equal(issue.path, "names[0]");
    assert.include(issue.message, "thread-messages");
  });
});
