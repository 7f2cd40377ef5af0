/** What events asked for, and what came of it, as inspection gives it. */
import { RequestedEffect } from "@heddle/contracts/InspectionRpc";
import { selectValues } from "@heddle/sql/OnConnection";
import { Effect, Schema } from "effect";
import type { SqlClient, SqlError } from "effect/sql";

const { fields } = RequestedEffect;
const Row = Schema.Tuple([
  fields.effectId,
  fields.eventSequence,
  fields.kind,
  fields.lane,
  fields.status,
  fields.attempts,
  Schema.Int,
  fields.outcome,
  Schema.fromJsonString(Schema.Json),
  fields.createdAt,
  fields.updatedAt,
]);

const decode = Schema.decodeUnknownEffect(Row);

const OF_EVENTS = `SELECT effect_id, event_sequence, kind, lane, status, attempts, due_at, outcome, payload_json,
    created_at, updated_at
  FROM orchestration_effects WHERE event_sequence IN (SELECT value FROM json_each(?)) ORDER BY effect_id`;

/** The effects of these events, in their order. */
export const effectsOf = (
  sql: SqlClient.SqlClient,
  sequences: ReadonlyArray<number>,
): Effect.Effect<ReadonlyArray<RequestedEffect>, SqlError.SqlError | Schema.SchemaError> =>
  Effect.flatMap(selectValues(sql, OF_EVENTS, [JSON.stringify(sequences)]), Effect.forEach(toEffect));

const toEffect = (values: ReadonlyArray<unknown>): Effect.Effect<RequestedEffect, Schema.SchemaError> =>
  Effect.map(
    decode(values),
    ([
      effectId,
      eventSequence,
      kind,
      lane,
      status,
      attempts,
      dueAt,
      outcome,
      payload,
      createdAt,
      updatedAt,
    ]) => ({
      effectId,
      eventSequence,
      kind,
      lane,
      status,
      attempts,
      dueAt: new Date(dueAt).toISOString(),
      outcome,
      payload,
      createdAt,
      updatedAt,
    }),
  );
