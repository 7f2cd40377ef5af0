/** What `/ready` says: whether commands are taken and reads are current, why not, and what the server has to do. */
import { explainSqlError, Reader } from "@heddle/event-store/SqliteDatabase";
import { Engine } from "@heddle/orchestrator/Engine";
import { Feed } from "@heddle/orchestrator/Feed";
import { Runner, stateAt } from "@heddle/projections/Runner";
import { Effect } from "effect";
import type { SqlClient } from "effect/sql";
import manifest from "../package.json" with { type: "json" };

interface Counts {
  readonly runningTurns: number;
  readonly openRequests: number;
  readonly openEffects: number;
  /** Events that this version cannot read; the rest goes on without them. */
  readonly quarantinedEvents: number;
}

/** Each from an index that holds what is open and no more. */
const openWork = (sql: SqlClient.SqlClient) =>
  sql<Counts>`SELECT
    (SELECT count(*) FROM projection_thread_turns WHERE status = 'running') AS runningTurns,
    (SELECT count(*) FROM projection_pending_approvals WHERE status = 'pending') AS openRequests,
    (SELECT count(*) FROM orchestration_effects WHERE status IN ('pending', 'claimed')) AS openEffects,
    (SELECT count(*) FROM orchestration_quarantine) AS quarantinedEvents`.pipe(
    Effect.map(([counts]) => ({ counts: counts ?? null, unreadable: null })),
    Effect.catchTag("SqlError", (error) =>
      Effect.succeed({
        counts: null,
        unreadable: `The database could not be read: ${explainSqlError(error)}.`,
      }),
    ),
  );

export const makeReadiness = Effect.gen(function* () {
  const [engine, feed, runner, sql] = [yield* Engine, yield* Feed, yield* Runner, yield* Reader];
  return Effect.gen(function* () {
    const failure = engine.failure();
    const { counts, unreadable } = yield* openWork(sql);
    const headSequence = feed.head();
    const projectors = (yield* runner.status).map((status) => ({
      ...status,
      state: stateAt(headSequence, status),
    }));
    const store = failure?.message ?? unreadable ?? "ok";
    const ready = store === "ok" && projectors.every(({ fault }) => fault === null);
    return {
      ready,
      report: {
        status: ready ? "ready" : "degraded",
        version: manifest.version,
        headSequence,
        store,
        counts,
        projectors,
      },
    };
  });
});
