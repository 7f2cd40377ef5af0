/** A session of the real codex becomes a thread, and goes on. Skipped where HEDDLE_TEST_AGENTS names no folder with it. */
import { spawnSync } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { codexBinary, codexHome } from "@heddle/providers/testing/codex/real";
import { Effect, Exit, Scope } from "effect";
import { assert, describe, it } from "vitest";
import { prompt, watchTurn } from "./conversation.ts";
import type { Json } from "./raw-client.ts";
import { afterwards, makeRepository, startServer, temporaryFolder } from "./server-process.ts";

/** A home of codex with a model that notes what it is asked. */
const homeWithModel = async () => {
  const folder = mkdtempSync(join(tmpdir(), "heddle-model-"));
  const log = join(folder, "requests.jsonl");
  Object.assign(process.env, { STUB_LOG: log, STUB_LOG_BODY: "1" });
  const scope = Effect.runSync(Scope.make());
  afterwards(async () => {
    await Effect.runPromise(Scope.close(scope, Exit.void));
    delete process.env["STUB_LOG"];
    delete process.env["STUB_LOG_BODY"];
    rmSync(folder, { recursive: true, force: true });
  });
  const home = await Effect.runPromise(Effect.provideService(codexHome, Scope.Scope, scope));
  const lastRequest = () => readFileSync(log, "utf8").trim().split("\n").at(-1) ?? "";
  return { home, lastRequest };
};

describe.skipIf(codexBinary === undefined)("a session of the real codex", () => {
  it("is imported, and the next prompt goes on in it: the agent remembers, and nothing is there twice", async () => {
    const { home, lastRequest } = await homeWithModel();
    const env = { CODEX_HOME: home, HOME: home, RUST_LOG: "error" };
    const repository = makeRepository(3);
    const command = codexBinary ?? "";
    const said = "The word is heron. [[say: I know the word.]] [[shell: echo woven]] [[say: Done.]]";
    const ran = spawnSync(command, ["exec", "--skip-git-repo-check", said], {
      cwd: repository,
      env: { ...process.env, ...env },
      input: "",
    });
    assert.equal(ran.status, 0, String(ran.stderr));

    const dataDir = temporaryFolder();
    const codex = { protocol: "codex", command, args: ["app-server"], env };
    writeFileSync(join(dataDir, "settings.json"), JSON.stringify({ agents: { codex } }));
    const server = await startServer(dataDir);
    const client = await server.connect();
    let report: Json;
    const take = (item: Json) => {
      if (item.kind === "report") report = item;
      return undefined;
    };
    await client.stream("orchestration.runImport", { source: "codex", all: true }, take);
    const [imported] = report.threads;
    assert.deepInclude(imported, { isNew: true, resumable: true, note: null });
    const { threadId, sourceId } = imported;

    await client.dispatch(prompt(threadId, "m1", "What is the word? [[say: It is heron.]]"));
    await watchTurn(client, threadId);
    const request = lastRequest();
    assert.equal(
      request.split("The word is heron.").length - 1,
      1,
      "the model was given what was said before, once",
    );

    const { thread } = await client.call("orchestration.getThreadSnapshot", { threadId, limit: 1000 });
    assert.deepEqual(
      thread.messages.map(({ role, text }: Json) => [role, text]),
      [
        ["user", said],
        ["assistant", "I know the word."],
        ["assistant", "Done."],
        ["user", "What is the word? [[say: It is heron.]]"],
        ["assistant", "It is heron."],
      ],
    );
    assert.notInclude(
      thread.activities.map(({ kind }: Json) => kind),
      "session.fresh",
    );

    const files = globSync(join(home, "sessions/**/*.jsonl"));
    assert.equal(files.length, 1, "it went on in the same file");
    assert.include(readFileSync(files[0] ?? "", "utf8"), "What is the word?");
    const states: Array<string> = [];
    await client.stream("orchestration.listImports", { source: "codex" }, (item) => {
      if (item.kind === "session") states.push(`${item.sourceId} ${item.state}`);
      return undefined;
    });
    assert.deepEqual(states, [`${sourceId} thread`]);
    await client.stream("orchestration.runImport", { source: "codex", all: true }, take);
    assert.equal(report.threadCount, 0);
  }, 120_000);
});
