/** Whether `projection_state` says what the projectors themselves know: how far they are. */
import type { ColumnDifference, ProjectionReport, RowDifference } from "@heddle/contracts/ProjectionRpc";
import type { Runner } from "@heddle/projections/Runner";
import { Effect } from "effect";
import type { SqlClient, SqlError } from "effect/sql";
import type { Purpose } from "./Rebuild.ts";

interface StateRow {
  readonly projector: string;
  readonly version: number;
  readonly last_applied_sequence: number;
  readonly fault: string | null;
}

interface States {
  readonly runner: Runner["Service"];
  readonly sql: SqlClient.SqlClient;
  readonly exclusively: <A, E, R>(use: Effect.Effect<A, E, R>) => Effect.Effect<A, E | SqlError.SqlError, R>;
}

const TABLE = "projection_state";

/** Compares, and corrects if asked to, while nothing else writes. Those that fail or are built anew are left out. */
export const compareStates = (
  { runner, sql, exclusively }: States,
  names: ReadonlyArray<string>,
  purpose: Purpose,
  limit: number,
) =>
  exclusively(
    Effect.gen(function* () {
      const statuses = yield* runner.status;
      const rows = yield* sql<StateRow>`SELECT projector, version, last_applied_sequence, fault
        FROM projection_state ORDER BY projector`;
      const stored = new Map(rows.map((row) => [row.projector, row]));
      const differences: Array<RowDifference> = [];
      const note = (
        projector: string,
        side: RowDifference["side"],
        columns: ReadonlyArray<ColumnDifference> = [],
      ) => {
        differences.push({
          kind: "difference",
          projector,
          table: TABLE,
          key: { projector },
          side,
          columns,
          since: null,
        });
      };
      for (const { projector, version, state, lastAppliedSequence, fault } of statuses) {
        const row = stored.get(projector);
        if (names.length > 0 && !names.includes(projector)) continue;
        if (state !== "live" && row !== undefined) continue;
        if (row === undefined) note(projector, "missing");
        else {
          const columns = [
            ["version", row.version, version],
            ["last_applied_sequence", row.last_applied_sequence, lastAppliedSequence],
            ["fault", row.fault, fault],
          ] as const;
          const unlike = columns.flatMap(([column, is, shouldBe]): ReadonlyArray<ColumnDifference> =>
            is === shouldBe ? [] : [{ column, stored: textOf(is), rebuilt: textOf(shouldBe), since: null }],
          );
          if (unlike.length > 0) note(projector, "differs", unlike);
        }
      }
      const known = new Set(statuses.map(({ projector }) => projector));
      for (const { projector } of rows) if (!known.has(projector)) note(projector, "surplus");

      const corrected = purpose !== "verify" && differences.length > 0;
      if (corrected) {
        const write = Effect.forEach(differences, ({ projector, side }) => {
          const status = statuses.find((candidate) => candidate.projector === projector);
          return side === "surplus" || status === undefined
            ? Effect.as(sql`DELETE FROM projection_state WHERE projector = ${projector}`, () => {})
            : status.state === "filling"
              ? runner.beginFill(projector)
              : runner.adopt(projector, status.lastAppliedSequence);
        });
        yield* Effect.uninterruptible(
          Effect.map(sql.withTransaction(write), (committed) => {
            for (const each of committed) each();
          }),
        );
      }
      const count = (side: RowDifference["side"]) =>
        differences.filter((difference) => difference.side === side).length;
      const report: ProjectionReport = {
        projector: TABLE,
        table: TABLE,
        rows: rows.length,
        missing: count("missing"),
        surplus: count("surplus"),
        differing: count("differs"),
        corrected,
        sequence: Math.max(0, ...statuses.map(({ lastAppliedSequence }) => lastAppliedSequence)),
        seconds: 0,
        fault: null,
      };
      return { differences: purpose === "rebuild" ? [] : differences.slice(0, limit), report };
    }),
  );

const textOf = (value: string | number | null): string | null => (value === null ? null : String(value));
