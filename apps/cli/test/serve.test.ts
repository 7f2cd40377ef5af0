/** The server as a process: how it starts, what it says, and how it ends. */
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Heddle, TemporaryFolder } from "./support.ts";

let folder: TemporaryFolder;
let heddle: Heddle;

beforeEach(() => {
  folder = new TemporaryFolder();
  heddle = new Heddle(join(folder.path, "data"));
});
afterEach(async () => {
  await heddle.stop("SIGKILL");
  folder.dispose();
});

describe("heddle serve", () => {
  it("says where it is, is found, and ends in order on SIGTERM", async () => {
    const server = await heddle.serve();
    const record = JSON.parse(readFileSync(join(heddle.dataDir, "server.json"), "utf8"));
    expect(server.stdout).toContain(`Heddle listens at http://127.0.0.1:${record.port}`);
    expect(server.stdout).toContain(`Its data is in ${heddle.dataDir}`);
    expect(server.stdout).toContain("project add .");
    expect(server.stderr).toBe("");
    expect(statSync(heddle.dataDir).mode & 0o077).toBe(0);
    expect(statSync(join(heddle.dataDir, "heddle.db")).mode & 0o077).toBe(0);

    const status = await heddle.run(["status"]);
    expect(status.code).toBe(0);
    expect(status.stdout).toMatch(new RegExp(`Server +http://127.0.0.1:${record.port} +ready`));
    expect(status.stdout).toContain(`Process            ${server.child.pid}, since `);
    expect(await heddle.json(["status"])).toMatchObject({
      pid: server.child.pid,
      dataDirectory: heddle.dataDir,
      status: "ready",
      projects: 0,
      threads: 0,
      runningTurns: 0,
      waitingApprovals: 0,
    });

    const ended = await heddle.stop("SIGTERM");
    expect(ended?.code).toBe(0);
    expect(ended?.stdout).toContain("Stopping…\nStopped.\n");
    expect(existsSync(join(heddle.dataDir, "server.json"))).toBe(false);
  });

  it("ends in order on ctrl-C, too, and keeps what there was", async () => {
    await heddle.serve();
    const { projectId } = await heddle.json(["project", "add", folder.path]);
    expect((await heddle.stop("SIGINT"))?.code).toBe(0);
    await heddle.serve();
    const projects = await heddle.json(["project", "list"]);
    expect(projects).toMatchObject([{ projectId, workspaceRoot: folder.path }]);
  });

  it("prints one JSON line where JSON is wanted", async () => {
    const server = heddle.start(["serve", "--port", "0", "--json"]);
    heddle.server = server;
    const line = await server.says("\n");
    expect(JSON.parse(line)).toMatchObject({ pid: server.child.pid, dataDirectory: heddle.dataDir });
    const ended = await heddle.stop();
    expect(ended).toMatchObject({ code: 0, stdout: line });
  });

  it("refuses a data directory that another server has, and says which process that is", async () => {
    const first = await heddle.serve();
    const second = await heddle.run(["serve", "--port", "0"]);
    expect(second.code).toBe(1);
    expect(second.stderr).toContain(`Process ${first.child.pid} `);
    expect(second.stderr).toContain("--data-dir");
    expect((await heddle.run(["status"])).code).toBe(0);
  });

  it("says so when its port is taken", async () => {
    await heddle.serve();
    const { port } = JSON.parse(readFileSync(join(heddle.dataDir, "server.json"), "utf8"));
    const other = new Heddle(join(folder.path, "other"));
    const refused = await other.run(["serve", "--port", String(port)]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toBe(
      `Error: Port ${port} is taken by another program.\nChoose another port: heddle --data-dir ${other.dataDir} serve --port 0\n`,
    );
  });

  it("says what is wrong with its settings, its folder, its database and its port", async () => {
    mkdirSync(heddle.dataDir);
    writeFileSync(join(heddle.dataDir, "settings.json"), `{"agents": {"x": 3}}`);
    const settings = await heddle.run(["serve", "--port", "0"]);
    expect(settings).toMatchObject({ code: 1, stdout: "" });
    expect(settings.stderr).toContain("settings.json is not valid");

    writeFileSync(join(heddle.dataDir, "settings.json"), "{}");
    writeFileSync(
      join(heddle.dataDir, "heddle.db"),
      "this is no database, but it is longer than a header of one ".repeat(90),
    );
    const database = await heddle.run(["serve", "--port", "0"]);
    expect(database).toMatchObject({ code: 1, stdout: "" });
    expect(database.stderr).toContain("heddle.db cannot be used: file is not a database.");

    const below = new Heddle(join(heddle.dataDir, "settings.json", "below"));
    const unusable = await below.run(["serve", "--port", "0"]);
    expect(unusable).toMatchObject({ code: 1, stdout: "" });
    expect(unusable.stderr).toContain("Could not create the data directory");

    expect((await heddle.run(["serve", "--port", "99999"])).code).toBe(2);
    const variable = await heddle.run(["serve"], { env: { HEDDLE_PORT: "many" } });
    expect(variable).toMatchObject({ code: 2, stderr: expect.stringContaining('HEDDLE_PORT is "many"') });
  });
});

describe("without a server", () => {
  it("commands say so, and how to start one", async () => {
    const human = await heddle.run(["status"]);
    expect(human).toEqual({
      code: 1,
      stdout: "",
      stderr: `Error: No server runs for ${heddle.dataDir}.\nStart one with: heddle --data-dir ${heddle.dataDir} serve\n`,
    });
    const machine = await heddle.run(["thread", "list", "--json"]);
    expect(machine).toMatchObject({ code: 1, stdout: "" });
    expect(JSON.parse(machine.stderr)).toMatchObject({ error: "no-server", dataDirectory: heddle.dataDir });
  });

  it("a record that was left behind does not keep them waiting", async () => {
    mkdirSync(heddle.dataDir);
    writeFileSync(join(heddle.dataDir, "token"), "x".repeat(40));
    const record = { pid: process.pid, host: "127.0.0.1", port: 1, startedAt: new Date().toISOString() };
    writeFileSync(join(heddle.dataDir, "server.json"), JSON.stringify(record));
    const { code, stderr } = await heddle.run(["project", "list"]);
    expect(code).toBe(1);
    expect(stderr).toContain("nothing listens at http://127.0.0.1:1.");
    expect(stderr).toContain("server.json");
  });

  it("a refused token is named as such, at once", async () => {
    await heddle.serve();
    writeFileSync(join(heddle.dataDir, "token"), "x".repeat(43));
    const { code, stderr } = await heddle.run(["project", "list", "--json"]);
    expect(code).toBe(1);
    expect(JSON.parse(stderr)).toMatchObject({ error: "token-refused" });
  });
});
