/** How a server that is at work ends: in order at the first signal, at once at the second. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { assert, describe, it } from "vitest";
import { Heddle } from "./support.ts";
import { createProject } from "@heddle/server/testing/conversation";
import { openDatabase } from "@heddle/server/testing/database";
import { lockElsewhere } from "@heddle/server/testing/lock-elsewhere";
import { RawClient, RpcFailure } from "@heddle/server/testing/raw-client";
import { afterwards, temporaryFolder } from "@heddle/server/testing/server-process";

const serve = async () => {
  const heddle = new Heddle(join(temporaryFolder(), "data"));
  const server = await heddle.serve();
  afterwards(async () => void (await heddle.stop("SIGKILL")));
  const { port } = JSON.parse(readFileSync(join(heddle.dataDir, "server.json"), "utf8"));
  const token = readFileSync(join(heddle.dataDir, "token"), "utf8").trim();
  return { heddle, server, connect: () => RawClient.connect(`http://127.0.0.1:${port}`, token) };
};

const rename = (commandId: string) => ({
  type: "project.meta.update",
  commandId,
  projectId: "p1",
  title: commandId,
});

describe("a server that is told to stop", () => {
  it("at work, has written what it answered, and nothing that it refused, and ends with 0", async () => {
    const { heddle, server, connect } = await serve();
    const clients = await Promise.all(Array.from({ length: 4 }, connect));
    const [first] = clients as [RawClient];
    await createProject(first, "p1", "/tmp");
    const answered = new Map<string, number>();
    const refused = new Set<string>();
    let sent = 0;
    /** Sends one command after the other until the server does not answer any more. */
    const lane = async (client: RawClient): Promise<void> => {
      for (;;) {
        const commandId = `rename-${(sent += 1)}`;
        try {
          const { sequence } = await client.dispatch(rename(commandId));
          answered.set(commandId, sequence);
          if (answered.size === 500) server.child.kill("SIGTERM");
        } catch (failure) {
          if (client.socket.readyState !== WebSocket.OPEN) return;
          if (!(failure instanceof RpcFailure) || failure.error?._tag !== "ServerBusy") throw failure;
          refused.add(commandId);
          return;
        }
      }
    };
    await Promise.all(clients.flatMap((client) => Array.from({ length: 25 }, () => lane(client))));
    const { code, stdout, stderr } = await server.ended;
    assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
    assert.match(stdout, /Stopping…\nStopped\.\n$/);
    assert.isFalse(existsSync(join(heddle.dataDir, "server.json")));
    // The database was closed in order: nothing is left to be recovered.
    assert.isFalse(existsSync(join(heddle.dataDir, "heddle.db-wal")));

    const database = openDatabase(heddle.dataDir);
    const written = new Map(
      database
        .prepare("SELECT command_id, result_sequence FROM orchestration_command_receipts")
        .all()
        .map((row) => [String(row["command_id"]), Number(row["result_sequence"])]),
    );
    database.close();
    assert.isAtLeast(answered.size, 500);
    for (const [commandId, sequence] of answered) assert.equal(written.get(commandId), sequence);
    for (const commandId of refused) assert.isFalse(written.has(commandId));
  });

  it("twice, ends at once, and leaves what a killed one leaves: a folder that the next takes over", async () => {
    const { heddle, server, connect } = await serve();
    const client = await connect();
    await createProject(client, "p1", "/tmp");
    // The one that stops in order waits for this command, and the command for the lock.
    const letGo = await lockElsewhere(join(heddle.dataDir, "heddle.db"));
    const cut = client.dispatch(rename("waits")).catch((failure: unknown) => failure);
    server.child.kill("SIGTERM");
    await server.says("Stopping…");
    server.child.kill("SIGINT");
    const { code, stdout } = await server.ended;
    assert.equal(code, 130);
    assert.notInclude(stdout, "Stopped.");
    assert.instanceOf(await cut, RpcFailure);
    // It could not say that it is gone; who asks the system knows.
    assert.isTrue(existsSync(join(heddle.dataDir, "owner.json")));
    await letGo();
    await heddle.serve();
    assert.equal((await heddle.stop())?.code, 0);
  });
});
