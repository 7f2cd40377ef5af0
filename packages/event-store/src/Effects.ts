/**
 * Durable effects (SPEC section 8): rows written in the transaction of the event that asks for them, claimed by a worker,
 * one at a time per lane. docs/adr/0006-durable-effects.md says why this is not Effect's own queue.
 */
import type { EventId } from "@heddle/contracts/Ids";
import { Clock, Context, Effect, Layer, Schema } from "effect";
import { SqlClient, type SqlError, type Statement } from "effect/sql";
import { inList } from "@heddle/sql/InList";
import { multiRowInsert } from "@heddle/sql/MultiRowInsert";

export interface NewEffect {
  readonly eventSequence: number;
  readonly eventId: EventId;
  readonly correlationId: string | null;
  readonly kind: string;
  readonly lane: string;
  readonly payload: Schema.Json;
  /** Milliseconds since 1970. */
  readonly dueAt: number;
}

export interface ClaimedEffect extends NewEffect {
  readonly effectId: number;
  /** This one included. */
  readonly attempts: number;
}

interface EffectRow {
  readonly effect_id: number;
  readonly event_sequence: number;
  readonly event_id: EventId;
  readonly correlation_id: string | null;
  readonly kind: string;
  readonly lane: string;
  readonly payload_json: string;
  readonly due_at: number;
  readonly attempts: number;
}

const decodePayload = Schema.decodeSync(Schema.fromJsonString(Schema.Json));

export class Effects extends Context.Service<
  Effects,
  {
    /** Inside the transaction of the events that ask for them. */
    readonly insert: (effects: ReadonlyArray<NewEffect>) => Effect.Effect<void, SqlError.SqlError>;
    /** Takes the first open effect of each lane that is free and due, oldest first. */
    readonly claim: (request: {
      readonly owner: string;
      readonly leaseMillis: number;
      readonly limit: number;
    }) => Effect.Effect<ReadonlyArray<ClaimedEffect>, SqlError.SqlError>;
    /** When the next effect is due, in milliseconds since 1970, or null if none waits. */
    readonly nextDue: Effect.Effect<number | null, SqlError.SqlError>;
    readonly complete: (effectId: number, outcome: string) => Effect.Effect<void, SqlError.SqlError>;
    /** Gives the effect back, to be tried again at `dueAt`. */
    readonly retry: (
      effectId: number,
      dueAt: number,
      outcome: string,
    ) => Effect.Effect<void, SqlError.SqlError>;
    /** Gives up. The row stays, for someone to look at. */
    readonly bury: (effectId: number, outcome: string) => Effect.Effect<void, SqlError.SqlError>;
    /** At start: what a dead process had claimed is open again, with its attempts counted. */
    readonly releaseClaims: Effect.Effect<void, SqlError.SqlError>;
    /** The same, but for those that are being carried out: after a claim of which it is not known whether it stood. */
    readonly releaseLost: (carriedOut: ReadonlyArray<number>) => Effect.Effect<void, SqlError.SqlError>;
  }
>()("heddle/event-store/Effects") {
  static readonly layer = Layer.effect(
    Effects,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient;
      const insert = multiRowInsert(sql, {
        table: "orchestration_effects",
        columns: [
          "event_sequence",
          "event_id",
          "correlation_id",
          "kind",
          "lane",
          "payload_json",
          "status",
          "due_at",
          "attempts",
          "created_at",
          "updated_at",
        ],
      });
      const now = Effect.map(Clock.currentTimeMillis, (millis) => new Date(millis).toISOString());
      const settle = (
        effectId: number,
        status: "done" | "dead" | "pending",
        outcome: string,
        dueAt?: number,
      ) =>
        Effect.flatMap(
          now,
          (at) => sql`UPDATE orchestration_effects
            SET status = ${status}, outcome = ${outcome}, due_at = coalesce(${dueAt ?? null}, due_at),
                lease_owner = NULL, lease_until = NULL, updated_at = ${at}
            WHERE effect_id = ${effectId}`,
        ).pipe(Effect.asVoid, sql.withTransaction);

      // The first condition is the one by which SQLite finds the index of open effects.
      const release = (more: Statement.Fragment) =>
        sql`UPDATE orchestration_effects SET status = 'pending', lease_owner = NULL, lease_until = NULL
          WHERE status IN ('pending', 'claimed') AND status = 'claimed' ${more}`.pipe(
          Effect.asVoid,
          sql.withTransaction,
        );

      return Effects.of({
        insert: (effects) =>
          Effect.flatMap(now, (at) =>
            insert(
              effects.map((effect) => [
                effect.eventSequence,
                effect.eventId,
                effect.correlationId,
                effect.kind,
                effect.lane,
                JSON.stringify(effect.payload),
                "pending",
                effect.dueAt,
                0,
                at,
                at,
              ]),
            ),
          ),
        claim: Effect.fn("Effects.claim")(function* ({ owner, leaseMillis, limit }) {
          const millis = yield* Clock.currentTimeMillis;
          const claim = sql<EffectRow>`UPDATE orchestration_effects
            SET status = 'claimed', attempts = attempts + 1, lease_owner = ${owner},
                lease_until = ${millis + leaseMillis}, updated_at = ${new Date(millis).toISOString()}
            WHERE effect_id IN (
              SELECT first.effect_id FROM (
                SELECT min(effect_id) AS effect_id FROM orchestration_effects
                WHERE status IN ('pending', 'claimed') GROUP BY lane
              ) AS first
              JOIN orchestration_effects AS effect ON effect.effect_id = first.effect_id
              WHERE effect.status = 'pending' AND effect.due_at <= ${millis}
              ORDER BY first.effect_id LIMIT ${limit}
            )
            RETURNING effect_id, event_sequence, event_id, correlation_id, kind, lane, payload_json, due_at, attempts`;
          // In a transaction of its own: a lone statement could slip into the writer's, and be rolled back with it.
          const rows = yield* sql.withTransaction(claim);
          return rows.map(fromRow).toSorted((left, right) => left.effectId - right.effectId);
        }),
        nextDue: sql<{ due: number | null }>`SELECT min(effect.due_at) AS due FROM (
            SELECT min(effect_id) AS effect_id FROM orchestration_effects
            WHERE status IN ('pending', 'claimed') GROUP BY lane
          ) AS first
          JOIN orchestration_effects AS effect ON effect.effect_id = first.effect_id
          WHERE effect.status = 'pending'`.pipe(Effect.map((rows) => rows[0]?.due ?? null)),
        complete: (effectId, outcome) => settle(effectId, "done", outcome),
        retry: (effectId, dueAt, outcome) => settle(effectId, "pending", outcome, dueAt),
        bury: (effectId, outcome) => settle(effectId, "dead", outcome),
        releaseClaims: release(sql``),
        releaseLost: (carriedOut) =>
          release(sql`AND NOT ${inList(sql, "effect_id", carriedOut.map(String))}`),
      });
    }),
  );
}

const fromRow = (row: EffectRow): ClaimedEffect => ({
  effectId: row.effect_id,
  eventSequence: row.event_sequence,
  eventId: row.event_id,
  correlationId: row.correlation_id,
  kind: row.kind,
  lane: row.lane,
  payload: decodePayload(row.payload_json),
  dueAt: row.due_at,
  attempts: row.attempts,
});
