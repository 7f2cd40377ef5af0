import { assert, describe, it } from "@effect/vitest";
import { CommandRejected, RejectionCode } from "@heddle/contracts/Errors";
import { CommandId } from "@heddle/contracts/Ids";
import { Effect } from "effect";
import { SqlClient, SqlError } from "effect/sql";
import { type Receipt, Receipts } from "../src/Receipts.ts";
import { AT, freshStore } from "./support.ts";

const receipt = (commandId: string, more: Partial<Receipt> = {}): Receipt => ({
  commandId: CommandId.make(commandId),
  aggregateKind: "thread",
  aggregateId: "t1",
  acceptedAt: AT,
  resultSequence: 7,
  error: null,
  fingerprint: `fingerprint of ${commandId}`,
  ...more,
});

const rejection = (commandId: string, code: RejectionCode = "turn-in-progress") =>
  new CommandRejected({
    commandId: CommandId.make(commandId),
    commandType: "thread.turn.start",
    code,
    message: 'A turn is in progress; "wait" – or interrupt it.',
  });

describe("receipts", () => {
  it.effect("are found by their command ids, and what has none is not", () =>
    Effect.gen(function* () {
      const receipts = yield* Receipts;
      const stored = [
        receipt("c1"),
        receipt("c2", { aggregateKind: "project", aggregateId: "p1", resultSequence: 9 }),
        receipt("c3"),
      ];
      yield* receipts.insert(stored);
      const found = yield* receipts.find([
        CommandId.make("c2"),
        CommandId.make("unknown"),
        CommandId.make("c1"),
      ]);
      assert.deepStrictEqual(
        found,
        new Map([stored[0], stored[1]].flatMap((entry) => (entry ? [[entry.commandId, entry]] : []))),
      );
    }).pipe(Effect.provide(freshStore)),
  );

  it.effect("of no command are none", () =>
    Effect.gen(function* () {
      const receipts = yield* Receipts;
      yield* receipts.insert([]);
      assert.deepStrictEqual(yield* receipts.find([]), new Map());
    }).pipe(Effect.provide(freshStore)),
  );

  it.effect.each(RejectionCode.literals)("keep the rejection %s as it was given", (code) =>
    Effect.gen(function* () {
      const receipts = yield* Receipts;
      const error = rejection("c1", code);
      yield* receipts.insert([receipt("c1", { error })]);
      const found = yield* receipts.find([CommandId.make("c1")]);
      assert.deepStrictEqual(found.get(CommandId.make("c1"))?.error, error);
      assert.instanceOf(found.get(CommandId.make("c1"))?.error, CommandRejected);
    }).pipe(Effect.provide(freshStore)),
  );

  it.effect("say in their own column whether the command was accepted", () =>
    Effect.gen(function* () {
      const receipts = yield* Receipts;
      const sql = yield* SqlClient.SqlClient;
      yield* receipts.insert([receipt("c1"), receipt("c2", { error: rejection("c2") })]);
      const rows = yield* sql<{ command_id: string; status: string }>`
        SELECT command_id, status FROM orchestration_command_receipts ORDER BY command_id`;
      assert.deepStrictEqual(
        rows.map((row) => [row.command_id, row.status]),
        [
          ["c1", "accepted"],
          ["c2", "rejected"],
        ],
      );
    }).pipe(Effect.provide(freshStore)),
  );

  it.effect("are one for each command: a second is refused, and those beside it with it", () =>
    Effect.gen(function* () {
      const receipts = yield* Receipts;
      const sql = yield* SqlClient.SqlClient;
      yield* receipts.insert([receipt("c1")]);
      const second = [receipt("c2"), receipt("c1", { resultSequence: 8 })];
      const failure = yield* Effect.flip(sql.withTransaction(receipts.insert(second)));
      assert.instanceOf(failure, SqlError.SqlError);
      const found = yield* receipts.find([CommandId.make("c1"), CommandId.make("c2")]);
      assert.deepStrictEqual([...found.values()], [receipt("c1")]);
    }).pipe(Effect.provide(freshStore)),
  );
});
