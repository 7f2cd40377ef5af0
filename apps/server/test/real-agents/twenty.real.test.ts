/** Many threads at once, some of them with a real agent. */
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { assert, describe, it } from "vitest";
import { createProject, createThread, prompt } from "../conversation.ts";
import type { Json } from "../raw-client.ts";
import { startServer, temporaryFolder } from "../server-process.ts";
import { codex, demo, isThere, titleOf } from "./agents.ts";
import { eventually, makeWorkplace } from "./thread.ts";

const THREADS = 20;

describe("twenty threads at once", () => {
  it.skipIf(!isThere(codex))(
    `all work at the same time, and none waits for another: demo and ${titleOf(codex)}`,
    async () => {
      const { dataDir, repository } = await makeWorkplace([demo, codex]);
      const gate = temporaryFolder();
      const server = await startServer(dataDir);
      const client = await server.connect();
      await createProject(client, "p1", repository);
      const names = Array.from({ length: THREADS }, (_, index) => `t${index + 1}`);
      const [stuck, ...free] = names;
      assert.isDefined(stuck);
      for (const [index, name] of names.entries()) {
        await createThread(client, name, "p1", {
          model: index % 2 === 0 ? "codex" : "demo",
          runtimeMode: name === stuck ? "approval-required" : "full-access",
        });
      }
      // Each says that it is there, and goes on when all the others are too.
      const words = (name: string) =>
        `[[say: before]] [[shell: touch ${gate}/${name}; until [ -e ${gate}/open ]; do sleep 0.1; done]] [[say: after]]`;
      await Promise.all(names.map((name) => client.dispatch(prompt(name, `m-${name}`, words(name)))));

      const threadsNow = async (): Promise<ReadonlyArray<Json>> =>
        (await client.call("orchestration.getSnapshot", {})).threads;
      await eventually(
        "Some do not work while others do",
        async () => {
          const waits = free.filter((name) => !existsSync(join(gate, name)));
          return waits.length === 0 ? undefined : waits;
        },
        90_000,
      );
      // All of them are in their turns, and one asks and is not answered.
      const during = await threadsNow();
      assert.deepEqual(
        during.map(({ turns }) => turns.map(({ status }: Json) => status)),
        names.map(() => ["running"]),
      );
      const open = (thread: Json) =>
        thread.pendingApprovals.filter(({ status }: Json) => status === "pending");
      assert.deepEqual(
        during.filter((thread) => open(thread).length > 0).map(({ threadId }) => threadId),
        [stuck],
      );
      writeFileSync(join(gate, "open"), "");
      await eventually(
        "Some do not end",
        async () => {
          const running = (await threadsNow()).filter(({ turns }) => turns[0].status !== "completed");
          return running.length === 1 ? undefined : running.map(({ threadId }) => threadId);
        },
        90_000,
      );
      for (const { threadId, messages } of (await threadsNow()).filter(
        ({ threadId }) => threadId !== stuck,
      )) {
        const said = messages.filter(({ role }: Json) => role === "assistant");
        assert.match(said.map(({ text }: Json) => text).join(" "), /^before\s+after$/, threadId);
      }
      assert.lengthOf(readdirSync(gate), THREADS);
    },
    240_000,
  );
});
