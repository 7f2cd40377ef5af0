/** What commands were answered, as inspection gives it. */
import { CommandRejected } from "@heddle/contracts/Errors";
import { AggregateKind } from "@heddle/contracts/Events";
import { CommandId } from "@heddle/contracts/Ids";
import type { CommandReceipt } from "@heddle/contracts/InspectionRpc";
import { selectValues } from "@heddle/sql/OnConnection";
import { Effect, Schema } from "effect";
import type { SqlClient, SqlError } from "effect/sql";

const Row = Schema.Tuple([
  CommandId,
  AggregateKind,
  Schema.String,
  Schema.String,
  Schema.Int,
  Schema.Literals(["accepted", "rejected"]),
  Schema.NullOr(Schema.fromJsonString(CommandRejected)),
]);

const decode = Schema.decodeUnknownEffect(Row);
const COLUMNS = "command_id, aggregate_kind, aggregate_id, accepted_at, result_sequence, status, error";

const toReceipt = (values: ReadonlyArray<unknown>): Effect.Effect<CommandReceipt, Schema.SchemaError> =>
  Effect.map(
    decode(values),
    ([commandId, aggregateKind, aggregateId, acceptedAt, resultSequence, status, error]) => ({
      commandId,
      aggregateKind,
      aggregateId,
      acceptedAt,
      resultSequence,
      status,
      error,
    }),
  );

/** Null where the command was never decided, or its receipt was pruned. */
export const receiptOf = (
  sql: SqlClient.SqlClient,
  commandId: string,
): Effect.Effect<CommandReceipt | null, SqlError.SqlError | Schema.SchemaError> =>
  Effect.flatMap(
    selectValues(sql, `SELECT ${COLUMNS} FROM orchestration_command_receipts WHERE command_id = ?`, [
      commandId,
    ]),
    ([values]) => (values === undefined ? Effect.succeed(null) : toReceipt(values)),
  );

export interface RejectedWithin {
  readonly aggregateKind: string;
  readonly aggregateId: string;
  readonly fromSequence: number;
  readonly toSequence: number;
}

/** Receipts of one stretch of the log that are looked at; there is one for each command. */
const LOOKED_AT = 20_000;
const GIVEN = 50;

const REJECTED = `SELECT ${COLUMNS} FROM orchestration_command_receipts WHERE command_id IN (
    SELECT command_id FROM (
      SELECT command_id, status, aggregate_kind, aggregate_id FROM orchestration_command_receipts
      WHERE result_sequence >= ? AND result_sequence <= ? ORDER BY result_sequence LIMIT ${LOOKED_AT}
    ) WHERE status = 'rejected' AND aggregate_kind = ? AND aggregate_id = ? LIMIT ${GIVEN}
  ) ORDER BY result_sequence`;

/** The first commands to a project or thread that were rejected while the log stood there. */
export const rejectedWithin = (
  sql: SqlClient.SqlClient,
  { aggregateKind, aggregateId, fromSequence, toSequence }: RejectedWithin,
): Effect.Effect<ReadonlyArray<CommandReceipt>, SqlError.SqlError | Schema.SchemaError> =>
  Effect.flatMap(
    selectValues(sql, REJECTED, [fromSequence, toSequence, aggregateKind, aggregateId]),
    Effect.forEach(toReceipt),
  );
