import { assert, describe, it } from "@effect/vitest";
import type { ClientCommandInput } from "@heddle/contracts/Commands";
import { Effect } from "effect";
import { SqlClient } from "effect/sql";
import { AT, createProject, createThread, freshEngine, rename, send, startTurn } from "./support.ts";

const COMMANDS: ReadonlyArray<ClientCommandInput> = [
  createProject("p1"),
  createThread("t1"),
  startTurn("t1", "m1"),
  startTurn("t1", "m2"),
  rename("t1", "Another title"),
  { type: "thread.turn.interrupt", commandId: "interrupt", threadId: "t1", createdAt: AT },
  { type: "thread.archive", commandId: "archive", threadId: "t1" },
  { type: "thread.unarchive", commandId: "unarchive", threadId: "t1" },
  { type: "thread.delete", commandId: "delete", threadId: "t1" },
  { type: "project.delete", commandId: "delete-project", projectId: "p1" },
];

describe("the log", () => {
  it.live("only grows: whatever a command does, the rows that were there stay as they are", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient;
      const rows = Effect.map(sql`SELECT * FROM orchestration_events ORDER BY sequence`, (found) =>
        found.map((row) => JSON.stringify(row)),
      );
      let before = yield* rows;
      let grown = 0;
      for (const command of COMMANDS) {
        yield* Effect.result(send(command));
        const after = yield* rows;
        assert.deepStrictEqual(after.slice(0, before.length), before, command.type);
        if (after.length > before.length) grown += 1;
        before = after;
      }
      assert.isAtLeast(grown, 8, "the commands were taken");
    }).pipe(Effect.provide(freshEngine)),
  );
});
