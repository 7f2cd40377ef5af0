/**
 * The state that a stream folds to up to one of its versions (`orchestration_stream_snapshots`), so that a long stream is
 * not read from its first event. Nothing is lost with a snapshot: the stream gives it again.
 */
import type { AggregateKind } from "@heddle/contracts/Events";
import { multiRowInsert } from "@heddle/sql/MultiRowInsert";
import { Clock, Context, Effect, Layer } from "effect";
import { SqlClient, type SqlError } from "effect/sql";

export interface StreamSnapshot {
  readonly aggregateKind: AggregateKind;
  readonly streamId: string;
  readonly streamVersion: number;
  /** Of the fold that made it: another fold cannot use it. */
  readonly foldVersion: number;
  readonly stateJson: string;
}

interface SnapshotRow {
  readonly stream_version: number;
  readonly state_json: string;
}

export class StreamSnapshots extends Context.Service<
  StreamSnapshots,
  {
    /** The stream's snapshot by this fold, or undefined. */
    readonly find: (stream: {
      readonly aggregateKind: AggregateKind;
      readonly streamId: string;
      readonly foldVersion: number;
    }) => Effect.Effect<
      { readonly streamVersion: number; readonly stateJson: string } | undefined,
      SqlError.SqlError
    >;
    /** Puts snapshots in place of their streams' earlier ones, inside the caller's transaction. */
    readonly put: (snapshots: ReadonlyArray<StreamSnapshot>) => Effect.Effect<void, SqlError.SqlError>;
  }
>()("heddle/event-store/StreamSnapshots") {
  static readonly layer = Layer.effect(
    StreamSnapshots,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient;
      const upsert = multiRowInsert(sql, {
        table: "orchestration_stream_snapshots",
        columns: [
          "aggregate_kind",
          "stream_id",
          "stream_version",
          "fold_version",
          "state_json",
          "created_at",
        ],
        suffix: `ON CONFLICT (aggregate_kind, stream_id) DO UPDATE SET stream_version = excluded.stream_version,
          fold_version = excluded.fold_version, state_json = excluded.state_json, created_at = excluded.created_at`,
      });
      return StreamSnapshots.of({
        find: ({ aggregateKind, streamId, foldVersion }) =>
          sql<SnapshotRow>`SELECT stream_version, state_json FROM orchestration_stream_snapshots
            WHERE aggregate_kind = ${aggregateKind} AND stream_id = ${streamId} AND fold_version = ${foldVersion}`.pipe(
            Effect.map(([row]) => row && { streamVersion: row.stream_version, stateJson: row.state_json }),
          ),
        put: (snapshots) =>
          snapshots.length === 0
            ? Effect.void
            : Effect.flatMap(Clock.currentTimeMillis, (millis) => {
                const at = new Date(millis).toISOString();
                return upsert(
                  snapshots.map((snapshot) => [
                    snapshot.aggregateKind,
                    snapshot.streamId,
                    snapshot.streamVersion,
                    snapshot.foldVersion,
                    snapshot.stateJson,
                    at,
                  ]),
                );
              }),
      });
    }),
  );
}
