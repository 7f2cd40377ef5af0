/** What each command was answered, so that the same command again gets the same answer (SPEC section 7.1). */
import type { AggregateKind } from "@heddle/contracts/Events";
import { CommandRejected } from "@heddle/contracts/Errors";
import type { CommandId } from "@heddle/contracts/Ids";
import { Context, Effect, Layer, Schema } from "effect";
import { SqlClient, type SqlError } from "effect/sql";
import { inListText } from "@heddle/sql/InList";
import { multiRowInsert } from "@heddle/sql/MultiRowInsert";
import { onConnection, placeholders } from "@heddle/sql/OnConnection";

export interface Receipt {
  readonly commandId: CommandId;
  readonly aggregateKind: AggregateKind;
  readonly aggregateId: string;
  readonly acceptedAt: string;
  /** The last event that the command gave; for a rejected one, the head of the log when it was refused. */
  readonly resultSequence: number;
  /** Null for an accepted command. */
  readonly error: CommandRejected | null;
  /** SHA-256 of the command's canonical JSON, in base64url. Null where the receipt was pruned, and its events say it. */
  readonly fingerprint: string | null;
}

interface ReceiptRow {
  readonly command_id: CommandId;
  readonly aggregate_kind: AggregateKind;
  readonly aggregate_id: string;
  readonly accepted_at: string;
  readonly result_sequence: number;
  readonly error: string | null;
  readonly fingerprint: string | null;
}

const RejectedJson = Schema.fromJsonString(CommandRejected);
const decodeError = Schema.decodeSync(RejectedJson);
const encodeError = Schema.encodeSync(RejectedJson);

export class Receipts extends Context.Service<
  Receipts,
  {
    /**
     * Those of the commands that have been answered. Once receipts have been pruned, an accepted command is also known
     * by its events.
     */
    readonly find: (
      commandIds: ReadonlyArray<CommandId>,
    ) => Effect.Effect<ReadonlyMap<CommandId, Receipt>, SqlError.SqlError>;
    /** Says that receipts have been pruned. */
    readonly pruned: () => void;
    /** Inside the caller's transaction. */
    readonly insert: (receipts: ReadonlyArray<Receipt>) => Effect.Effect<void, SqlError.SqlError>;
  }
>()("heddle/event-store/Receipts") {
  static readonly layer = Layer.effect(
    Receipts,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient;
      const insert = multiRowInsert(sql, {
        table: "orchestration_command_receipts",
        columns: [
          "command_id",
          "aggregate_kind",
          "aggregate_id",
          "accepted_at",
          "result_sequence",
          "status",
          "error",
          "fingerprint",
        ],
      });
      const { condition, parameter } = inListText(sql, "command_id", placeholders(sql)());
      const select = `SELECT command_id, aggregate_kind, aggregate_id, accepted_at, result_sequence, error, fingerprint
        FROM orchestration_command_receipts WHERE ${condition}`;
      // The bare columns are those of the row with the highest sequence.
      const byEvents = `SELECT command_id, aggregate_kind, stream_id AS aggregate_id, occurred_at AS accepted_at,
        max(sequence) AS result_sequence, NULL AS error, NULL AS fingerprint
        FROM orchestration_events WHERE ${condition} GROUP BY command_id`;
      const findRows = (statement: string, commandIds: ReadonlyArray<CommandId>) =>
        onConnection(sql, (connection) =>
          connection.execute(statement, [parameter(commandIds)], undefined),
        ).pipe(Effect.map((rows): ReadonlyArray<ReceiptRow> => rows));
      const cutoffs = yield* sql`SELECT 1 FROM orchestration_pruned_receipts LIMIT 1`;
      let pruned = cutoffs.length > 0;
      return Receipts.of({
        find: Effect.fnUntraced(function* (commandIds) {
          const stored = yield* findRows(select, commandIds);
          const receipts = new Map(stored.map((row) => [row.command_id, fromRow(row)]));
          if (!pruned) return receipts;
          const others = commandIds.filter((commandId) => !receipts.has(commandId));
          for (const row of yield* findRows(byEvents, others)) receipts.set(row.command_id, fromRow(row));
          return receipts;
        }),
        pruned: () => {
          pruned = true;
        },
        insert: (receipts) =>
          insert(
            receipts.map((receipt) => [
              receipt.commandId,
              receipt.aggregateKind,
              receipt.aggregateId,
              receipt.acceptedAt,
              receipt.resultSequence,
              receipt.error === null ? "accepted" : "rejected",
              receipt.error === null ? null : encodeError(receipt.error),
              receipt.fingerprint,
            ]),
          ),
      });
    }),
  );
}

const fromRow = (row: ReceiptRow): Receipt => ({
  commandId: row.command_id,
  aggregateKind: row.aggregate_kind,
  aggregateId: row.aggregate_id,
  acceptedAt: row.accepted_at,
  resultSequence: row.result_sequence,
  error: row.error === null ? null : decodeError(row.error),
  fingerprint: row.fingerprint,
});
