/** How SQLite carries out what a service sends: a read that would walk a whole table fails its test. */
import { recordStatements } from "@heddle/sql/testing/RecordStatements";
import { Effect } from "effect";
import { SqlClient } from "effect/sql";

export interface Plan {
  readonly statement: string;
  /** Lines of EXPLAIN QUERY PLAN. */
  readonly steps: ReadonlyArray<string>;
}

/** Runs an effect and gives the plan of each statement that it sent, but for those that begin and end transactions. */
export const plansOf = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const sent = yield* recordStatements(effect);
    const sql = yield* SqlClient.SqlClient;
    return yield* Effect.forEach(sent, ({ statement, parameters }) =>
      sql
        .unsafe<{ detail: string }>(`EXPLAIN QUERY PLAN ${statement}`, parameters)
        .pipe(Effect.map((rows): Plan => ({ statement, steps: rows.map(({ detail }) => detail) }))),
    );
  });

/** Steps that walk a whole table or index, but for those that `harmless` matches. */
export const scans = (plans: ReadonlyArray<Plan>, harmless: RegExp = NOTHING): ReadonlyArray<string> =>
  plans.flatMap(({ statement, steps }) =>
    steps
      .filter((step) => step.startsWith("SCAN ") && !LISTS.test(step) && !harmless.test(step))
      .map((step) => `${step} in ${statement}`),
  );

/** The list of values that a statement is given, and a row that is in no table. */
const LISTS = /^SCAN (json_each VIRTUAL TABLE|CONSTANT ROW)/;
const NOTHING = /(?!)/;
