import { request } from "node:http";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { assert, describe, it } from "vitest";
import { createProject } from "./conversation.ts";
import type { RpcFailure } from "./raw-client.ts";
import { type Frame, type Json } from "./raw-client.ts";
import { startServer, temporaryFolder } from "./server-process.ts";

interface Answer {
  readonly status: number;
  readonly body: Json;
}

/** An upgrade to `/rpc`, or a plain request, with headers of one's own choice. */
const ask = (url: string, path: string, headers: Record<string, string>): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    const sent = request({ hostname, port, path, headers }, (response) => {
      let body = "";
      response.on("data", (chunk) => (body += chunk));
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, body: body === "" ? null : JSON.parse(body) }),
      );
    });
    sent.on("upgrade", (response, socket) => {
      socket.destroy();
      resolve({ status: response.statusCode ?? 0, body: null });
    });
    sent.on("error", reject);
    sent.end();
  });

const upgrade = {
  connection: "Upgrade",
  upgrade: "websocket",
  "sec-websocket-version": "13",
  "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
};

describe("a connection", () => {
  it("needs the token, a Host that is the server's, and no foreign Origin", async () => {
    const dataDir = temporaryFolder();
    const { url, token } = await startServer(dataDir);
    const authorization = `Bearer ${token}`;
    const own = new URL(url).host;
    const cases: ReadonlyArray<readonly [number, Record<string, string>]> = [
      [101, { authorization }],
      [101, { authorization, origin: url }],
      [401, {}],
      [401, { authorization: "Bearer wrong" }],
      [401, { authorization: `Basic ${token}` }],
      [403, { authorization, host: "evil.example" }],
      [403, { authorization, host: own.replace(/\d+$/, "1") }],
      [403, { authorization, origin: "http://evil.example" }],
      [403, { authorization, origin: "null" }],
      [403, { authorization, origin: `${url}.evil.example` }],
    ];
    for (const [status, headers] of cases) {
      const answer = await ask(url, "/rpc", { ...upgrade, host: own, ...headers });
      assert.equal(answer.status, status, JSON.stringify(headers));
      if (status !== 101) assert.isString(answer.body.message);
    }
    assert.equal((await ask(url, "/rpc", { host: own, authorization })).status, 426);
    assert.equal((await ask(url, "/ready", { host: "evil.example" })).status, 403);
  });

  it("finds the token in a file that only its owner can read", async () => {
    const dataDir = temporaryFolder();
    const { token } = await startServer(dataDir);
    assert.equal(statSync(join(dataDir, "token")).mode & 0o777, 0o600);
    assert.equal(readFileSync(join(dataDir, "token"), "utf8").trim(), token);
    assert.isAtLeast(token.length, 32);
  });

  it("is told whether the server is up and ready", async () => {
    const { url } = await startServer(temporaryFolder());
    const host = new URL(url).host;
    assert.deepEqual(await ask(url, "/health", { host }), { status: 200, body: { status: "ok" } });
    const ready = await ask(url, "/ready", { host });
    assert.equal(ready.status, 200);
    assert.equal(ready.body.status, "ready");
    assert.match(ready.body.version, /^\d+\.\d+\.\d+$/);
    assert.deepInclude(ready.body.counts, { runningTurns: 0, openRequests: 0, openEffects: 0 });
  });
});

describe("bad input", () => {
  it("gets a typed failure that says which field and why, and the connection goes on", async () => {
    const server = await startServer(temporaryFolder());
    const client = await server.connect();
    const failure = (promise: Promise<Json>) =>
      promise.then(
        () => assert.fail("It was taken."),
        (error: RpcFailure) => error.error,
      );

    const wrong = await failure(
      client.dispatch({
        type: "thread.turn.start",
        commandId: "c1",
        threadId: "has spaces",
        message: { messageId: "m1", role: "user", text: "hi", attachments: [{ name: 5 }] },
        createdAt: "yesterday",
      }),
    );
    assert.equal(wrong._tag, "InvalidInput");
    assert.deepEqual(
      wrong.issues.map(({ path }: Json) => path),
      [
        "threadId",
        "message.attachments[0].name",
        "message.attachments[0].mimeType",
        "message.attachments[0].data",
        "createdAt",
      ],
    );

    const unknown = await failure(client.dispatch({ type: "thread.explode", commandId: "c2" }));
    assert.deepEqual([unknown._tag, unknown.issues[0].path], ["InvalidInput", "type"]);
    const nothing = await failure(client.call("orchestration.dispatchCommand", null));
    assert.equal(nothing._tag, "InvalidInput");
    const internal = await failure(
      client.dispatch({ type: "thread.turn.complete", commandId: "c3", threadId: "t1", turnId: "x" }),
    );
    assert.equal(internal._tag, "ServerOnlyCommand");
    const taken = await failure(createProject(client, "p0", "/tmp", "heddle:mine"));
    assert.equal(taken.issues[0].path, "commandId");
    const method = await failure(client.call("orchestration.startSession", {}));
    assert.equal(method._tag, "UnknownMethod");
    const cursor = await failure(client.call("orchestration.replayEvents", { fromSequenceExclusive: -1 }));
    assert.equal(cursor.issues[0].path, "fromSequenceExclusive");
    const thread = await failure(client.call("orchestration.getThreadSnapshot", { threadId: "none" }));
    assert.equal(thread._tag, "NotFound");

    assert.deepEqual(await createProject(client, "p1", "/tmp"), { sequence: 1 });
  });

  it("that is not even a frame gets an answer as well", async () => {
    const server = await startServer(temporaryFolder());
    const client = await server.connect();
    const answered = new Promise<Frame>((resolve) => {
      client.socket.addEventListener("message", ({ data }) => resolve(JSON.parse(String(data))), {
        once: true,
      });
    });
    client.socket.send("this is { not JSON");
    const frame = (await answered) as Json;
    assert.equal(frame.exit.cause[0].error._tag, "InvalidInput");
    for (const odd of [
      "null",
      "[]",
      "[null, 5]",
      '{"_tag":"Request"}',
      '{"_tag":"Request","id":{},"tag":"x"}',
      '{"_tag":"Nope"}',
    ]) {
      client.socket.send(odd);
    }
    assert.deepEqual(await createProject(client, "p1", "/tmp"), { sequence: 1 });
  });
});
