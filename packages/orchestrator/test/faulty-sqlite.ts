/** Lets the n-th statement of a connection fail as SQLite would: what an I/O error or a full disk does, at every point. */
import { StatementSync } from "node:sqlite";
import { Effect } from "effect";

/** https://www.sqlite.org/rescode.html */
export const SQLITE_IOERR = 10;
export const SQLITE_FULL = 13;

type Run = (this: StatementSync, ...parameters: Array<never>) => unknown;

export interface Fault {
  /** Which statement fails, counted from 1. */
  readonly at: number;
  readonly errcode: number;
  /** Whether the statement is carried out all the same. */
  readonly carriedOut: boolean;
}

/** Counts statements from now on, and lets one of them throw; gives the count so far. */
export const injectFault = (fault: Fault) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      let count = 0;
      const methods = (["all", "run"] as const).map((name) => [name, StatementSync.prototype[name]] as const);
      for (const [name, original] of methods) {
        const faulty: Run = function (...parameters) {
          count += 1;
          if (count !== fault.at) return (original as Run).apply(this, parameters);
          if (fault.carriedOut) (original as Run).apply(this, parameters);
          throw Object.assign(new Error(`injected at ${this.sourceSQL}`), { errcode: fault.errcode });
        };
        Object.defineProperty(StatementSync.prototype, name, {
          value: faulty,
          configurable: true,
          writable: true,
        });
      }
      return { methods, count: () => count };
    }),
    ({ methods }) =>
      Effect.sync(() => {
        for (const [name, value] of methods) {
          Object.defineProperty(StatementSync.prototype, name, { value, configurable: true, writable: true });
        }
      }),
  );
