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
  /** Whose lease it is: nobody else settles it while the lease lasts. */
  readonly owner: string;
  /** This one included. */
  readonly attempts: number;
}

/** A claim, as the one who has it names it. */
export type Claim = Pick<ClaimedEffect, "effectId" | "owner">;

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
    /** Takes the first open effect of each lane that is due and free, or whose lease another let expire; oldest first. */
    readonly claim: (request: {
      readonly owner: string;
      readonly leaseMillis: number;
      readonly limit: number;
    }) => Effect.Effect<ReadonlyArray<ClaimedEffect>, SqlError.SqlError>;
    /** Makes the leases of what `owner` has claimed last so long from now on; gives those that it still has. */
    readonly renew: (request: {
      readonly owner: string;
      readonly leaseMillis: number;
    }) => Effect.Effect<ReadonlySet<number>, SqlError.SqlError>;
    /** When `owner` may claim the next effect, in milliseconds since 1970, or null if none waits. */
    readonly nextDue: (owner: string) => Effect.Effect<number | null, SqlError.SqlError>;
    /** These three settle a claim. They do nothing where its lease went to another. */
    readonly complete: (claim: Claim, outcome: string) => Effect.Effect<void, SqlError.SqlError>;
    /** Gives the effect back, to be tried again at `dueAt`. */
    readonly retry: (claim: Claim, dueAt: number, outcome: string) => Effect.Effect<void, SqlError.SqlError>;
    /** Gives up. The row stays, for someone to look at. */
    readonly bury: (claim: Claim, outcome: string) => Effect.Effect<void, SqlError.SqlError>;
    /** At start of the only server: what a dead process had claimed is open again, with its attempts counted. */
    readonly releaseClaims: Effect.Effect<void, SqlError.SqlError>;
    /** What `owner` has claimed and does not carry out: after a claim of which it is not known whether it stood. */
    readonly releaseLost: (
      owner: string,
      carriedOut: ReadonlyArray<number>,
    ) => Effect.Effect<void, SqlError.SqlError>;
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
        { effectId, owner }: Claim,
        status: "done" | "dead" | "pending",
        outcome: string,
        dueAt?: number,
      ) =>
        Effect.flatMap(
          now,
          (at) => sql`UPDATE orchestration_effects
            SET status = ${status}, outcome = ${outcome}, due_at = coalesce(${dueAt ?? null}, due_at),
                lease_owner = NULL, lease_until = NULL, updated_at = ${at}
            WHERE effect_id = ${effectId} AND lease_owner = ${owner}`,
        ).pipe(Effect.asVoid, sql.withTransaction);

      // The first condition is the one by which SQLite finds the index of open effects.
      const claimed = sql`status IN ('pending', 'claimed') AND status = 'claimed'`;
      const release = (more: Statement.Fragment) =>
        sql`UPDATE orchestration_effects SET status = 'pending', lease_owner = NULL, lease_until = NULL
          WHERE ${claimed} ${more}`.pipe(Effect.asVoid, sql.withTransaction);
      /** The first open effect of each lane: the others wait for it. */
      const firstOfLanes = sql`(
          SELECT min(effect_id) AS effect_id FROM orchestration_effects
          WHERE status IN ('pending', 'claimed') GROUP BY lane
        ) AS first
        JOIN orchestration_effects AS effect ON effect.effect_id = first.effect_id`;
      /** From when an effect may be claimed; null where it may not, since whoever asks has it already. */
      const claimableAt = (owner: string) =>
        sql`CASE WHEN effect.status = 'pending' THEN effect.due_at
          WHEN effect.lease_owner <> ${owner} THEN effect.lease_until END`;

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
              SELECT first.effect_id FROM ${firstOfLanes}
              WHERE ${claimableAt(owner)} <= ${millis}
              ORDER BY first.effect_id LIMIT ${limit}
            )
            RETURNING effect_id, event_sequence, event_id, correlation_id, kind, lane, payload_json, due_at, attempts`;
          // In a transaction of its own: a lone statement could slip into the writer's, and be rolled back with it.
          const rows = yield* sql.withTransaction(claim);
          return rows
            .map((row) => fromRow(row, owner))
            .toSorted((left, right) => left.effectId - right.effectId);
        }),
        renew: Effect.fnUntraced(function* ({ owner, leaseMillis }) {
          const until = (yield* Clock.currentTimeMillis) + leaseMillis;
          const rows = yield* sql<Pick<EffectRow, "effect_id">>`UPDATE orchestration_effects
            SET lease_until = ${until} WHERE ${claimed} AND lease_owner = ${owner} RETURNING effect_id`.pipe(
            sql.withTransaction,
          );
          return new Set(rows.map((row) => row.effect_id));
        }),
        nextDue: (owner) =>
          sql<{ due: number | null }>`SELECT min(${claimableAt(owner)}) AS due FROM ${firstOfLanes}`.pipe(
            Effect.map((rows) => rows[0]?.due ?? null),
          ),
        complete: (claim, outcome) => settle(claim, "done", outcome),
        retry: (claim, dueAt, outcome) => settle(claim, "pending", outcome, dueAt),
        bury: (claim, outcome) => settle(claim, "dead", outcome),
        releaseClaims: release(sql``),
        releaseLost: (owner, carriedOut) =>
          release(
            sql`AND lease_owner = ${owner} AND NOT ${inList(sql, "effect_id", carriedOut.map(String))}`,
          ),
      });
    }),
  );
}

const fromRow = (row: EffectRow, owner: string): ClaimedEffect => ({
  effectId: row.effect_id,
  owner,
  eventSequence: row.event_sequence,
  eventId: row.event_id,
  correlationId: row.correlation_id,
  kind: row.kind,
  lane: row.lane,
  payload: decodePayload(row.payload_json),
  dueAt: row.due_at,
  attempts: row.attempts,
});
