/** What reaches SQLite while an effect runs: every statement of every connection, however it was made. */
import { type SQLInputValue, StatementSync } from "node:sqlite";
import { Effect } from "effect";

export interface Recorded {
  readonly statement: string;
  readonly parameters: ReadonlyArray<SQLInputValue>;
}

type Run = (this: StatementSync, ...parameters: Array<SQLInputValue>) => unknown;

const CONTROL = /^(BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE)/;

/** Gives the statements in their order, but for those that begin and end transactions. */
export const recordStatements = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.scoped(
    Effect.gen(function* () {
      const recorded: Array<Recorded> = [];
      for (const name of ["all", "run"] as const) {
        const original = StatementSync.prototype[name] as Run;
        const recording: Run = function (...parameters) {
          if (!CONTROL.test(this.sourceSQL)) recorded.push({ statement: this.sourceSQL, parameters });
          return original.apply(this, parameters);
        };
        yield* Effect.acquireRelease(
          Effect.sync(() => put(name, recording)),
          () => Effect.sync(() => put(name, original)),
        );
      }
      yield* effect;
      return recorded as ReadonlyArray<Recorded>;
    }),
  );

const put = (name: "all" | "run", value: Run) =>
  Object.defineProperty(StatementSync.prototype, name, { value, configurable: true, writable: true });
