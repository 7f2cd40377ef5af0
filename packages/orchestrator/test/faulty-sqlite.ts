/** Lets statements fail as SQLite would: what an I/O error or a full disk does, at every point. */
import { StatementSync } from "node:sqlite";
import { Effect } from "effect";

/** https://www.sqlite.org/rescode.html */
export const SQLITE_IOERR = 10;
export const SQLITE_FULL = 13;

type Run = (this: StatementSync, ...parameters: Array<never>) => unknown;

/** How a statement fails. */
export interface Failure {
  readonly errcode: number;
  /** Whether the statement is carried out all the same. */
  readonly carriedOut: boolean;
}

export interface Fault extends Failure {
  /** Which statement fails, counted from 1. */
  readonly at: number;
}

/** Asks `judge` before each statement of every connection; gives what ends that. */
export const interceptStatements = (judge: (statement: string) => Failure | undefined): (() => void) => {
  const methods = (["all", "run"] as const).map((name) => [name, StatementSync.prototype[name]] as const);
  const put = (name: string, value: unknown) =>
    Object.defineProperty(StatementSync.prototype, name, { value, configurable: true, writable: true });
  for (const [name, original] of methods) {
    const faulty: Run = function (...parameters) {
      const failure = judge(this.sourceSQL);
      if (failure === undefined) return (original as Run).apply(this, parameters);
      if (failure.carriedOut) (original as Run).apply(this, parameters);
      throw Object.assign(new Error(`injected at ${this.sourceSQL}`), { errcode: failure.errcode });
    };
    put(name, faulty);
  }
  return () => {
    for (const [name, original] of methods) put(name, original);
  };
};

/** Counts statements from now on, and lets one of them throw; gives the count so far. */
export const injectFault = (fault: Fault) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      let count = 0;
      const restore = interceptStatements(() => {
        count += 1;
        return count === fault.at ? fault : undefined;
      });
      return { restore, count: () => count };
    }),
    ({ restore }) => Effect.sync(restore),
  );
